"""Whether every byte of logs is accounted for, where logs have their beginning in common."""

import shutil
from pathlib import Path

import pytest

from export_assets.defs.log_checks import judge_bytes
from export_assets.engine.ingest.policy import Policy
from export_assets_tests.engine.ingest.ingest_world import SOURCE, World, line, lines

HEADER = line(0)


@pytest.fixture(params=[0, 8 << 20], ids=["in-parts", "anew"])
def alike(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    """Three logs that begin with the same line, the third with what the second has as well."""
    world = World(tmp_path, policy=Policy(grow_bytes=request.param))
    world.log("a.jsonl", HEADER)
    world.tick()
    world.log("b.jsonl", HEADER + lines(1))
    world.append("a.jsonl", lines(11))
    world.tick()
    for number in (2, 3):
        world.log("c.jsonl", HEADER + lines(1, 2, 33))
        world.append("a.jsonl", lines(10 + number))
        world.append("b.jsonl", lines(number))
        world.tick()
    return world


def test_a_beginning_that_was_read_with_another_log_is_not_missing(alike: World) -> None:
    assert any(record.shares for _, _, record in alike.segments)

    finding = judge_bytes(alike.store, SOURCE)

    assert finding.passed, finding.says


def test_a_beginning_whose_segment_is_gone_is_missing(alike: World) -> None:
    branches = [record for _, _, record in alike.segments if record.shares]
    [shared] = {record.shares for record in branches if record.start == len(HEADER)}
    [path] = [
        path for path, _, record in alike.segments if (record.identity, record.start) == (shared, 0)
    ]
    shutil.rmtree(path)

    finding = judge_bytes(alike.store, SOURCE)

    assert not finding.passed
    assert f"0 to {len(HEADER)} is missing" in finding.says
