"""The ledger: what it vouches for is deleted by, and a damaged one permits nothing."""

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from export_assets.archives.offload.ledger import LEDGER_NAME, read_ledger
from export_assets.archives.offload.purge import PurgeRequest, purge
from export_assets.errors import IntegrityError
from export_assets.store.filesystem import REAL
from export_assets_tests.archives.offload_world import NOW, OLD_FILES, World, flip
from export_assets_tests.proof.plugin import Proven


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("nothing-deleted-unproven")
def test_300_flips_of_the_ledger_permit_no_deletion(quick: Path, proven: Proven) -> None:
    world = World(quick, files=("a.jsonl", "c.log")).make()
    world.offload(allow_delete=False)
    ledger = world.archives / LEDGER_NAME
    sound = ledger.read_bytes()
    before = world.in_place()

    for number in range(300):
        ledger.write_bytes(sound)
        flip(ledger, random.Random(number).randrange(len(sound) * 8))

        report = world.offload()

        assert report.removed == []
        assert LEDGER_NAME in report.problems[0]
        assert world.in_place() == before
        assert report.archive is None, "what is archived already was archived again"

    lost = len(before.keys() - world.in_place().keys())
    proven(300, "bits of the ledger", f"all found and named, {lost} files removed by it")


def test_a_damaged_ledger_keeps_the_trash(quick: Path) -> None:
    world = World(quick).make()
    world.offload()
    flip(world.archives / LEDGER_NAME, 1_000)

    report = purge(
        PurgeRequest(
            source_dir=world.logs,
            archives=world.archives,
            allow_delete=True,
            run_id="r",
            now=NOW + timedelta(days=30),
        )
    )

    assert (report.removed, len(report.problems)) == ([], 1)
    assert len(world.in_place()) == len(OLD_FILES) + 1


Spoil = Callable[[list[bytes]], list[bytes]]
SPOILS: dict[str, Spoil] = {
    "a line is missing": lambda lines: lines[1:],
    "lines changed places": lambda lines: lines[::-1],
    "a line is there twice": lambda lines: [*lines, lines[-1]],
    "the end of the last line is missing": lambda lines: [*lines[:-1], lines[-1][:-1]],
    "an empty line": lambda lines: [lines[0], b"\n", *lines[1:]],
    "text after the end": lambda lines: [*lines, b"{}\n"],
    "zeros": lambda lines: [bytes(len(line)) for line in lines] + [b"\n"],
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_ledger_that_is_not_as_written_is_damaged(tmp_path: Path, spoil: Spoil) -> None:
    world = World(tmp_path).make()
    world.offload()
    path = world.archives / LEDGER_NAME
    path.write_bytes(b"".join(spoil(path.read_bytes().splitlines(keepends=True))))

    ledger = read_ledger(world.archives, filesystem=REAL)

    assert ledger.damage is not None
    assert str(path) in ledger.damage
    with pytest.raises(IntegrityError):
        ledger.append(next(iter(ledger.entries), None))  # type: ignore[arg-type]  # refused before it is looked at


def test_a_line_that_a_killed_run_left_unfinished_is_cut_off(tmp_path: Path) -> None:
    world = World(tmp_path).make()
    world.offload(allow_delete=False)
    path = world.archives / LEDGER_NAME
    whole = path.read_bytes()

    for length in range(1, len(whole) - 1, 97):
        path.write_bytes(whole + whole[:length])
        assert read_ledger(world.archives, filesystem=REAL).damage is None
    report = world.offload()

    assert sorted(report.removed) == sorted(OLD_FILES)
    assert [e.event for e in read_ledger(world.archives, filesystem=REAL).entries] == [
        "ARCHIVED",
        "DONE",
    ]


def test_without_its_ledger_archives_are_proven_and_entered_again(tmp_path: Path) -> None:
    world = World(tmp_path).make()
    world.offload(allow_delete=False)
    ledger = world.archives / LEDGER_NAME
    flip(ledger, 300)
    assert world.offload().removed == []

    ledger.rename(ledger.with_suffix(".damaged"))
    report = world.offload()

    assert len(report.adopted) == 1
    assert sorted(report.removed) == sorted(OLD_FILES)
