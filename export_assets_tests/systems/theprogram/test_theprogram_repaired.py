"""Exports with computed columns are verified and repaired with them, without being asked."""

from collections.abc import Sequence

from export_assets.config.format_options import FormatOptionsConfig
from export_assets.engine.repair import RepairReport, repair
from export_assets.engine.repair_plan import Repair, Thoroughness
from export_assets.engine.verification import verify_published
from export_assets_tests.systems.theprogram.theprogram_world import Project


def mended(earlier: Project, *, against_source: bool) -> tuple[RepairReport, list[Repair]]:
    told: list[Repair] = []

    def agree(plan: Sequence[Repair]) -> bool:
        told.extend(plan)
        return True

    how = Thoroughness(against_source=against_source)
    return repair(earlier.exporter(), how, agree=agree), told


def test_each_export_is_compared_with_the_columns_it_was_published_with(earlier: Project) -> None:
    earlier.export(computed=True, tables=("clients",), formats=("csv", "json"))
    earlier.export(tables=("clients", "charts"), formats=("parquet",))

    verdicts = {
        f"{one.table}/{one.format}": one.verdict for one in verify_published(earlier.exporter())
    }

    assert verdicts == {
        "clients/csv": "equal",
        "clients/json": "equal",
        "clients/parquet": "equal",
        "charts/parquet": "equal",
    }


def test_repairing_keeps_computed_columns_and_options(earlier: Project) -> None:
    options = {"csv": FormatOptionsConfig(delimiter=";")}
    earlier.export(computed=True, tables=("clients",), formats=("csv",), options=options)
    earlier.export(tables=("charts",), formats=("csv",))
    before = earlier.part("clients", "csv").read_bytes()
    for table in ("clients", "charts"):
        earlier.part(table, "csv").write_bytes(b"")

    report, told = mended(earlier, against_source=False)
    again, nothing = mended(earlier, against_source=True)

    assert {one.table for one in told} == {"clients", "charts"}
    assert (report.exit_code, len(report.records)) == (0, 2)
    assert earlier.part("clients", "csv").read_bytes() == before
    assert (again.exit_code, nothing) == (0, [])
