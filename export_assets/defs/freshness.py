"""Checks against the clock: how old the newest published rows are."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from export_assets.defs.event_log import latest
from export_assets.defs.findings import Finding
from export_assets.defs.names import ops_of
from export_assets.defs.table import TableExport
from export_assets.errors import ExportError
from export_assets.tables.partitions import ALL, UNDATED

NAME = "freshness"
_LOOKED_AT = 50
_SHORTEST = timedelta(minutes=1)


def fresh_tables(tables: Sequence[TableExport]) -> list[TableExport]:
    """Return those of *tables* that are configured to become stale."""
    return [
        table for table in tables if table.configured.config.freshness_of(table.name) is not None
    ]


def freshness_policy_of(table: TableExport) -> dg.FreshnessPolicy | None:
    """Return by when Dagster expects an export of *table*, None where nothing is configured.

    Dagster looks by itself, and knows only when somebody exported last, or found nothing new. How
    old the rows are is told by the check.
    """
    hours = table.configured.config.freshness_of(table.name)
    if hours is None:
        return None
    # Dagster knows no shorter time.
    return dg.FreshnessPolicy.time_window(fail_window=max(timedelta(hours=hours), _SHORTEST))


def build_freshness_checks(tables: Sequence[TableExport]) -> list[dg.AssetChecksDefinition]:
    """Return the step for the tables of one source that are configured to become stale."""
    chosen = fresh_tables(tables)
    if not chosen:
        return []
    ops = ops_of(f"freshness__{chosen[0].source}", chosen, key=lambda table: table.keys[0])
    return [_build(op, group) for op, group in ops]


def _build(op: str, chosen: Sequence[TableExport]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            NAME,
            asset=table.key(fmt),
            description=_describe(table.configured.config.freshness_of(table.name) or 0.0),
        )
        for table in chosen
        for fmt in table.formats
    ]

    @dg.multi_asset_check(name=op, specs=specs, can_subset=True)
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        now = datetime.now(UTC)
        for table in chosen:
            for fmt in table.formats:
                key = table.key(fmt)
                if dg.AssetCheckKey(key, NAME) not in context.selected_asset_check_keys:
                    continue
                finding = judge_freshness(context.instance, table, fmt, now=now)
                yield finding.result(key, NAME, dg.AssetCheckSeverity.WARN)

    return check


def _describe(hours: float) -> str:
    return f"Rows are no older than {hours:g} hour{'' if hours == 1 else 's'}."


def judge_freshness(
    instance: dg.DagsterInstance, table: TableExport, fmt: str, *, now: datetime
) -> Finding:
    """Compare the age of what is published with the hours configured.

    A partition speaks of its window up to the moment it was last exported, or found unchanged; a
    table without partitions of that moment.
    """
    hours = table.configured.config.freshness_of(table.name) or 0.0
    try:
        known_until = _known_until(instance, table, fmt)
    except (ExportError, OSError) as error:
        return Finding(passed=False, says=str(error))
    if known_until is None:
        return Finding(passed=False, says="no rows are published")
    age = max((now - known_until).total_seconds() / 3600, 0.0)
    return Finding(
        passed=age <= hours,
        says=f"{age:.1f} hours old, {hours:g} {'is' if hours == 1 else 'are'} allowed",
        figures={
            "age_hours": dg.MetadataValue.float(round(age, 3)),
            "known_until": dg.MetadataValue.timestamp(known_until),
        },
    )


def _known_until(instance: dg.DagsterInstance, table: TableExport, fmt: str) -> datetime | None:
    keys = [key for key in table.published_keys(fmt) if key != UNDATED]
    for key in reversed(keys[-_LOOKED_AT:]):
        manifest = table.manifest(fmt, key)
        # An empty partition shows that somebody looked, not that there is anything new.
        if manifest is None or (manifest.rows == 0 and key != ALL):
            continue
        confirmed = manifest.created_at
        record = latest(instance, table.key(fmt), [key]).get(key)
        if record is not None:
            confirmed = max(confirmed, datetime.fromtimestamp(record.timestamp, UTC))
        end = manifest.window.end if manifest.window is not None else None
        return min(end, confirmed) if end is not None else confirmed
    return None
