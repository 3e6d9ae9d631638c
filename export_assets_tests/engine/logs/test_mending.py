"""Damaged segments: never read as they are, and made again from their log."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from export_assets.engine.logs.mending import GONE, UNKNOWN, Mend, mend_segments
from export_assets.errors import ExportError, IntegrityError
from export_assets_tests.effort import effort
from export_assets_tests.engine.logs.log_world import LogWorld, statuses
from export_assets_tests.proof.plugin import Proven


@pytest.fixture
def world(tmp_path: Path) -> LogWorld:
    """Three segments of one log, each of several days: such do not grow."""
    grown = LogWorld(tmp_path)
    for number in range(3):
        grown.log("a.jsonl", event(3 * number), event(3 * number + 2), "not a line")
        grown.export()
    assert [record.start > 0 for record in sorted(grown.segments, key=lambda one: one.start)] == [
        False,
        True,
        True,
    ]
    return grown


def event(number: int, second: int = 0) -> dict[str, Any]:
    return {"ts": f"2026-01-0{number + 1}T10:00:{second:02d}Z", "n": number}


def segment_of(world: LogWorld, number: int) -> Path:
    ordered = sorted(world.segments, key=lambda one: one.start)
    record = ordered[number]
    return world.published / "_segments" / "parquet" / f"{record.identity}-{record.start}"


def mend(world: LogWorld, *, agreed: bool = True) -> list[Mend]:
    def agree(plan: Sequence[Mend]) -> bool:
        del plan
        return agreed

    return mend_segments(world.source().logs, "mending", agree=agree)


def flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(data))


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("every-byte")
def test_no_flipped_bit_of_a_segment_is_exported(world: LogWorld, proven: Proven) -> None:
    rng = random.Random(1)
    part = segment_of(world, 1) / "part-00000.parquet"
    sound = part.read_bytes()
    flips = effort(60, soak=300)
    refused = 0
    for _ in range(flips):
        part.write_bytes(sound)
        flip(part, rng)

        with (
            world.source().logs.snapshot() as snapshot,
            pytest.raises(IntegrityError, match="is not what its manifest says"),
        ):
            snapshot.count("events")
        refused += 1

    proven(flips, "bits of what was read of a log", f"{refused} refused")


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("name", ["part-00000.parquet", "_quarantine.ndjson"])
def test_a_damaged_file_is_made_again_from_the_log(world: LogWorld, number: int, name: str) -> None:
    before = {path: path.read_bytes() for path in world.published.rglob("_segments/**/*.parquet")}
    flip(segment_of(world, number) / name, random.Random(number))

    (one,) = mend(world)
    report = world.export(full=True)

    after = {path: path.read_bytes() for path in world.published.rglob("_segments/**/*.parquet")}
    assert one.kept is None
    assert after == before
    assert set(statuses(report).values()) == {"unchanged"}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_segment_without_a_readable_manifest_is_made_again(world: LogWorld, number: int) -> None:
    before = list(world.segments)
    manifest = segment_of(world, number) / "_manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-20])
    with pytest.raises(IntegrityError):
        world.export(full=True)

    (one,) = mend(world)
    report = world.export(full=True)

    assert one.kept is None
    assert [(one.start, one.end, one.sha256) for one in world.segments] == [
        (one.start, one.end, one.sha256) for one in before
    ]
    assert report.exit_code in {0, 3}
    assert world.rows().height == 6


def test_what_is_only_planned_is_not_done(world: LogWorld) -> None:
    part = segment_of(world, 1) / "part-00000.parquet"
    flip(part, random.Random(1))
    damaged = part.read_bytes()

    (one,) = mend(world, agreed=False)

    assert one.kept is None
    assert part.read_bytes() == damaged


def test_a_damaged_segment_whose_log_is_gone_is_left_and_told(world: LogWorld) -> None:
    part = segment_of(world, 1) / "part-00000.parquet"
    flip(part, random.Random(1))
    damaged = part.read_bytes()
    (world.logs / "a.jsonl").unlink()

    (one,) = mend(world)

    assert one.kept == GONE
    assert part.read_bytes() == damaged


def test_a_lone_segment_without_a_readable_manifest_is_known_by_its_lines(tmp_path: Path) -> None:
    world = LogWorld(tmp_path)
    world.log("a.jsonl", event(1), event(1, 5))
    world.export()
    before = world.rows()
    manifest = segment_of(world, 0) / "_manifest.json"
    manifest.write_text("{}")
    world.log("a.jsonl", event(1, 9))
    world.log("b.jsonl", {"ts": "2026-01-09T00:00:00Z", "other": "a line of another length"})

    (one,) = mend(world)
    world.export()

    assert one.kept is None
    assert "_manifest.json" in one.facts[0]
    assert "PosixPath" not in one.facts[0]
    mended = world.rows("events", "day=2026-01-02")
    assert mended["event_id"].to_list()[:2] == before["event_id"].to_list()
    assert mended.height == 3


def test_a_lone_segment_whose_log_is_gone_is_left_and_told(tmp_path: Path) -> None:
    world = LogWorld(tmp_path)
    path = world.log("a.jsonl", event(1))
    world.export()
    (segment_of(world, 0) / "_manifest.json").write_text("{}")
    path.unlink()

    (one,) = mend(world)

    assert one.kept == GONE
    with pytest.raises(ExportError):
        world.export(full=True)


def test_a_segment_of_nothing_but_a_damaged_manifest_is_left_and_told(tmp_path: Path) -> None:
    world = LogWorld(tmp_path)
    world.log("a.jsonl", "{not a line}")
    world.export()
    (segment_of(world, 0) / "_manifest.json").write_text("{}")

    (one,) = mend(world)

    assert one.kept == UNKNOWN
