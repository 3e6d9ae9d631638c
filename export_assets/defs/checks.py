"""The checks of one export that run in the step that writes it, or alone over what is published.

    schema        columns and types are those the configuration promises          blocking
    contract      the rules of the configuration hold for every row               blocking
    completeness  rows and column digests are those of the snapshot               blocking
    integrity     the files are byte for byte those of the manifest               blocking
    row_count     the number of rows has not changed by more than a half          warns
    volume        the number of rows is like that of the partitions before        warns
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

from collections.abc import Callable

import dagster as dg

from export_assets.defs import coverage
from export_assets.defs.content_checks import judge_completeness, judge_integrity, judge_schema
from export_assets.defs.findings import Finding
from export_assets.defs.privacy import build_privacy_spec
from export_assets.defs.rule_checks import contract_finding, judge_contract, judge_plausible
from export_assets.defs.series_checks import judge_gaps, judge_monotone
from export_assets.defs.subject import Subject
from export_assets.defs.table import TableExport
from export_assets.defs.volume import judge_row_count, judge_volume
from export_assets.errors import ExportError
from export_assets.store.manifest import Manifest

BLOCKING = frozenset({"schema", "contract", "completeness", "integrity"})

Check = Callable[[Subject, Manifest], Finding]


def check_names(table: TableExport, fmt: str) -> list[str]:
    """Return the names of the checks of each partition of the export of *table* in *fmt*."""
    configured = table.configured.config
    config = configured.table(table.name)
    names = ["schema", "contract", "completeness", "integrity", "row_count"]
    # What concerns the rows and not the files is looked at in one format only.
    if fmt == table.formats[0]:
        sliced = table.partitions_def is not None
        names += ["volume"] if sliced and configured.volume_of(table.name) else []
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
        return contract_finding(subject.record.checks)
    if subject.manifest is None:
        reason = subject.record.error if subject.record is not None else None
        return Finding(passed=False, says=reason or "nothing is published")
    try:
        return _CHECKS[name](subject, subject.manifest)
    except (ExportError, OSError) as error:
        return Finding(passed=False, says=str(error))


_CHECKS: dict[str, Check] = {
    "schema": judge_schema,
    "contract": judge_contract,
    "completeness": judge_completeness,
    "integrity": judge_integrity,
    "row_count": judge_row_count,
    "volume": judge_volume,
    "gaps": judge_gaps,
    "monotone": judge_monotone,
    "plausible": judge_plausible,
}

_DESCRIPTIONS = {
    "schema": "Columns and types are those the configuration promises.",
    "contract": "The rules of the configuration hold; nothing is published that breaks one.",
    "completeness": "Rows and the digest of every column are those of the snapshot.",
    "integrity": "The files are byte for byte those the manifest records.",
    "row_count": "The number of rows has not changed by more than a half since last time.",
    "volume": "There are about as many rows as in the partitions before.",
    "gaps": "Rows come at the configured beat.",
    "monotone": "Columns that only ever grow have not shrunk.",
    "plausible": "The rules of the configuration hold that warn and stop nothing.",
}
