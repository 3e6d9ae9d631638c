"""A day of the sensor of event logs on a clock of our own, with all that happens on such a day.

Logs grow and rotate, runs raise, are killed or never heard of again, the daemon dies within a tick,
code is reloaded, cursors and records of runs are lost, clocks go wrong. Dagster takes the time from
the same clock; the kernel alone, which stamps files, has its own.
"""

import base64
import gzip
import json
import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, JobFailureData

from export_assets.defs.log_sensor import LogWatch, Seen, log_watch, write_cursor
from export_assets.defs.log_work import STUCK, WORK
from export_assets.defs.shapes import known_tables
from export_assets.defs.table import TableExport
from export_assets.engine.ingest.segments import segments
from export_assets.engine.logs.due import find_due, keep_due
from export_assets.engine.logs.looking import Glimpse
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.store.filesystem import Filesystem
from export_assets_tests.defs.range_project import RangeProject

WEB = """\
source: web
kind: event_log
url: logs
formats: [parquet]
log: {fields: {n: integer}}
tables:
  events: {partition_by: {column: occurred_at, every: day, start: 2026-01-01}}
  quarantine: {}
"""
FIRST = datetime(2026, 1, 1, 8, tzinfo=UTC)
WRONG_CLOCKS = (datetime(1970, 1, 1, 1, tzinfo=UTC), datetime(2100, 7, 1, tzinfo=UTC))
BEAT = timedelta(seconds=30)
_NUMBER = re.compile(rb'(?:"n": |no record )(\d+)')


class CrashError(KeyboardInterrupt):
    """The end of a run's process, as far as one process can play it."""


class Killer:
    """Ends whatever writes after so many operations, and lets nothing be written afterwards."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        killer = self

        def at(filesystem: Filesystem, point: str) -> None:
            del filesystem, point
            if killer.left is not None:
                killer.left -= 1
                if killer.left <= 0:
                    raise CrashError

        monkeypatch.setattr(Filesystem, "at", at)


@dataclass
class Writers:
    """Three programs that log, and what rotates their logs. Every line has a number of its own."""

    directory: Path
    rng: random.Random
    written: int = 0
    bad: set[int] = field(default_factory=set)
    """Lines that are no records."""
    lost: set[int] = field(default_factory=set)
    """Lines that were truncated away before anybody read them."""
    torn: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """By log, the line of which the end is not written yet."""
    rotated: int = 0
    happened: Counter[str] = field(default_factory=Counter)

    def arrive(self) -> None:
        """Append lines of one or two days to a log, with the beginning of another at times."""
        self.happened["arrival"] += 1
        name, day = f"app-{self.rng.randrange(3)}.jsonl", self.rng.randrange(12)
        self.finish(name)
        with self._log(name).open("ab") as file:
            file.writelines(self.line(day) for _ in range(self.rng.randrange(1, 4)))
            if self.rng.random() < 0.2:
                self.happened["torn line"] += 1
                content, number = self.line(day), self.written - 1
                # A line that lacks its line feed alone is a whole one to whoever seals it.
                cut = self.rng.randrange(1, len(content) - 2)
                file.write(content[:cut])
                self.torn[name] = number, content[cut:]

    def line(self, day: int) -> bytes:
        """Return the next line: seldom none that can be read, or one of a clock gone wrong."""
        number, chance = self.written, self.rng.random()
        self.written += 1
        if chance < 0.06:
            self.bad.add(number)
            return b"no record %d\n" % number
        moment = FIRST + timedelta(days=day, seconds=number)
        if chance < 0.075:
            self.happened["wrong clock of a writer"] += 1
            moment = self.rng.choice(WRONG_CLOCKS)
        return json.dumps({"ts": moment.isoformat(), "n": number}).encode() + b"\n"

    def finish(self, name: str) -> None:
        """Write the rest of a line."""
        if name in self.torn:
            with self._log(name).open("ab") as file:
                file.write(self.torn.pop(name)[1])

    def rotate(self) -> None:
        """Move a log away: by a new name, packed, or copied and truncated."""
        name = f"app-{self.rng.randrange(3)}.jsonl"
        log, way = self._log(name), self.rng.choice(("rename", "gzip", "copytruncate"))
        if not log.exists():
            return
        self.finish(name)
        self.rotated += 1
        self.happened[way] += 1
        old = log.with_name(f"{name}.{self.rotated}")
        if way == "rename":
            log.rename(old)
        elif way == "gzip":
            log.with_name(f"{old.name}.gz").write_bytes(gzip.compress(log.read_bytes(), mtime=0))
            log.unlink()
        else:
            shutil.copyfile(log, old)
            log.write_bytes(b"")

    def truncate(self, read: Callable[[], set[int]]) -> None:
        """Empty a log whatever was read of it; *read* gives all lines that were."""
        name = f"app-{self.rng.randrange(3)}.jsonl"
        if not self._log(name).exists():
            return
        self.finish(name)
        content = self._log(name).read_bytes()
        self._log(name).write_bytes(b"")
        self.happened["truncation"] += 1
        self.lost |= numbers_in(content) - numbers_in(b"".join(self.contents())) - read()

    def contents(self) -> list[bytes]:
        """Return what every log holds."""
        return [
            gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            for path in self.directory.iterdir()
        ]

    @property
    def unknown(self) -> set[int]:
        """Lines of logs of which no line is a record: these are told of, and not read."""
        return {n for one in self.contents() if b'"n": ' not in one for n in numbers_in(one)}

    def _log(self, name: str) -> Path:
        return self.directory / name

    @property
    def pending(self) -> set[int]:
        """Lines that are not written to their ends."""
        return {number for number, _ in self.torn.values()}


def numbers_in(content: bytes) -> set[int]:
    """Return the numbers of all whole lines of *content*."""
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    return {int(found[1]) for line in lines if (found := _NUMBER.search(line))}


@dataclass
class Launched:
    """A run that was asked for and is not over."""

    id: str
    request: dg.RunRequest
    fate: str
    ticks: int
    """After how many it does what it is to do."""
    at: datetime
    why: str
    """What explains that it was asked for."""
    is_done: bool = False
    is_over: bool = False
    went_well: bool = False


class Day:
    """Logs, a sensor that ticks, and runs of which some fail."""

    def __init__(
        self,
        home: Path,
        instance: dg.DagsterInstance,
        monkeypatch: pytest.MonkeyPatch,
        *,
        seed: int,
    ) -> None:
        self.now = datetime.now(UTC)
        monkeypatch.setattr("dagster._time._mockable_get_current_datetime", lambda: self.now)
        self.killer = Killer(monkeypatch)
        self.rng = random.Random(seed)
        self.instance, self.seed = instance, seed
        self.project = RangeProject(home, instance, WEB)
        self.writers = Writers(home / "logs", self.rng)
        self.watch = self._loaded()
        self.cursor: str | None = None
        self.cursors: list[str | None] = [None]
        self.under_way: list[Launched] = []
        self.latest: dict[str, Launched] = {}
        """By work, the last run of it."""
        self.asked: Counter[str] = Counter()
        """By what explains it, how many runs were launched."""
        self.vain: Counter[str] = Counter()
        """By the same, how many exports went well, and found that there was nothing to read."""
        self.reads: set[str] = set()
        self.repeated = 0
        self.told: Counter[str] = Counter()
        self.worst = self.worst_cpu = 0.0
        self.ticks = 0
        self._run = 0

    @property
    def happened(self) -> Counter[str]:
        return self.writers.happened

    def _loaded(self) -> LogWatch:
        """Load the code location, as if for the first time."""
        project = RangeProject(self.project.home, self.instance, WEB)
        source = project.workspace.source("web")
        shapes = known_tables(project.workspace, source).tables
        tables = [
            TableExport(workspace=project.workspace, configured=source, shape=one) for one in shapes
        ]
        return log_watch(source, tables)

    def tick(self, *, failing: bool = True) -> bool:
        """Look once and launch what is asked for; return whether there was anything."""
        result = self.look()
        requests = list(result.run_requests or ())
        chance = self.rng.random() if failing else 1.0
        if chance < 0.01:
            self._reload(requests)
            return bool(requests)
        if chance < 0.02 and requests:
            # The daemon dies within the tick, and remembers nothing of it.
            self.happened["daemon died in a tick"] += 1
            self._launch(requests[: self.rng.randrange(len(requests) + 1)], failing=failing)
            return True
        self._launch(requests, failing=failing)
        if chance < 0.04:
            self.happened["tick evaluated twice"] += 1
            self._launch(list(self.look().run_requests or ()), failing=failing)
        self.cursor = result.cursor
        if self.rng.random() < 0.05:
            self.cursors.append(result.cursor)
        return bool(requests)

    def look(self) -> dg.SensorResult:
        """Evaluate the sensor, and take its time."""
        started, busy = time.perf_counter(), time.thread_time()
        result = self.watch.look(self.instance, self.cursor, now=self.now)
        self.worst_cpu = max(self.worst_cpu, time.thread_time() - busy)
        self.worst = max(self.worst, time.perf_counter() - started)
        self.ticks += 1
        if isinstance(result, dg.SkipReason):
            return dg.SensorResult(cursor=self.cursor)
        return result

    def _reload(self, requests: Sequence[dg.RunRequest]) -> None:
        """Replace the code within a tick, whose answer is lost; the next one asks for the same."""
        self.happened["reload in a tick"] += 1
        self.watch = self._loaded()
        again = self.look().run_requests or ()
        assert [one.run_key for one in again] == [one.run_key for one in requests], self.seed

    def _launch(self, requests: Sequence[dg.RunRequest], *, failing: bool) -> None:
        for request in requests:
            key, work = request.run_key or "", request.tags.get(WORK, "")
            if self.instance.get_runs_count(dg.RunsFilter(tags={"dagster/run_key": key})):
                self.repeated += 1  # as the daemon does
                continue
            why = self._why(work)
            self.asked[why] += 1
            if _is_reading(request):
                self.reads.add(work)
            run = dg.DagsterRun(
                job_name="any",
                run_id=f"{self.rng.getrandbits(128):032x}",
                status=dg.DagsterRunStatus.STARTING,
                tags={**request.tags, "dagster/run_key": key} | _partition_tag(request),
                asset_selection=frozenset(request.asset_selection or ()),
            )
            self.instance.add_run(run)
            # The database stamps a run that is added by its own clock, and not by ours.
            self._tell(run.run_id, DagsterEventType.RUN_START)
            fate = self.rng.choices(
                ("well", "raises", "fails once done", "killed"), (60, 15, 10, 15)
            )[0]
            ticks = self.rng.randrange(3)
            launched = Launched(
                run.run_id, request, fate if failing else "well", ticks, at=self.now, why=why
            )
            self.latest[work] = launched
            self.under_way.append(launched)

    def _why(self, work: str) -> str:
        """Say what explains that a run of *work* is asked for."""
        before = self.latest.get(work)
        if before is None:
            return "new work"
        if self.instance.get_run_by_id(before.id) is None:
            return "lost record"
        if before.is_over:
            return "nothing" if before.went_well else "failure"
        return "given up" if abs(self.now - before.at) >= STUCK else "nothing"

    def work(self) -> None:
        """Let the time of a tick pass for the runs that are under way."""
        for one in list(self.under_way):
            one.ticks -= 1
            if one.ticks >= 0:
                continue
            self.under_way.remove(one)
            if one.is_done:  # what watches runs finds that its process is gone
                self._end(one, well=False)
                continue
            self.happened[one.fate] += one.fate != "well"
            if one.fate == "killed":
                self._kill(one)
            else:
                if one.fate != "raises":
                    found = self._execute(one.request)
                    self.vain[one.why] += one.fate == "well" and not found
                self._end(one, well=one.fate == "well")

    def _kill(self, one: Launched) -> None:
        self.killer.left = self.rng.randrange(1, 90)
        with suppress(CrashError):
            self._execute(one.request)
        self.killer.left = None
        one.is_done = True
        if self.rng.random() < 0.05:
            self.happened["never heard of again"] += 1
            return
        one.ticks = self.rng.randrange(5)
        self.under_way.append(one)

    def _end(self, one: Launched, *, well: bool) -> None:
        one.is_over, one.went_well = True, well
        kind = DagsterEventType.RUN_SUCCESS if well else DagsterEventType.RUN_FAILURE
        data = None if well else JobFailureData(error=None)
        self._tell(one.id, kind, data)

    def _tell(
        self, run_id: str, kind: DagsterEventType, data: JobFailureData | None = None
    ) -> None:
        event = DagsterEvent(kind.value, "any", event_specific_data=data)
        self.instance.handle_run_event(run_id, event, self.now)

    def _execute(self, request: dg.RunRequest) -> bool:
        """Do what the step does, without the rest of Dagster; return whether it read anything."""
        self._run += 1
        names = sorted({asset.path[1] for asset in request.asset_selection or ()})
        reads = _is_reading(request)
        exporter = Exporter(
            workspace=self.project.workspace,
            source=self.project.workspace.source("web"),
            request=ExportRequest()
            if reads
            else ExportRequest(tables=tuple(names), partitions=partitions_of(request)),
            run=Run(id=f"run-{self._run}", now=self.now),
        )
        if reads:
            reading = find_due(exporter)
            warnings = reading.remarks.warnings
            self.told["truncated"] += sum("was truncated" in one for one in warnings)
            self.told["unknown"] = sum("no line of them is known" in one for one in warnings)
            keep_due(self.watch.store, "web", reading.due)
            return True
        report = exporter.export()
        assert not report.failed or self.killer.left is not None, (self.seed, report.failed)
        return any(one.status != "unchanged" or one.seconds for one in report.records)

    def lose_records(self, share: float) -> None:
        """Forget runs, those under way as well, which go on all the same."""
        for run in self.instance.get_runs():
            if self.rng.random() < share:
                self.instance.delete_run(run.run_id)

    def spoil_cursor(self) -> None:
        """Lose the cursor, damage it, or take one of another time or of other logs."""
        strange = Seen(
            fingerprint=f"{self.rng.getrandbits(128):032x}",
            due="f" * 16,
            matches={"M9": "s" * 16},
        )
        within = Glimpse(after="app-1.jsonl", total=self.rng.getrandbits(100))
        kinds = {
            "lost cursor": None,
            "stale cursor": self.rng.choice(self.cursors),
            "corrupt cursor": self.rng.choice(("", "{}", "[[", "\x00", (self.cursor or "")[:9])),
            "future cursor": write_cursor(strange),
            "cursor within a look": write_cursor(replace(strange, glimpse=within, since="e" * 16)),
        }
        kind = self.rng.choice(sorted(kinds))
        self.happened[kind] += 1
        self.cursor = kinds[kind]

    def settle(self) -> None:
        """Let everything go well until nothing is asked for."""
        for one in self.under_way:
            one.fate = "well"
        for _ in range(60):
            while self.under_way:
                self.work()
            # No wait is longer, and no run is waited for any longer.
            self.now += timedelta(hours=7)
            if not self.tick(failing=False):
                return
        msg = f"seed {self.seed}: still asked for"
        raise AssertionError(msg)

    def read(self) -> set[int]:
        """Return the numbers of all lines that are kept in segments."""
        found = set[int]()
        for path, _, _ in segments(self.watch.store, "web"):
            for part in path.glob("part-*.parquet"):
                records = pl.read_parquet(part, columns=["raw"])["raw"].to_list()
                found |= {int(json.loads(record)["n"]) for record in records}
            quarantine = path / "_quarantine.ndjson"
            if quarantine.exists():
                rows = quarantine.read_text(encoding="utf-8").splitlines()
                found |= {_refused(json.loads(row)["content_base64"]) for row in rows}
        return found

    def published(self) -> Counter[int]:
        """Return how often each line is among the exported events."""
        return Counter(n for part in self._parts("events") for n in part["n"].to_list())

    def quarantined(self) -> Counter[int]:
        """Return how often each line is among those refused."""
        contents = [one for part in self._parts("quarantine") for one in part["content_base64"]]
        return Counter(map(_refused, contents))

    def _parts(self, table: str) -> list[pl.DataFrame]:
        place = self.project.home / "exports" / "web" / table / "parquet"
        return [
            pl.read_parquet(part, hive_partitioning=False)
            for part in sorted(place.glob("*/part-*"))
        ]

    def tree(self) -> dict[str, tuple[int, int]]:
        """Every file of the project with its size and time of modification."""
        return {
            str(path): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in self.project.home.rglob("*")
            if path.is_file()
        }


def _refused(content: str) -> int:
    line = base64.b64decode(content)
    found = _NUMBER.search(line)
    assert found is not None, line
    return int(found[1])


def _is_reading(request: dg.RunRequest) -> bool:
    return any(asset.path[1] == "segments" for asset in request.asset_selection or ())


def _partition_tag(request: dg.RunRequest) -> dict[str, str]:
    return {"dagster/partition": request.partition_key} if request.partition_key else {}


def partitions_of(request: dg.RunRequest) -> tuple[str, ...]:
    """Return the days a run is asked to export; none where that is everything."""
    first = request.tags.get("dagster/asset_partition_range_start", request.partition_key)
    if first is None:
        return ()
    last = request.tags.get("dagster/asset_partition_range_end", first)
    days = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).days
    start = datetime.fromisoformat(first)
    return tuple(f"{start + timedelta(days=number):%F}" for number in range(days + 1))
