"""What sheets are called: by people in the workbook, and in the file."""

from collections.abc import Iterable
from typing import Final

from export_assets.formats.xlsx_package import Sheet

_LONG_TEXTS: Final = "_long"
"""What the name of a hidden sheet ends with, in the file."""
_LONGEST_TITLE: Final = 31
_FORBIDDEN: Final = str.maketrans(dict.fromkeys("[]:*?/\\", "_"))


def sheets_of(names: Iterable[str]) -> dict[str, tuple[Sheet, Sheet]]:
    """Return for each table its sheet, and the hidden one of its long texts.

    Titles are those of the tables as far as Excel takes them, no two of them alike.
    """
    taken: set[str] = {"history"}  # which Excel keeps to itself
    found: dict[str, tuple[Sheet, Sheet]] = {}
    for number, name in enumerate(names, 1):
        both = [_title(name, taken), _title(f"{name} (long texts)", taken)]
        plain = Sheet(title=both[0], part=f"sheet{number}")
        hidden = Sheet(title=both[1], part=f"sheet{number}{_LONG_TEXTS}", hidden=True)
        found[name] = plain, hidden
    return found


def _title(name: str, taken: set[str]) -> str:
    plain = "".join(sign if sign.isprintable() else "_" for sign in name.translate(_FORBIDDEN))
    plain = plain.strip("'") or "table"
    title, number = plain[:_LONGEST_TITLE], 1
    while title.casefold() in taken or title.endswith("'"):
        number += 1
        ending = f" ({number})"
        title = plain[: _LONGEST_TITLE - len(ending)] + ending
    taken.add(title.casefold())
    return title
