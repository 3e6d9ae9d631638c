"""However many threads judge and prepare, what is published is the same to the byte."""

import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import polars as pl
import pytest

from export_assets.engine.ingest.ahead import in_order
from export_assets.engine.ingest.policy import Policy
from export_assets.engine.ingest.prefix import survey
from export_assets.errors import InternalError
from export_assets.sources.logs.judge import Rejected
from export_assets_tests.engine.ingest.ingest_world import Numbers, World, line, lines

POLICY = Policy(block_bytes=2_000, max_line_bytes=400, whole_bytes=40_000)
OF_A_RUN = {"created_at", "run_id", "previous_run_id", "checksum", "snapshot"}


def odd_log(seed: int) -> bytes:
    rng = random.Random(seed)
    odd = [b"x\n", b"\n", b"\xff\n", bytes(300), b"9" * 900 + b"\n", line(-4), b'{"n":1,"n":2}\n']
    return b"".join(
        rng.choice(odd) if rng.random() < 0.02 else line(number) for number in range(4_000)
    )


def published(world: World) -> dict[str, object]:
    """What is in each segment, without what differs from run to run."""
    found: dict[str, object] = {}
    for path, manifest, _ in world.segments:
        fields = msgspec.to_builtins(manifest)
        found[path.name] = {name: fields[name] for name in fields if name not in OF_A_RUN}
        for file in path.iterdir():
            if file.name != "_manifest.json":
                found[f"{path.name}/{file.name}"] = file.read_bytes()
    return found


@pytest.mark.parametrize("seed", range(3))
def test_any_number_of_threads_publishes_the_same(tmp_path: Path, seed: int) -> None:
    content, found = odd_log(seed), []
    for threads in (1, 2, 5):
        world = World(tmp_path / str(threads), policy=replace(POLICY, threads=threads))
        world.log("a.jsonl", content[: len(content) // 2])
        world.tick()
        world.append("a.jsonl", content[len(content) // 2 :])
        world.tick(late=True)
        found.append(published(world))

    assert found[0] == found[1] == found[2]
    assert any(name.endswith("_quarantine.ndjson") for name in found[0])


def test_blocks_of_any_size_give_the_same_rows(tmp_path: Path) -> None:
    content, rows = odd_log(7), []
    for block in (500, 3_000, 1 << 20):
        world = World(tmp_path / str(block), policy=replace(POLICY, block_bytes=block, threads=3))
        world.log("a.jsonl", content)
        world.tick()
        ((path, manifest, _),) = world.segments
        # How much is kept of lines that are too long to hold depends on how much was held.
        refused = [one | {"content_base64": ""} for one in world.refused]
        read = pl.read_parquet(path / "part-00000.parquet")
        rows.append((read.rows(), manifest.counters, refused))
        assert read["_off"].is_sorted()

    assert rows[0] == rows[1] == rows[2]


def test_a_judge_that_fails_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, policy=replace(POLICY, threads=3))
    world.log("a.jsonl", lines(*range(4_000)))

    def frame(*_: object) -> tuple[pl.DataFrame, Sequence[Rejected]]:
        raise ZeroDivisionError

    monkeypatch.setattr(Numbers, "frame", frame)
    with pytest.raises(InternalError, match="ZeroDivisionError"):
        world.tick()

    assert world.segments == []
    assert not [one for one in threading.enumerate() if one.name.startswith("ingest")]
    monkeypatch.undo()
    world.tick()
    assert world.numbers == list(range(4_000))


def test_what_was_read_is_held_against_what_was_seen_even_if_the_file_is_as_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = lines(*range(3_000)), lines(*range(1, 3_000), 0)
    log = world.log("a.jsonl", first)
    original = os.pread
    passes = []

    def pread(descriptor: int, count: int, offset: int) -> bytes:
        # While rows are read, and only then, the file has other bytes.
        if offset == 0 and count > 2:
            passes.append(offset)
            log.write_bytes(second if len(passes) == 2 else first)
        return original(descriptor, count, offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", pread)
        report = world.tick()

    assert str(report.failed["a.jsonl"]) == "a.jsonl: was rewritten while it was read"
    assert world.segments == []


@pytest.mark.parametrize("start", [0, 10, 25_000])
def test_a_fingerprint_can_be_gone_on_with(tmp_path: Path, start: int) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(content := os.urandom(30_000))
    descriptor = os.open(path, os.O_RDONLY)

    found = survey(descriptor, len(content), (start,), name="x.log")

    os.close(descriptor)
    hashed = found.going_on(start)
    assert hashed is not None
    hashed.update(content[start:])
    assert f"full:{hashed.hexdigest()}" == found.prints[len(content)]
    assert found.going_on(17) is None


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, policy=replace(POLICY, threads=2))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_results_come_in_order_and_little_is_taken_ahead(threads: int) -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(40):
            taken.append(item)
            yield item

    def work(item: int) -> int:
        time.sleep((item * 7 % 5) / 1_000)
        return item

    for place, result in enumerate(in_order(work, items(), threads=threads)):
        assert result == place
        assert len(taken) <= place + threads + 1


def test_who_stops_early_leaves_no_thread_behind() -> None:
    results = in_order(str, range(100), threads=3)

    assert next(results) == "0"
    results.close()  # type: ignore[attr-defined]

    assert not [one for one in threading.enumerate() if one.name.startswith("ingest")]
