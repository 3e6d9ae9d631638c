"""A day of ticks with a clock of ours, and everything that happens to logs, runs and cursors."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from export_assets_tests.defs.log_day import BEAT, Day
from export_assets_tests.effort import SOAK, effort
from export_assets_tests.proof.plugin import Proven

TICKS = effort(150, soak=2880)  # a day
QUIET_TICKS = effort(60, soak=1000)
IDLE_LOGS = effort(2_000, soak=50_000)
SEED = 11

pytestmark = [pytest.mark.suite("sensor-soak"), pytest.mark.promise("every-byte")]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as made:
        yield made


def live(day: Day) -> None:
    """Let one tick pass, with whatever happens then."""
    rng = day.rng
    day.now += BEAT
    day.work()
    if rng.random() < 0.12:
        day.writers.arrive()
    if rng.random() < 0.03:
        day.writers.rotate()
    if rng.random() < 0.01:
        day.writers.truncate(day.read)
    if rng.random() < 0.03:
        day.spoil_cursor()
    if rng.random() < 0.01:
        day.happened["lost records of runs"] += 1
        day.lose_records(0.5)
    if rng.random() < 0.005:
        day.happened["clock an hour back"] += 1
        day.now -= timedelta(hours=1)
    if rng.random() < 0.005:
        # Nobody looks for a week.
        day.happened["week without ticks"] += 1
        for _ in range(7):
            day.now += timedelta(days=1)
            day.writers.arrive()
            day.work()
    day.tick()


@pytest.mark.promise("same-in-same-out")
@pytest.mark.timeout(3600 if SOAK else 300)
def test_every_line_is_exported_once_whatever_happens_in_a_day_of_ticks(
    tmp_path: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    proven: Proven,
) -> None:
    day = Day(tmp_path / "project", instance, monkeypatch, seed=SEED)
    day.writers.arrive()

    for _ in range(TICKS):
        live(day)
    day.settle()

    writers, seed = day.writers, f"seed {SEED}"
    unknown = writers.unknown
    wanted = set(range(writers.written)) - writers.lost - writers.pending - unknown
    published, quarantined = day.published(), day.quarantined()
    assert published == Counter(wanted - writers.bad), seed
    assert quarantined == Counter(wanted & writers.bad), seed
    assert bool(unknown) == bool(day.told["unknown"]), seed
    # A run that goes well is enough, unless its record is lost, or that of one under way.
    assert not day.asked["nothing"], f"{seed}: {day.asked}"
    changes = sum(writers.happened[one] for one in CHANGES)
    assert len(day.reads) <= 2 * changes, seed
    _assert_everything_happened(day)
    if SOAK:
        assert day.worst_cpu < 1.0
    quiet = _quiet_ticks(day)
    proven(
        TICKS,
        "ticks of a day of the sensor",
        f"{len(wanted):,} of {writers.written:,} lines exported or quarantined once, "
        f"{len(writers.pending)} pending, {len(writers.lost)} truncated unread, "
        f"{len(unknown)} in logs of no known line; {day.told['truncated']} truncations told; "
        f"{day.asked.total()} requests: {_by_count(day.asked)}; "
        f"exports with nothing left to read: {_by_count(day.vain) or 'none'}; "
        f"worst tick {day.worst:.3f} s; {quiet} files written in {QUIET_TICKS} further ticks",
    )


def _by_count(counts: Counter[str]) -> str:
    return ", ".join(f"{count} for {why}" for why, count in counts.most_common() if count)


CHANGES = ("arrival", "rename", "gzip", "copytruncate", "truncation", "torn line")


def _assert_everything_happened(day: Day) -> None:
    often = {"arrival", "torn line", "raises", "fails once done", "killed"}
    seldom = {"lost cursor", "stale cursor", "corrupt cursor", "future cursor", "truncation"}
    seldom |= {"cursor within a look"}
    seldom |= {"rename", "gzip", "copytruncate", "lost records of runs", "clock an hour back"}
    seldom |= {"reload in a tick", "daemon died in a tick", "tick evaluated twice"}
    seldom |= {"week without ticks", "never heard of again", "wrong clock of a writer"}
    seen = {name for name, count in day.happened.items() if count}
    assert (often | seldom if SOAK else often) <= seen, day.happened
    assert len(seldom & seen) > len(seldom) // 2, day.happened


def _quiet_ticks(day: Day) -> int:
    """Tick on, each time without a cursor and without any record; return how many files changed."""
    before = day.tree()
    for _ in range(QUIET_TICKS):
        day.spoil_cursor()
        day.lose_records(1.0)
        day.now += BEAT
        assert not day.tick(failing=False), f"seed {day.seed}"
    changed = [path for path, facts in day.tree().items() if before.pop(path, None) != facts]
    assert changed + list(before) == [], f"seed {day.seed}"
    return len(changed)


def test_a_tick_over_thousands_of_unchanged_logs_opens_none_and_loads_no_segment(
    tmp_path: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    proven: Proven,
) -> None:
    day = Day(tmp_path / "project", instance, monkeypatch, seed=1)
    day.writers.arrive()
    for number in range(IDLE_LOGS):
        (tmp_path / "project" / "logs" / f"more-{number:05d}.jsonl").touch()
    day.settle()

    started = time.perf_counter()
    with _opened_files() as opened:
        asked_for_something = day.tick(failing=False)
    seconds = time.perf_counter() - started

    assert not asked_for_something
    assert {Path(path).name for path in opened} == {"web.due.json"}
    proven(1, f"tick over {IDLE_LOGS + 1:,} unchanged logs", f"{seconds:.3f} s, no log opened")


_watching: list[list[str]] = []


def _note_open(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _watching and isinstance(arguments[0], str | bytes):
        _watching[-1].append(os.fsdecode(arguments[0]))


sys.addaudithook(_note_open)


@contextmanager
def _opened_files() -> Iterator[list[str]]:
    """Give the paths of all files that Python opens meanwhile, Dagster's own left out."""
    opened: list[str] = []
    _watching.append(opened)
    try:
        yield opened
    finally:
        _watching.remove(opened)
