"""The log that is measured is the same everywhere, and a wrong output is noticed."""

import json
from argparse import Namespace
from pathlib import Path

import polars as pl
import pytest

from benchmarks import logs
from benchmarks.log_data import log_directory, read_facts
from benchmarks.measure import CommandFailed

LINES = 50_000


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return log_directory(tmp_path_factory.mktemp("work"), LINES)


def content(directory: Path) -> bytes:
    [log] = (directory / "logs").iterdir()
    return log.read_bytes()


def test_a_small_log_is_the_beginning_of_a_large_one(directory: Path, tmp_path: Path) -> None:
    small = content(log_directory(tmp_path, 1_000))

    assert content(directory).startswith(small)
    assert small.count(b"\n") == 1_000


def test_what_is_told_of_the_log_is_so(directory: Path) -> None:
    facts, lines = read_facts(directory), content(directory).splitlines()

    events = [json.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]
    events = [event for event in events if "seq" in event]
    assert (facts.lines, facts.events) == (len(lines), len(events))
    assert (facts.bad, facts.blank) == (2, 1)
    assert facts.lines == facts.events + facts.bad + facts.blank
    assert facts.seq == sum(event["seq"] for event in events)
    assert facts.details == sum(len(event["details"]) for event in events)


def test_ingestion_is_measured_beside_its_peers_and_verified(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Namespace(rows=LINES, rounds=1, work=directory.parent)
    options.only = [logs.SEGMENTS, logs.DUCKDB, logs.ORIGINAL]

    outcome = logs.measure(options)

    assert [result.failure for result in outcome.results] == [""] * 5
    assert all(result.bytes for result in outcome.results if result.role != "limit")
    assert [verdict.name for verdict in outcome.bars] == ["ingestion, time to that of duckdb"]
    assert "ingestion" in capsys.readouterr().out


@pytest.mark.parametrize(("seq", "complaint"), [(1, "seq is 1 instead"), (None, "seq is None")])
def test_a_wrong_output_is_noticed(
    directory: Path, tmp_path: Path, seq: int | None, complaint: str
) -> None:
    frame = pl.DataFrame({"seq": [seq], "details": ["x"]}, schema_overrides={"seq": pl.Int64})
    frame.write_parquet(tmp_path / "events.parquet")

    with pytest.raises(CommandFailed, match=complaint):
        logs.verify(read_facts(directory), tmp_path)


def test_no_output_is_noticed(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="no events"):
        logs.verify(read_facts(directory), tmp_path)


def test_refused_lines_are_counted(directory: Path, tmp_path: Path) -> None:
    segment = tmp_path / "_segments" / "parquet" / "x-0"
    segment.mkdir(parents=True)
    pl.DataFrame({"seq": [1], "details": ["x"]}).write_parquet(segment / "part-00000.parquet")
    manifest = {"counters": {"quarantined": {"malformed": 1}}}
    (segment / "_manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    with pytest.raises(CommandFailed, match="bad is 1 instead of 2"):
        logs.verify(read_facts(directory), tmp_path)
