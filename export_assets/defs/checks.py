"""The checks of one export that run in the step that writes it, or alone over what is published.

    schema        columns and types are those the configuration promises          blocking
    contract      the rules of the configuration hold for every row               blocking
    completeness  rows and column digests are those of the snapshot               blocking
    integrity     the files are byte for byte those of the manifest               blocking
    row_count     the number of rows has not changed by more than a half          warns
    gaps          rows come at the configured beat                                warns
    monotone      configured columns never decrease                               warns
    plausible     the configured rules that only warn hold for every row          warns
    coverage      no published row is outside Dagster's partitions; of an export  warns
                  as a whole, see `coverage`
    privacy       no column looks personal unless that was decided on; of a       warns, or blocks
                  table as a whole, see `privacy`

While writing, the engine has proven the first three before it published anything; here its figures
are reported. Alone, they are found again from the published files.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from export_assets.defs import coverage
from export_assets.defs.findings import Finding
from export_assets.defs.privacy import build_privacy_spec
from export_assets.defs.published import read_columns, read_published
from export_assets.defs.table import TableExport
from export_assets.defs.wording import agreed, counted
from export_assets.engine.published import carried_schema
from export_assets.engine.report import ExportRecord, rows_break
from export_assets.errors import ExportError
from export_assets.formats.registry import format_named
from export_assets.store.manifest import Manifest
from export_assets.store.verify import verify_partition
from export_assets.tables.contract import CheckOutcome, Contract
from export_assets.tables.digest import DigestBuilder
from export_assets.tables.partitions import UNDATED, TimePartitions, Window
from export_assets.tables.series import check_cadence, check_monotone
from export_assets.tables.statistics import StatisticsBuilder

_LISTED = 20
_TOLERATED_CHANGE = 0.5
BLOCKING = frozenset({"schema", "contract", "completeness", "integrity"})


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One partition of one export, as a check looks at it."""

    table: TableExport
    format: str
    key: str
    manifest: Manifest | None
    """None where nothing is published."""
    record: ExportRecord | None = None
    """What this run did to it; None where it only looks."""
    rows_before: int | None = None
    """Rows of the generation before, where there was one and it is known."""


Check = Callable[[Subject, Manifest], Finding]


def check_names(table: TableExport, fmt: str) -> list[str]:
    """Return the names of the checks of each partition of the export of *table* in *fmt*."""
    config = table.configured.config.table(table.name)
    names = ["schema", "contract", "completeness", "integrity", "row_count"]
    # What concerns the rows and not the files is looked at in one format only.
    if fmt == table.formats[0]:
        names += ["gaps"] if config.cadence else []
        names += ["monotone"] if config.monotone else []
        names += ["plausible"] if any(rule.severity == "warn" for rule in config.checks) else []
    return names


def build_check_specs(table: TableExport) -> list[dg.AssetCheckSpec]:
    """Return the specs of every check of every format of *table*."""
    whole = [
        dg.AssetCheckSpec(
            coverage.NAME, asset=table.key(fmt), description=coverage.DESCRIPTION, blocking=False
        )
        for fmt in table.formats
        if table.partitions_def is not None
    ]
    privacy = build_privacy_spec(table)
    whole += [privacy] if privacy is not None else []
    return whole + [
        dg.AssetCheckSpec(
            name,
            asset=table.key(fmt),
            description=_DESCRIPTIONS[name],
            blocking=name in BLOCKING,
            partitions_def=table.partitions_def,
        )
        for fmt in table.formats
        for name in check_names(table, fmt)
    ]


def severity_of(name: str) -> dg.AssetCheckSeverity:
    """Return how grave a failure of the check *name* is."""
    return dg.AssetCheckSeverity.ERROR if name in BLOCKING else dg.AssetCheckSeverity.WARN


def evaluate(name: str, subject: Subject) -> Finding:
    """Run the check called *name*; what keeps it from being run is a failure of it."""
    if name == "contract" and subject.record is not None and subject.record.checks:
        return _contract_finding(subject.record.checks)
    if subject.manifest is None:
        reason = subject.record.error if subject.record is not None else None
        return Finding(passed=False, says=reason or "nothing is published")
    try:
        return _CHECKS[name](subject, subject.manifest)
    except (ExportError, OSError) as error:
        return Finding(passed=False, says=str(error))


def _schema(subject: Subject, manifest: Manifest) -> Finding:
    config = subject.table.configured.config
    if manifest.config_hash != subject.table.code_version(subject.format):
        return Finding(passed=False, says="published under another configuration; export it again")
    found = {column.name: column.logical_type for column in manifest.columns}
    wrong = [
        f"{name} is {found[name]}, promised {kind.type}"
        for name, kind in config.types_of(subject.table.name).items()
        if name in found and found[name] != kind.type
    ]
    promised = config.table(subject.table.name).columns
    if promised is not None and tuple(found) != tuple(
        name for name in promised if name not in config.table(subject.table.name).exclude_columns
    ):
        wrong.append(f"columns are {', '.join(found)}")
    expected = {column.name: column.type for column in subject.table.shape.columns}
    drift = sorted(
        name
        for name in expected.keys() | found.keys()
        if expected and expected.get(name) != found.get(name)
    )
    figures: dict[str, dg.MetadataValue] = {"columns": dg.MetadataValue.int(len(found))}
    if drift:
        figures["changed_columns"] = dg.MetadataValue.text(", ".join(drift[:_LISTED]))
    says = "; ".join(wrong) if wrong else f"{counted(len(found), 'column')} as promised"
    if drift:
        says += f"; changed since these definitions were loaded: {', '.join(drift[:_LISTED])}"
    return Finding(passed=not wrong, says=says, figures=figures)


def _contract(subject: Subject, manifest: Manifest) -> Finding:
    return _contract_finding(_outcomes(subject, manifest))


def _plausible(subject: Subject, manifest: Manifest) -> Finding:
    record = subject.record
    outcomes = record.checks if record is not None else ()
    mild = [one for one in outcomes or _outcomes(subject, manifest) if one.severity == "warn"]
    broken = [one for one in mild if not one.passed]
    says = ", ".join(rows_break(one.failures, one.check) for one in broken[:_LISTED])
    figures: dict[str, dg.MetadataValue] = {
        "rules": dg.MetadataValue.int(len(mild)),
        "failures": dg.MetadataValue.int(sum(one.failures for one in broken)),
    }
    return Finding(
        passed=not broken, says=says or agreed(len(mild), "rule", "hold"), figures=figures
    )


def _outcomes(subject: Subject, manifest: Manifest) -> Sequence[CheckOutcome]:
    """Check the published rows against the rules that hold now."""
    schema = carried_schema(manifest)
    rules = [
        rule
        for rule in subject.table.configured.config.table(subject.table.name).checks
        if rule.column in schema.names
    ]
    contract, statistics = Contract(schema, rules).start(), StatisticsBuilder(schema)
    for batch in read_published(subject.table, manifest):
        statistics.update(batch)
        contract.update(batch)
    return contract.outcomes(statistics)


def _contract_finding(outcomes: Iterable[CheckOutcome]) -> Finding:
    outcomes = list(outcomes)
    broken = [outcome for outcome in outcomes if not outcome.passed]
    grave = [outcome for outcome in broken if outcome.severity == "error"]
    table = dg.MetadataValue.table(
        records=[
            dg.TableRecord(
                {"rule": outcome.check, "severity": outcome.severity, "rows": outcome.failures}
            )
            for outcome in sorted(outcomes, key=lambda outcome: -outcome.failures)[:_LISTED]
        ],
        schema=dg.TableSchema(
            columns=[
                dg.TableColumn("rule"),
                dg.TableColumn("severity"),
                dg.TableColumn("rows", type="int", description="Rows that break the rule."),
            ]
        ),
    )
    says = agreed(len(outcomes), "rule", "hold")
    if broken:
        facts = [rows_break(one.failures, one.check) for one in (grave or broken)[:_LISTED]]
        says = ", ".join(facts)
    return Finding(
        passed=not grave,
        says=says,
        figures={
            "rules": table,
            "failures": dg.MetadataValue.int(sum(one.failures for one in broken)),
        },
    )


def _completeness(subject: Subject, manifest: Manifest) -> Finding:
    figures: dict[str, dg.MetadataValue] = {
        "rows": dg.MetadataValue.int(manifest.counters.exported),
        "rows_in_files": dg.MetadataValue.int(manifest.rows),
        "digest_algorithm": dg.MetadataValue.text(manifest.digest_algorithm),
        "column_digests": dg.MetadataValue.json(
            {column.name: column.digest for column in manifest.columns[:200]}
        ),
    }
    came, written = manifest.counters.exported, counted(manifest.rows, "row")
    if manifest.rows != came:
        says = f"{counted(came, 'row')} came in, the files hold {manifest.rows}"
        return Finding(passed=False, says=says, figures=figures)
    if subject.record is not None:
        return Finding(passed=True, says=f"{written} in, all written", figures=figures)
    builder = DigestBuilder(carried_schema(manifest))
    for batch in read_published(subject.table, manifest):
        builder.update(batch)
    found = builder.digest(finite=not format_named(subject.format).carries_nonfinite)
    different = [
        column.name
        for column in manifest.columns
        # A value the format cannot carry reads back as another one; the manifest counts those.
        if column.fidelity == "exact" and found.columns.get(column.name) != column.digest
    ]
    if found.rows != manifest.rows or different:
        back = counted(found.rows, "row")
        says = f"{back} read back; different: {', '.join(different[:_LISTED]) or 'none'}"
        return Finding(passed=False, says=says, figures=figures)
    return Finding(passed=True, says=f"{written} read back as written", figures=figures)


def _integrity(subject: Subject, manifest: Manifest) -> Finding:
    findings = verify_partition(subject.table.partition_path(subject.format, subject.key))
    figures: dict[str, dg.MetadataValue] = {
        "files": dg.MetadataValue.int(len(manifest.files)),
        "bytes": dg.MetadataValue.int(manifest.bytes),
        "findings": dg.MetadataValue.int(len(findings)),
    }
    says = "; ".join(finding.message for finding in findings[:_LISTED])
    return Finding(passed=not findings, says=says or "files are as recorded", figures=figures)


def _row_count(subject: Subject, manifest: Manifest) -> Finding:
    rows, before = manifest.rows, subject.rows_before
    held = counted(rows, "row")
    figures: dict[str, dg.MetadataValue] = {"rows": dg.MetadataValue.int(rows)}
    if before is None:
        return Finding(passed=True, says=f"{held}, nothing to compare with", figures=figures)
    change = (rows - before) / before if before else float(rows > 0)
    figures["rows_before"] = dg.MetadataValue.int(before)
    figures["change"] = dg.MetadataValue.float(round(change, 6))
    says = f"{held}, {before} before ({change:+.0%})"
    return Finding(passed=abs(change) <= _TOLERATED_CHANGE, says=says, figures=figures)


def _gaps(subject: Subject, manifest: Manifest) -> Finding:
    cadence = subject.table.configured.config.table(subject.table.name).cadence
    if cadence is None:
        return Finding(passed=True, says="no beat is configured")
    rows = read_columns(subject.table, manifest, (cadence.column,))
    result = check_cadence(
        rows,
        cadence.column,
        minutes=cadence.minutes,
        max_gap_minutes=cadence.allowed_gap,
        window=_past(subject),
        max_listed=_LISTED,
    )
    says = f"{counted(result.gap_count, 'gap')}, {result.share:.1%} of the expected rows"
    gaps = [
        dg.TableRecord(
            {"start": f"{gap.start:%F %T}", "end": f"{gap.end:%F %T}", "minutes": gap.minutes}
        )
        for gap in result.gaps
    ]
    figures: dict[str, dg.MetadataValue] = {
        "gaps": dg.MetadataValue.int(result.gap_count),
        "present": dg.MetadataValue.int(result.present),
        "missing": dg.MetadataValue.int(result.missing),
        "share": dg.MetadataValue.float(result.share),
    }
    if gaps:
        figures["longest"] = dg.MetadataValue.table(
            records=gaps,
            schema=dg.TableSchema(
                columns=[
                    dg.TableColumn("start", description="UTC"),
                    dg.TableColumn("end", description="UTC"),
                    dg.TableColumn("minutes", type="float"),
                ]
            ),
        )
    return Finding(passed=not result.gap_count, says=says, figures=figures)


def _past(subject: Subject) -> Window | None:
    """Return the partition's window as far as it is over: the future is no gap."""
    partitions = subject.table.partitions
    if not isinstance(partitions, TimePartitions) or subject.key == UNDATED:
        return None
    window, now = partitions.window(subject.key), datetime.now(UTC)
    if window.end is None or window.end <= now:
        return window
    return (
        None if window.start is None or window.start >= now else Window(start=window.start, end=now)
    )


def _monotone(subject: Subject, manifest: Manifest) -> Finding:
    columns = subject.table.configured.config.table(subject.table.name).monotone
    rows = read_columns(subject.table, manifest, columns)
    found = {column: check_monotone(rows, column, max_listed=0) for column in columns}
    figures: dict[str, dg.MetadataValue] = {
        f"{column}_decreases": dg.MetadataValue.int(result.decreases)
        for column, result in found.items()
    }
    broken = [
        f"{name} decreases {counted(one.decreases, 'time')}"
        for name, one in found.items()
        if not one.holds
    ]
    says = ", ".join(broken) or f"{', '.join(columns)} never decrease"
    return Finding(passed=not broken, says=says, figures=figures)


_CHECKS: dict[str, Check] = {
    "schema": _schema,
    "contract": _contract,
    "completeness": _completeness,
    "integrity": _integrity,
    "row_count": _row_count,
    "gaps": _gaps,
    "monotone": _monotone,
    "plausible": _plausible,
}

_DESCRIPTIONS = {
    "schema": "Columns and types are those the configuration promises.",
    "contract": "The rules of the configuration hold; nothing is published that breaks one.",
    "completeness": "Rows and the digest of every column are those of the snapshot.",
    "integrity": "The files are byte for byte those the manifest records.",
    "row_count": "The number of rows has not changed by more than a half since last time.",
    "gaps": "Rows come at the configured beat.",
    "monotone": "Columns that only ever grow have not shrunk.",
    "plausible": "The rules of the configuration hold that warn and stop nothing.",
}
