"""Upstream steps before an export: their findings are told, a source that cannot be written too."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from export_assets.config.models import SourceConfig
from export_assets.config.urls import SourceUrl
from export_assets.engine.system import Step, StepReport, System
from export_assets.engine.workspace import ConfiguredSource, need_system
from export_assets.errors import (
    DestPermission,
    ExportError,
    SourceBusy,
    SourceCorrupt,
    SourceMissing,
    UsageError,
)
from export_assets.tables.schema import TableSchema
from export_assets_tests.engine.engine_world import shop, statuses


class Pump(System):
    name = "pump"

    def __init__(
        self, counts: Mapping[str, int] | None = None, error: ExportError | None = None
    ) -> None:
        self.counts = counts or {}
        self.error = error
        self.ran: list[str] = []
        self.statement = "select id, name from customers"

    @property
    def yaml(self) -> Path:
        raise NotImplementedError

    def make_sample(self, url: SourceUrl, config: SourceConfig) -> str:
        raise NotImplementedError

    def views(
        self, columns_of: Mapping[str, Sequence[str]], config: SourceConfig
    ) -> Mapping[str, str]:
        del config
        assert columns_of["customers"] == ("id", "name", "email")
        return {"people": self.statement}

    def annotate(self, schema: TableSchema) -> TableSchema:
        return replace(schema, description="annotated")

    def steps(self) -> Sequence[Step]:
        return (Step(name="one", table="orders"), Step(name="two", table="customers"))

    def run_step(self, step: str, url: SourceUrl, config: SourceConfig) -> StepReport:
        if step not in {"one", "two"}:
            return super().run_step(step, url, config)
        self.ran.append(step)
        if self.error is not None:
            raise self.error
        return StepReport(step=step, counts=self.counts)


def with_system(system: System) -> Callable[[ConfiguredSource], ConfiguredSource]:
    def configured(source: ConfiguredSource) -> ConfiguredSource:
        return replace(source, system=system)

    return configured


def test_steps_run_in_order_before_the_export_and_only_when_asked(tmp_path: Path) -> None:
    world, pump = shop(tmp_path), Pump({"read": 9, "inserted": 3, "present": 1, "malformed": 0})

    world.export(configured=with_system(pump), tables=("customers",))
    unasked = list(pump.ran)
    report = world.export(configured=with_system(pump), tables=("customers",), fetch_latest=True)

    assert unasked == []
    assert pump.ran == ["one", "two"]
    assert list(report.warnings) == []
    assert report.exit_code == 0


def test_counts_that_are_odd_are_told(tmp_path: Path) -> None:
    world, pump = shop(tmp_path), Pump({"read": 9, "unknown_events": 2, "malformed": 1})

    report = world.export(configured=with_system(pump), fetch_latest=True)

    assert list(report.warnings) == [
        "shop: one: 2 unknown events, 1 malformed",
        "shop: two: 2 unknown events, 1 malformed",
    ]
    assert report.exit_code == 3


def test_what_an_earlier_run_told_is_not_told_again(tmp_path: Path) -> None:
    world, pump = shop(tmp_path), Pump({"read": 9, "malformed": 0, "malformed_before": 3})

    report = world.export(configured=with_system(pump), tables=("customers",), fetch_latest=True)

    assert list(report.warnings) == []
    assert report.exit_code == 0


@pytest.mark.parametrize(
    "error", [SourceBusy("held"), SourceMissing("read-only"), DestPermission("read-only")]
)
def test_a_source_that_cannot_be_written_is_exported_as_it_is(
    error: ExportError, tmp_path: Path
) -> None:
    world, pump = shop(tmp_path), Pump(error=error)

    report = world.export(configured=with_system(pump), tables=("customers",), fetch_latest=True)

    assert set(statuses(report).values()) == {"success"}
    assert list(report.warnings) == [f"shop: not fetched, exporting what is there: {error}"]
    assert report.exit_code == 3


def test_a_damaged_source_is_not_exported(tmp_path: Path) -> None:
    world, pump = shop(tmp_path), Pump(error=SourceCorrupt("shop: damaged"))

    with pytest.raises(SourceCorrupt):
        world.export(configured=with_system(pump), fetch_latest=True)

    assert not world.exports.exists() or not any(world.exports.rglob("part-*"))


def test_a_source_that_is_not_there_is_missing(tmp_path: Path) -> None:
    world, pump = shop(tmp_path), Pump(error=SourceMissing("gone"))
    world.db.unlink()

    with pytest.raises(SourceMissing, match="gone"):
        world.export(configured=with_system(pump), fetch_latest=True)


def test_a_view_that_changed_in_a_newer_version_is_published_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, pump = shop(tmp_path), Pump()
    world.export(configured=with_system(pump), include=("people",), formats=("csv",))
    pump.statement = "select id, upper(name) as name from customers"
    monkeypatch.setattr("export_assets.engine.memory.code_version", lambda: "99.0")

    report = world.export(configured=with_system(pump), include=("people",), formats=("csv",))

    assert statuses(report)["people/csv/all"] == "success"
    assert statuses(report)["customers/csv/all"] == "unchanged"
    (part,) = world.partition("people", "csv", "all").glob("part-*")
    assert "ANN" in part.read_text()


def test_a_step_nobody_has_and_a_source_without_system_are_refused(tmp_path: Path) -> None:
    exporter = shop(tmp_path).exporter()

    with pytest.raises(UsageError, match="pump: has no step three"):
        Pump().run_step("three", exporter.source.url, exporter.source.config)
    with pytest.raises(UsageError, match="shop: is no built-in system"):
        need_system(exporter.source)


def test_one_odd_thing_is_told_in_the_singular(tmp_path: Path) -> None:
    world, pump = shop(tmp_path), Pump({"read": 9, "unknown_events": 1, "malformed": 1})

    report = world.export(configured=with_system(pump), fetch_latest=True)

    assert report.warnings[0] == "shop: one: 1 unknown event, 1 malformed"
