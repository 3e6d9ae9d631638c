"""Listing and verifying archives."""

from pathlib import Path

import pytest

from export_assets.archives.catalogue import list_archives, verify_archive
from export_assets.archives.match import MatchFile, MatchRequest, archive_match
from export_assets.archives.offload.ledger import LEDGER_NAME
from export_assets.errors import IntegrityError, SourceMissing, UnsafeArchive, UsageError
from export_assets_tests.archives.offload_world import NOW, World, flip
from export_assets_tests.proof.plugin import Proven


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path).make()
    files = [MatchFile(folder="logs", path="a.jsonl", file=made.logs / "a.jsonl")]
    archive_match(
        MatchRequest(match_id="7", archives=made.archives, files=files, run_id="m", now=NOW)
    )
    made.offload()
    return made


def offloaded(world: World) -> Path:
    return world.archives / "offload_before_20260201_20260208_103000.zip"


def test_archives_are_listed_with_what_they_hold(world: World) -> None:
    (world.archives / "broken.zip").write_bytes(b"PK")

    broken, match, offload = list_archives(world.archives)

    assert (broken.kind, broken.problem) == (
        "unreadable",
        f"{world.archives / 'broken.zip'}: not a complete archive",
    )
    assert (match.kind, match.match_id, match.members, match.counts) == (
        "match",
        "7",
        1,
        {"logs": 1},
    )
    assert (offload.kind, offload.members, offload.entered) == ("offload", 4, True)
    assert offload.created_at == NOW


def test_where_there_are_no_archives_there_is_nothing_to_list(tmp_path: Path) -> None:
    assert list(list_archives(tmp_path / "archives")) == []


def test_a_sound_archive_verifies_in_parts_that_make_the_whole(world: World) -> None:
    whole = verify_archive(offloaded(world))
    parts = [verify_archive(offloaded(world), (part, 3)) for part in (1, 2, 3)]

    assert (whole.members, whole.of) == (4, 4)
    assert [part.members for part in parts] == [2, 1, 1]
    assert sum(part.bytes for part in parts) == whole.bytes


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("complete-or-loud")
def test_every_flip_is_found_where_the_ledger_vouches(world: World, proven: Proven) -> None:
    archive = offloaded(world)
    sound = archive.read_bytes()

    found = 0

    for number in range(300):
        archive.write_bytes(sound)
        flip(archive, number * 7919)
        with pytest.raises((IntegrityError, UnsafeArchive), match=archive.name):
            verify_archive(archive)
        found += 1

    proven(300, "bits of an archive", f"{found} found and named")


def test_a_part_that_there_is_not_and_an_archive_that_is_gone_are_named(world: World) -> None:
    with pytest.raises(UsageError, match="no part 4 of 3"):
        verify_archive(offloaded(world), (4, 3))
    with pytest.raises(SourceMissing, match=r"gone\.zip"):
        verify_archive(world.archives / "gone.zip")


def test_a_damaged_ledger_is_told_when_its_archive_is_verified(world: World) -> None:
    flip(world.archives / LEDGER_NAME, 300)

    with pytest.raises(IntegrityError, match="is not what was written"):
        verify_archive(offloaded(world))
