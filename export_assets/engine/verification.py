"""Published partitions against their source: a fresh read, digest by digest, nothing written.

for finding in verify_source(exporter):      one read of each table, whatever its formats
    ...                                      finding.verdict: equal, different, missing, …
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from export_assets.engine.computed import with_computed
from export_assets.engine.partitioning import partitions_of
from export_assets.engine.repair_options import computed_exports, options_like
from export_assets.engine.run import Exporter
from export_assets.engine.table_pass import PartitionFacts, PassResult, read_table
from export_assets.engine.tables import (
    TablePlan,
    check_configured,
    check_relations,
    define_views,
    plan_table,
    select_tables,
)
from export_assets.errors import ExportError, IntegrityError
from export_assets.formats.registry import FORMATS
from export_assets.sources.base import Snapshot
from export_assets.store.catalogue import Published, list_published
from export_assets.store.layout import ExportKey, is_visible, lock_path
from export_assets.store.manifest import Manifest
from export_assets.tables.contract import Contract
from export_assets.tables.digest import ALGORITHM
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.partitions import ALL, TimePartitions
from export_assets.translate import translate

Verdict = Literal["equal", "different", "missing", "vanished", "unknown", "unreadable"]

WRONG: frozenset[Verdict] = frozenset({"different", "missing", "vanished"})
"""Verdicts under which what is published is not what the source holds."""


@dataclass(frozen=True, kw_only=True)
class SourceFinding:
    """One partition of one export compared with the source."""

    table: str
    format: str
    """`*` where all of a table is meant."""
    partition: str
    verdict: Verdict
    fact: str = ""
    rows: int = 0
    """Rows the source holds of it."""
    published: int | None = None
    """Rows that are published by its manifest, None where there is no readable one."""
    beyond: bool = False
    """Whether no read of the source says anything of it: the table is gone, or sliced otherwise."""
    exit_code: int = 0
    """Of the error that kept a table from being read."""


def verify_source(exporter: Exporter) -> Iterator[SourceFinding]:
    """Read the rows of the exporter's request again and compare them with what is published.

    A partition of the source that has rows and is not published is `missing`; one whose rows or
    columns are others, or whose manifest is damaged, is `different`; a published one of which the
    source has no row, or no table, any more is `vanished`; `unknown` where it was published under
    another digest algorithm. A table that cannot be read is one finding, `unreadable`.

    Raises:
        UsageError: The request or the configuration names what does not exist.
        SourceError: The source cannot be opened.
    """
    with exporter.source.privately().source.snapshot() as snapshot:
        prepare(exporter, snapshot)
        yield from verify_snapshot(exporter, snapshot)


def prepare(exporter: Exporter, snapshot: Snapshot) -> None:
    """Add the derived tables to *snapshot*, and check the configuration against it.

    Raises:
        UsageError: The configuration names what does not exist.
    """
    source = exporter.source
    define_views(snapshot, source.config, source.system)
    check_configured(snapshot.tables(), source.config, source.system)
    check_relations(snapshot, source.config, source.system)


def verify_published(exporter: Exporter) -> Iterator[SourceFinding]:
    """Compare what is published of the exporter's request, and of what is configured what is lost.

    What was never exported is no finding. Each export is compared with the columns that it was
    published with, computed ones included.

    Raises:
        UsageError: The configuration names what does not exist.
        SourceError: The source cannot be opened.
    """
    computed = computed_exports(exporter, published_exports(exporter))
    with exporter.source.privately().source.snapshot() as snapshot:
        prepare(exporter, snapshot)
        exports = published_exports(exporter) | lost_exports(exporter, snapshot)
        yield from verify_exports(exporter, snapshot, exports - computed)
    if computed:
        with_them = replace(exporter, source=with_computed(exporter.source))
        with with_them.source.privately().source.snapshot() as snapshot:
            prepare(with_them, snapshot)
            yield from verify_exports(with_them, snapshot, computed)


def verify_exports(
    exporter: Exporter, snapshot: Snapshot, exports: Collection[tuple[str, str]]
) -> Iterator[SourceFinding]:
    """Compare *exports*, each a table and a format, with a moment that is prepared."""
    if not exports:
        return
    tables = tuple(sorted({table for table, _ in exports}))
    formats = tuple(sorted({fmt for _, fmt in exports}))
    request = replace(exporter.request, tables=tables, formats=formats)
    for one in verify_snapshot(replace(exporter, request=request), snapshot):
        if one.format == "*" or (one.table, one.format) in exports:
            yield one


def verify_snapshot(exporter: Exporter, snapshot: Snapshot) -> Iterator[SourceFinding]:
    """Compare as `verify_source` does, with a moment that is at hand and prepared."""
    source, request = exporter.source, exporter.request
    present = snapshot.tables()
    gone = {table for table, _ in published_exports(exporter) if table not in present}
    for name in sorted(gone):
        yield from _gone(exporter, name)
    left = tuple(name for name in request.tables if name not in gone)
    if request.tables and not left:
        return
    for name in select_tables(present, source.config, replace(request, tables=left)):
        yield from verify_table(exporter, name, snapshot)


def published_exports(exporter: Exporter) -> set[tuple[str, str]]:
    """Return table and format of everything published of the exporter's request."""
    tables, formats = exporter.request.tables, exporter.request.formats or FORMATS
    found = list_published(exporter.workspace.store.root, source=exporter.source.name)
    exports = {(one.table, one.format) for one in found if isinstance(one, Published)}
    # A bundle lies beside the formats and is none.
    exports = {(table, fmt) for table, fmt in exports if fmt in FORMATS and fmt in formats}
    return {(table, fmt) for table, fmt in exports if not tables or table in tables}


def lost_exports(exporter: Exporter, snapshot: Snapshot) -> set[tuple[str, str]]:
    """Return table and format of what is configured, was published, and has no partition left.

    Whoever removes a partition removes its lock, too: where locks are left and nothing else, the
    directories were removed by somebody who did not know of them.
    """
    config, request, root = exporter.source.config, exporter.request, exporter.workspace.store.root
    tables = request.tables or [name for name in snapshot.tables() if config.selects(name)]
    found = set()
    for table in set(tables) & set(snapshot.tables()):
        for fmt in config.formats_of(table):
            key = ExportKey(config.source, table, fmt)
            locks = lock_path(root, key, ALL).parent
            if locks.is_dir() and any(locks.iterdir()) and _is_empty(root.joinpath(*key.parts)):
                found.add((table, str(fmt)))
    return {(table, fmt) for table, fmt in found if fmt in (request.formats or FORMATS)}


def _is_empty(directory: Path) -> bool:
    return not directory.is_dir() or not any(is_visible(one.name) for one in directory.iterdir())


def _gone(exporter: Exporter, table: str) -> Iterator[SourceFinding]:
    """Find every partition of a table that the source has no more."""
    wanted = exporter.request.formats
    root, source = exporter.workspace.store.root, exporter.source.name
    for one in list_published(root, source=source, table=table):
        if isinstance(one, Published) and one.format in (wanted or FORMATS):
            yield SourceFinding(
                table=table,
                format=one.format,
                partition=one.partition,
                verdict="vanished",
                fact=f"the source has no table {table} any more",
                published=one.rows,
                beyond=True,
            )


def verify_table(exporter: Exporter, name: str, snapshot: Snapshot) -> Iterator[SourceFinding]:
    """Compare what is published of one table with a moment that is at hand and prepared."""
    source = exporter.source
    try:
        plan = plan_table(name, snapshot, source.config, source.system, exporter.request)
        views = exporter.choices.views(plan, exporter.choices.formats(name))
        results = [(one, seen, read_digests(exporter, one, snapshot)) for one, seen in views]
        snapshot.check()
    except BaseException as error:  # a panic of Polars is no Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        told: ExportError = translate(error, subject=name, side="source")
        yield SourceFinding(
            table=name,
            format="*",
            partition="*",
            verdict="unreadable",
            fact=str(told),
            exit_code=told.exit_code,
        )
        return
    for fmt, result in ((fmt, result) for _, seen, result in results for fmt in seen):
        yield from _compare(exporter, plan, result, fmt.name)
        if not exporter.request.partitions and not exporter.request.window.bounded:
            yield from _other_slicing(exporter, plan, fmt.name)


def read_digests(exporter: Exporter, plan: TablePlan, snapshot: Snapshot) -> PassResult:
    """Read the rows of the exporter's request of one table, count and hash them."""
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
) -> Iterator[SourceFinding]:
    export = ExportKey(exporter.source.name, plan.name, fmt)
    for key in sorted(result.facts):
        manifest, damage = None, ""
        try:
            manifest = exporter.workspace.store.manifest(export, plan.partitions.directory(key))
        except IntegrityError as error:
            damage = str(error)
        facts = result.facts[key]
        if manifest is None and not damage and not facts.digest.rows:
            continue
        verdict: Verdict = "different"
        fact = damage
        if not damage:
            verdict, fact = _judge(plan, manifest, facts)
        if verdict == "different" and manifest is not None:
            fact += "" if options_like(exporter, manifest) else "; its configuration changed since"
        yield SourceFinding(
            table=plan.name,
            format=fmt,
            partition=key,
            verdict=verdict,
            fact=fact,
            rows=facts.digest.rows,
            published=manifest.rows if manifest is not None else None,
        )


def _judge(
    plan: TablePlan, manifest: Manifest | None, facts: PartitionFacts
) -> tuple[Verdict, str]:
    found = facts.digest.digest()
    if manifest is None:
        return "missing", f"the source has {found.rows} rows, nothing is published"
    if not found.rows and manifest.rows and isinstance(plan.partitions, TimePartitions):
        return "vanished", f"the source has no row of it any more, published are {manifest.rows}"
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


def _other_slicing(exporter: Exporter, plan: TablePlan, fmt: str) -> Iterator[SourceFinding]:
    """Find partitions that were published when the table was sliced otherwise."""
    store, export = exporter.workspace.store, ExportKey(exporter.source.name, plan.name, fmt)
    partitions = partitions_of(exporter.source.config, plan.name)
    for one in list_published(store.root, source=export.source, table=export.table, fmt=fmt):
        if not isinstance(one, Published) or one.table != plan.name:
            continue
        if partitions.key_of_directory(one.directory) is None:
            yield SourceFinding(
                table=plan.name,
                format=fmt,
                partition=one.directory,
                verdict="vanished",
                fact=f"{one.path} was published under another slicing",
                published=one.rows,
                beyond=True,
            )
