"""What is peculiar to `tandem` beyond its YAML, as the engine's seam wants it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from export_assets.config.models import SourceConfig
from export_assets.config.urls import SourceUrl
from export_assets.engine.system import Step, StepReport, System
from export_assets.errors import UsageError
from export_assets.systems.tandem.clock import DEFAULT_PUMP_TIMEZONE
from export_assets.systems.tandem.descriptions import COLUMN_DESCRIPTIONS, TABLE_DESCRIPTIONS
from export_assets.systems.tandem.schema import BASAL_DELIVERIES, CGM_READINGS, EVENTS, RAW_EVENTS
from export_assets.tables.schema import TableSchema

_STEPS = (
    Step(
        name="decode_events",
        table=EVENTS,
        depends_on=(RAW_EVENTS,),
        description="Decode the raw events that have no event yet.",
    ),
    Step(
        name="derive_cgm_readings",
        table=CGM_READINGS,
        depends_on=(EVENTS,),
        description="Take a glucose reading from every glucose event that has none yet.",
    ),
    Step(
        name="derive_basal_deliveries",
        table=BASAL_DELIVERIES,
        depends_on=(EVENTS,),
        description="Take the rates from every basal delivery event that has no row yet.",
    ),
)


class TandemSystem(System):
    """Insulin-pump events in one DuckDB file."""

    name = "tandem"

    @property
    def yaml(self) -> Path:
        """The system's configuration file."""
        return Path(__file__).with_name("tandem.yaml")

    def make_sample(self, url: SourceUrl, config: SourceConfig) -> str:
        """Generate 92 days of pump log at *url*; see `systems.tandem.sample`."""
        from export_assets.systems.tandem.sample import make_sample

        report = make_sample(_file(url), pump_timezone=_pump_timezone(config))
        rows = ", ".join(f"{count:,} {table}" for table, count in report.rows.items())
        return f"{rows} in {report.path.name}"

    def views(
        self, columns_of: Mapping[str, Sequence[str]], config: SourceConfig
    ) -> Mapping[str, str]:
        """Return the exported shape of the four tables."""
        from export_assets.systems.tandem.views import tandem_views

        return tandem_views(
            columns_of,
            assume_timezone=config.assume_timezone,
            pump_timezone=_pump_timezone(config),
        )

    def tables(self) -> Sequence[str]:
        """Return the pump's log and what is derived from it."""
        return (RAW_EVENTS, EVENTS, CGM_READINGS, BASAL_DELIVERIES)

    def annotate(self, schema: TableSchema) -> TableSchema:
        """Describe table and columns."""
        known = COLUMN_DESCRIPTIONS.get(schema.name, {})
        columns = tuple(
            replace(column, description=known.get(column.name, column.description))
            for column in schema.columns
        )
        text = TABLE_DESCRIPTIONS.get(schema.name, schema.description)
        return replace(schema, columns=columns, description=text)

    def lineage(self) -> Mapping[str, Mapping[str, Sequence[tuple[str, str]]]]:
        """Return what derived columns are made of."""
        from export_assets.systems.tandem.lineage import LINEAGE

        return LINEAGE

    def steps(self) -> Sequence[Step]:
        """Return the pipeline: events, then readings and deliveries."""
        return _STEPS

    def run_step(self, step: str, url: SourceUrl, config: SourceConfig) -> StepReport:
        """Run one step of the pipeline in the file; running it again adds nothing."""
        from export_assets.systems.tandem import pipeline
        from export_assets.systems.tandem.connection import open_for_refresh

        with open_for_refresh(_file(url)) as con:
            if step == "decode_events":
                done = pipeline.refresh_events(
                    con,
                    pump_timezone=_pump_timezone(config),
                    assume_timezone=config.assume_timezone,
                )
            elif step == "derive_cgm_readings":
                done = pipeline.refresh_cgm_readings(con)
            elif step == "derive_basal_deliveries":
                done = pipeline.refresh_basal_deliveries(con)
            else:
                return super().run_step(step, url, config)
        return StepReport(
            step=step,
            counts={
                "read": done.read,
                "inserted": done.inserted,
                "present": done.present,
                "unknown_events": sum(done.unknown.values()),
                "malformed_payloads": done.malformed_new,
                "malformed_payloads_before": sum(done.malformed.values()) - done.malformed_new,
                "ambiguous_times": done.ambiguous,
                "skipped_times": done.nonexistent,
            },
        )


def _file(url: SourceUrl) -> Path:
    """Return the path of the DuckDB file.

    Raises:
        UsageError: *url* is no DuckDB file.
    """
    if url.kind != "duckdb" or url.path is None:
        msg = f"tandem: {url} is no DuckDB file"
        raise UsageError(msg)
    return url.path


def _pump_timezone(config: SourceConfig) -> str:
    return str(config.options.get("pump_timezone", DEFAULT_PUMP_TIMEZONE))
