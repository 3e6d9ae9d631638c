"""The page that says how truly formats carry values says what they do."""

from docs.fidelity import formats_page
from docs.generate import REFERENCE


def test_the_page_of_the_formats_is_current() -> None:
    page = REFERENCE / "fidelity-formats.md"

    assert page.read_text(encoding="utf-8") == formats_page()
