"""Directories that somebody else names stay below their root."""

from pathlib import Path

import pytest

from export_assets.errors import DestConflict, UsageError
from export_assets.store.below import check_directory_name, make_directory_below

NAMES = [
    "", ".", "..", "../x", "a/b", "/etc", "a\\b", "~", "-rf", "_manifest.json", ".hidden",
    "a\0b", "a\nb", "${HOME}", "ä", "x" * 65, "x" * 1_000_000,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:12]))
def test_a_name_that_could_be_more_than_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"^name '.*': up to 64 letters") as caught:
        make_directory_below(tmp_path / "root", name)

    assert len(str(caught.value)) < 250
    assert not any((tmp_path / "root").iterdir())


@pytest.mark.parametrize("name", ["a", "2026-02-08", "for_ann.v2", "..x"[2:], "A" * 64])
def test_a_plain_name_is_taken(name: str) -> None:
    assert check_directory_name(name) == name


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("target", ["outside", "nowhere"])
def test_a_link_is_not_followed(tmp_path: Path, level: int, target: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    at = (tmp_path / "root").joinpath(*["shop", "mine"][: level + 1])
    at.parent.mkdir(parents=True)
    at.symlink_to(tmp_path / target)

    with pytest.raises(DestConflict, match="is no directory of its own"):
        make_directory_below(tmp_path / "root", "shop", "mine")

    assert not any(outside.iterdir())


def test_the_root_itself_may_be_a_link_for_its_owner_made_it(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "disk")

    made = make_directory_below(tmp_path / "root", "shop", "mine", private=True)

    assert made == tmp_path / "root" / "shop" / "mine"
    assert (tmp_path / "disk" / "shop" / "mine").is_dir()
    assert made.stat().st_mode & 0o777 == 0o700
