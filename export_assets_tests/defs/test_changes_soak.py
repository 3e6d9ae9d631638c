"""A day of the sensors of a database on our clock: it is edited, exports fail, memory is lost.

Exports are those of the command line, so the sensor of what was published elsewhere has to tell
Dagster of every one of them, once.
"""

import random
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, JobFailureData

from export_assets.defs import changes, elsewhere
from export_assets.defs.shapes import known_tables
from export_assets.defs.table import TableExport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets_tests.defs.log_day import CrashError, Killer
from export_assets_tests.defs.shop_project import CUSTOMERS, ORDERS, Shop, key
from export_assets_tests.effort import SOAK, effort
from export_assets_tests.proof.plugin import Proven

YAML = """\
source: shop
url: sqlite:///shop.db
formats: [parquet]
tables:
  orders: {partition_by: {column: ordered_at, every: day, start: 2024-01-01}}
  "*": {}
"""
TICKS = effort(40, soak=1440)  # a day
QUIET_TICKS = effort(10, soak=1000)
SEED = 5

pytestmark = [
    pytest.mark.suite("sensor-soak"),
    pytest.mark.promise("same-in-same-out", "whole-or-absent"),
]


@dataclass
class Launched:
    """A run that was asked for and is not over."""

    id: str
    tables: tuple[str, ...]
    fate: str
    ticks: int


class Day:
    """A database, its two sensors, and runs of which some fail."""

    def __init__(self, shop: Shop, monkeypatch: pytest.MonkeyPatch, *, seed: int) -> None:
        self.shop, self.rng, self.seed = shop, random.Random(seed), seed
        self.now = datetime.now(UTC)
        day = self

        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # a plain one
                return day.now.astimezone(tz)

        monkeypatch.setattr("dagster._time._mockable_get_current_datetime", lambda: self.now)
        for module in (changes, elsewhere):
            monkeypatch.setattr(module, "datetime", Clock)
        self.killer = Killer(monkeypatch)
        source = shop.workspace.source("shop")
        shapes = known_tables(shop.workspace, source).tables
        tables = [
            TableExport(workspace=shop.workspace, configured=source, shape=one) for one in shapes
        ]
        self.sensors = {
            "shop_changes": changes.build_changes_sensor(source, tables, shapes),
            "published_elsewhere": elsewhere.build_elsewhere_sensor(tables),
        }
        self.cursors: dict[str, str | None] = dict.fromkeys(self.sensors)
        self.old_cursors: list[str | None] = [None]
        self.under_way: list[Launched] = []
        self.happened: Counter[str] = Counter()
        self.states: set[str] = set()
        """Fingerprints for which runs were asked for."""
        self.asked = self.failed = self.orphans = self.runs = 0
        self.edits: Counter[str] = Counter()
        """By partition, how often rows of it were edited."""
        self.reported: Counter[tuple[str, str | None, object]] = Counter()

    def edit(self) -> None:
        """Insert, change or remove some rows of some days."""
        self.happened["edit"] += 1
        with closing(sqlite3.connect(self.shop.home / "shop.db")) as connection, connection:
            for _ in range(self.rng.randrange(1, 4)):
                number = self.rng.randrange(140)
                day = f"2024-01-{1 + number % 30:02d}"
                how = self.rng.choice(("insert", "update", "update", "delete", "customer"))
                self.edits["all" if how == "customer" else day] += 1
                if how == "insert":
                    row = (number, number % 5, f"{day}T10:00:00Z", self.rng.random())
                    connection.execute("insert or replace into orders values (?, ?, ?, ?)", row)
                elif how == "update":
                    new = (self.rng.random(), number)
                    connection.execute("update orders set total = ? where id = ?", new)
                elif how == "delete":
                    connection.execute("delete from orders where id = ?", (number,))
                else:
                    name = (f"customer {self.rng.random()}", number % 5)
                    connection.execute("update customers set name = ? where id = ?", name)

    def tick(self, *, failing: bool = True) -> bool:
        """Let both sensors look, and launch what is asked for; return whether anything is."""
        found = self._look("published_elsewhere")
        for event in found.asset_events:
            self.shop.instance.report_runless_asset_event(event)
            if isinstance(event, dg.AssetMaterialization):
                name, run = event.asset_key.to_user_string(), event.metadata["run_id"].value
                self.reported[name, event.partition, run] += 1
        self.cursors["published_elsewhere"] = found.cursor
        before = self.cursors["shop_changes"]
        result = self._look("shop_changes")
        if failing and self.rng.random() < 0.03:
            self.happened["tick lost"] += 1
            return bool(result.run_requests)
        for request in result.run_requests or ():
            self._launch(request, failing=failing)
        self.cursors["shop_changes"] = result.cursor
        if result.cursor != before:
            self.old_cursors.append(result.cursor)
        return bool(result.run_requests or found.asset_events)

    def _look(self, name: str) -> dg.SensorResult:
        context = dg.build_sensor_context(instance=self.shop.instance, cursor=self.cursors[name])
        result: Any = self.sensors[name](context)
        if isinstance(result, dg.SkipReason):
            return dg.SensorResult(cursor=self.cursors[name])
        assert isinstance(result, dg.SensorResult)
        return result

    def _launch(self, request: dg.RunRequest, *, failing: bool) -> None:
        self.asked += 1
        self.states.add(request.tags["export_assets/fingerprint"])
        run = dg.DagsterRun(
            job_name="any",
            run_id=f"{self.rng.getrandbits(128):032x}",
            status=dg.DagsterRunStatus.STARTED,
            tags=dict(request.tags),
        )
        self.shop.instance.add_run(run)
        fates = ("well", "raises", "fails once done", "killed")
        fate = self.rng.choices(fates, (55, 15, 10, 20))[0] if failing else "well"
        tables = tuple(sorted({asset.path[1] for asset in request.asset_selection or ()}))
        self.under_way.append(Launched(run.run_id, tables, fate, self.rng.randrange(3)))

    def work(self) -> None:
        """Let the time of a tick pass for the runs that are under way."""
        for one in list(self.under_way):
            one.ticks -= 1
            if one.ticks < 0:
                self.under_way.remove(one)
                self._finish(one)

    def _finish(self, one: Launched) -> None:
        self.happened[one.fate] += 1
        self.failed += one.fate != "well"
        self.killer.left = self.rng.randrange(1, 120) if one.fate == "killed" else None
        with suppress(CrashError):
            if one.fate != "raises":
                self.export(one.tables)
        self.killer.left = None
        well = one.fate == "well"
        kind = DagsterEventType.RUN_SUCCESS if well else DagsterEventType.RUN_FAILURE
        data = None if well else JobFailureData(error=None)
        event = DagsterEvent(kind.value, "any", event_specific_data=data)
        self.shop.instance.handle_run_event(one.id, event, self.now)

    def export(self, tables: Sequence[str]) -> None:
        """Do what a run does, without the rest of Dagster."""
        self.runs += 1
        workspace = self.shop.reopened().workspace
        report = Exporter(
            workspace=workspace,
            source=workspace.source("shop"),
            request=ExportRequest(tables=tuple(tables)),
            run=Run(id=f"by-hand-{self.runs}", now=self.now),
        ).export()
        assert not report.failed or self.killer.left is not None, (self.seed, report.failed)

    def lose(self) -> None:
        """Lose a cursor, damage it, or take an older one; or lose records of runs."""
        if self.rng.random() < 0.3:
            self.happened["lost records of runs"] += 1
            under_way = {one.id for one in self.under_way}
            for run in self.shop.instance.get_runs():
                self.orphans += run.run_id in under_way
                self.shop.instance.delete_run(run.run_id)
            return
        name = self.rng.choice(sorted(self.cursors))
        own = self.old_cursors if name == "shop_changes" else [None, '{"a": ["x", 1]}']
        self.happened["lost cursor"] += 1
        self.cursors[name] = self.rng.choice((None, "", "{", self.rng.choice(own)))

    def settle(self) -> None:
        """Let everything go well until nothing is asked for."""
        for one in self.under_way:
            one.fate = "well"
        for _ in range(30):
            asked = self.tick(failing=False)
            while self.under_way:
                asked = True
                self.work()
            self.now += timedelta(hours=2)
            if not asked:
                return
        msg = f"seed {self.seed}: still asked for"
        raise AssertionError(msg)

    def tree(self) -> dict[str, tuple[int, int]]:
        return {
            str(path): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in (self.shop.home / "exports").rglob("*")
            if path.is_file()
        }


def in_database(shop: Shop) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(shop.home / "shop.db")) as connection:
        return {
            "orders": connection.execute("select id, total from orders order by 1").fetchall(),
            "customers": connection.execute("select id, name from customers order by 1").fetchall(),
        }


def published(shop: Shop) -> dict[str, list[tuple[object, ...]]]:
    found = {}
    for table, column in (("orders", "total"), ("customers", "name")):
        place = shop.home / "exports" / "shop" / table / "parquet"
        parts: list[Path] = sorted(place.glob("*/part-*"))
        frames = [pl.read_parquet(one, hive_partitioning=False) for one in parts]
        found[table] = pl.concat(frames).select("id", column).sort("id").rows()
    return found


@pytest.mark.timeout(3600 if SOAK else 300)
def test_what_is_published_follows_the_database_and_nothing_is_exported_needlessly(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, proven: Proven
) -> None:
    shop.write_yaml(YAML)
    shop = shop.reopened()
    day = Day(shop, monkeypatch, seed=SEED)

    for _ in range(TICKS):
        day.now += timedelta(seconds=60)
        day.work()
        if day.rng.random() < 0.25:
            day.edit()
        if day.rng.random() < 0.05:
            day.lose()
        if day.rng.random() < 0.01:
            day.happened["clock an hour back"] += 1
            day.now -= timedelta(hours=1)
        if day.rng.random() < 0.02:
            day.happened["exported by hand"] += 1
            day.export(("orders", "customers"))
        day.tick()
    day.settle()

    assert published(shop) == in_database(shop), f"seed {SEED}"
    # A run for every state of the database that was seen, and for what failed or was forgotten.
    assert day.asked <= len(day.states) + day.failed + day.orphans, f"seed {SEED}"
    for table in (ORDERS, CUSTOMERS):
        for partition, manifest in shop.manifests(table[1]).items():
            assert manifest.generation <= 1 + day.edits[partition], (SEED, partition)
            name, of = key(*table, "parquet").to_user_string(), partition
            known = (name, None if of == "all" else of, manifest.run_id)
            assert day.reported[known] == 1, (SEED, known)
    assert set(day.reported.values()) == {1}, f"seed {SEED}"
    assert {"edit", "raises", "killed", "lost cursor"} <= day.happened.keys(), day.happened
    before = day.tree()
    for _ in range(QUIET_TICKS):
        day.lose()
        day.now += timedelta(seconds=60)
        assert not day.tick(failing=False), f"seed {SEED}"
    written = day.tree().items() ^ before.items()
    assert not written, f"seed {SEED}"
    proven(
        TICKS,
        "ticks of a day of the sensors of a database",
        f"published what it holds; {day.asked} runs for {len(day.states)} states and {day.failed} "
        f"failures; {len(day.reported)} generations reported once; {len(written)} files written in "
        f"{QUIET_TICKS} further ticks",
    )
