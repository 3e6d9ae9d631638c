"""Published partitions against their source: a fresh read, digest by digest, nothing written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from export_assets.engine.run import Exporter
from export_assets.engine.table_pass import PartitionFacts, PassResult, read_table
from export_assets.engine.tables import TablePlan, define_views, plan_table, select_tables
from export_assets.errors import IntegrityError
from export_assets.sources.base import Snapshot
from export_assets.store.layout import ExportKey
from export_assets.store.manifest import Manifest
from export_assets.tables.contract import Contract
from export_assets.tables.digest import ALGORITHM
from export_assets.tables.mismatch import ValueMismatch

Verdict = Literal["equal", "different", "missing", "unknown"]


@dataclass(frozen=True, kw_only=True)
class SourceFinding:
    """One partition of one export compared with the source."""

    table: str
    format: str
    partition: str
    verdict: Verdict
    fact: str = ""


def verify_source(exporter: Exporter) -> list[SourceFinding]:
    """Read the rows of the exporter's request again and compare them with what is published.

    A partition of the source that has rows and is not published is `missing`; one whose rows or
    columns are others, or whose manifest is damaged, is `different`; `unknown` where it was
    published under another digest algorithm.

    Raises:
        UsageError: The request names what does not exist.
        SourceError: The source cannot be read.
    """
    source = exporter.source
    findings: list[SourceFinding] = []
    with source.source.snapshot() as snapshot:
        define_views(snapshot, source.config, source.system)
        for name in select_tables(snapshot.tables(), source.config, exporter.request):
            plan = plan_table(name, snapshot, source.config, source.system, exporter.request)
            result = _read(exporter, plan, snapshot)
            snapshot.check()
            for fmt in exporter.choices.formats(name):
                findings += _compare(exporter, plan, result, fmt.name)
    return findings


def _read(exporter: Exporter, plan: TablePlan, snapshot: Snapshot) -> PassResult:
    try:
        return _digests(exporter, plan, snapshot)
    except ValueMismatch:
        return _digests(exporter, exporter.tables.profiled(plan, snapshot), snapshot)


def _digests(exporter: Exporter, plan: TablePlan, snapshot: Snapshot) -> PassResult:
    redactor = exporter.choices.redactor(plan)
    formats = exporter.choices.formats(plan.name)
    return read_table(
        plan,
        snapshot,
        exporter.request,
        assume_timezone=exporter.source.config.assume_timezone,
        redactor=redactor,
        contract=Contract(redactor.schema, ()),
        vanished=lambda seen: exporter.tables.vanished(plan, formats, seen),
        lanes=(),
        progress=exporter.progress,
    )


def _compare(
    exporter: Exporter, plan: TablePlan, result: PassResult, fmt: str
) -> Sequence[SourceFinding]:
    findings = []
    for key in sorted(result.facts):
        export = ExportKey(exporter.source.name, plan.name, fmt)
        verdict: Verdict
        try:
            manifest = exporter.workspace.store.manifest(export, plan.partitions.directory(key))
        except IntegrityError as error:
            verdict, fact = "different", str(error)
        else:
            if manifest is None and not result.facts[key].digest.rows:
                continue
            verdict, fact = _judge(manifest, result.facts[key])
        findings.append(
            SourceFinding(table=plan.name, format=fmt, partition=key, verdict=verdict, fact=fact)
        )
    return findings


def _judge(manifest: Manifest | None, facts: PartitionFacts) -> tuple[Verdict, str]:
    found = facts.digest.digest()
    if manifest is None:
        return "missing", f"the source has {found.rows} rows, nothing is published"
    if manifest.digest_algorithm != ALGORITHM:
        return "unknown", f"published with digest {manifest.digest_algorithm}, not {ALGORITHM}"
    if manifest.rows != found.rows:
        return "different", f"the source has {found.rows} rows, published are {manifest.rows}"
    published = {column.name: column.digest for column in manifest.columns}
    different = [name for name, digest in found.columns.items() if published.get(name) != digest]
    different += [name for name in published if name not in found.columns]
    if different:
        return "different", f"columns differ: {', '.join(different)}"
    if manifest.row_digest != found.row_digest:
        return "different", "the same values lie in other rows"
    return "equal", ""
