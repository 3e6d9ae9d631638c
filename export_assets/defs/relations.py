"""Checks over several tables: what refers to another table finds it there."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import polars as pl

from export_assets.config.rules import Relation
from export_assets.defs.event_log import failed_partitions, latest, target_of
from export_assets.defs.findings import MOST_LISTED, Finding, table_of
from export_assets.defs.names import op_part
from export_assets.defs.published import read_columns
from export_assets.defs.table import TableExport
from export_assets.defs.wording import counted
from export_assets.engine.privacy import telling_of, treatment
from export_assets.engine.published import published_schema
from export_assets.errors import ExportError
from export_assets.store.manifest import Manifest
from export_assets.tables.failing import told

MOST_PARTITIONS = 100
"""In a run over more partitions only those are reported that fail, or did; see `reporting`."""

WARN = dg.AssetCheckSeverity.WARN


def check_name(relation: Relation) -> str:
    """Return the name of the check of *relation*: `customer_id_to_customers`."""
    return f"{op_part(relation.child_column)}_to_{op_part(relation.parent_table)}"


_Reference = tuple[Relation, TableExport]
"""What a table refers to, and to whom."""


def build_relation_checks(
    tables: Sequence[TableExport], relations: Sequence[Relation]
) -> list[dg.AssetChecksDefinition]:
    """Return a step per table that refers to others, over what is published of both.

    Args:
        tables: The tables of one source.
        relations: The relations configured for it; those of tables not among *tables* are left
            out.
    """
    by_child: dict[str, tuple[TableExport, list[_Reference]]] = {}
    for child, relation, parent in checked_relations(tables, relations):
        by_child.setdefault(child.name, (child, []))[1].append((relation, parent))
    return [_build(child, own) for child, own in by_child.values()]


def checked_relations(
    tables: Sequence[TableExport], relations: Sequence[Relation]
) -> list[tuple[TableExport, Relation, TableExport]]:
    """Return those of *relations* that are between two of *tables*, with child and parent."""
    known = {table.name: table for table in tables}
    return [
        (known[one.child_table], one, known[one.parent_table])
        for one in relations
        if one.child_table in known and one.parent_table in known
    ]


def _build(child: TableExport, relations: Sequence[_Reference]) -> dg.AssetChecksDefinition:
    key = child.key(child.formats[0])
    specs = [
        dg.AssetCheckSpec(
            check_name(relation),
            asset=key,
            description=f"Every `{relation.child}` is a `{relation.parent}`.",
            # Where both are exported in one run, the parent comes first.
            additional_deps=[] if parent is child else [parent.key(parent.formats[0])],
            partitions_def=child.partitions_def,
        )
        for relation, parent in relations
    ]

    @dg.multi_asset_check(
        name=f"relations__{child.source}__{op_part(child.name)}", specs=specs, can_subset=True
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[Any]:
        yield from _check(context, child, relations)

    return check


def _check(
    context: dg.AssetCheckExecutionContext,
    child: TableExport,
    relations: Sequence[tuple[Relation, TableExport]],
) -> Iterator[Any]:
    """Yield what was found of the relations and partitions the run is about."""
    key = child.key(child.formats[0])
    keys = child.keys_of_run(context)
    single = child.partitions_def is None or context.has_partition_key
    targets = {} if single else latest(context.instance, key, keys)
    for relation, parent in relations:
        name = check_name(relation)
        if dg.AssetCheckKey(key, name) not in context.selected_asset_check_keys:
            continue
        known = _parent_values(parent, relation.parent_column)
        sparse = len(keys) > MOST_PARTITIONS
        wrong = failed_partitions(context.instance, dg.AssetCheckKey(key, name)) if sparse else ()
        for partition in keys:
            finding = _compare(child, partition, relation, known)
            if single:
                yield finding.result(key, name, WARN)
                continue
            if finding.passed and sparse and partition not in wrong:
                continue
            target = targets.get(partition)
            yield finding.evaluation(
                key,
                name,
                WARN,
                partition=partition,
                target=target_of(target) if target is not None else None,
            )


def _parent_values(parent: TableExport, column: str) -> pl.Series | Finding:
    """Return every published value of *column*, as text; or what is found without any."""
    fmt = parent.formats[0]
    try:
        manifests = [parent.manifest(fmt, key) for key in parent.published_keys(fmt)]
        found = [
            _texts(read_columns(parent, one, (column,)).to_series()).drop_nulls().unique()
            for one in manifests
            if one is not None
        ]
    except (ExportError, OSError) as error:
        return Finding(passed=False, says=str(error))
    if not found:
        says = f"not compared: {parent.name} is not published yet"
        return Finding(passed=True, says=says)
    return pl.concat(found).unique()


def _texts(values: pl.Series) -> pl.Series:
    """Return *values* as text, which those of partitions of different types have in common."""
    # Bytes need not be text.
    return values.bin.encode("hex") if values.dtype == pl.Binary else values.cast(pl.String)


def _compare(
    child: TableExport, partition: str, relation: Relation, known: pl.Series | Finding
) -> Finding:
    if isinstance(known, Finding):
        return known
    try:
        manifest = child.manifest(child.formats[0], partition)
        if manifest is None:
            return Finding(passed=False, says="nothing is published")
        values = read_columns(child, manifest, (relation.child_column,)).to_series()
    except (ExportError, OSError) as error:
        return Finding(passed=False, says=str(error))
    texts = _texts(values)
    dangling = texts.is_not_null() & ~texts.is_in(known.implode())
    rows, orphans = len(values) - values.null_count(), int(dangling.sum())
    verb = "refers" if 1 in (orphans, rows) else "refer"
    figures: dict[str, dg.MetadataValue] = {
        "rows": dg.MetadataValue.int(rows),
        "orphans": dg.MetadataValue.int(orphans),
    }
    if orphans:
        figures["dangling"] = _dangling(child, manifest, relation, texts, dangling)
    return Finding(
        passed=not orphans,
        says=f"{orphans} of {counted(rows, 'row')} {verb} to no {relation.parent}",
        figures=figures,
    )


def _dangling(
    child: TableExport,
    manifest: Manifest,
    relation: Relation,
    texts: pl.Series,
    dangling: pl.Series,
) -> dg.TableMetadataValue:
    """Return which keys find no parent, each with its rows; or, where keys are not told, the rows.

    A reference says as much of a row as its own key does, and is told where that may be; and not
    where it holds values of a column that must not be seen in the table it refers to.
    """
    config = child.configured.config
    schema = replace(published_schema(manifest), primary_key=(relation.child_column,))
    seen = treatment(config, relation.parent_table, relation.parent_column) == ""
    if seen and telling_of(config, schema).key:
        counts = texts.filter(dangling).alias("key").value_counts(name="rows")
        most = counts.sort("rows", "key", descending=[True, False]).head(MOST_LISTED)
        rows = ((told(key), count) for key, count in most.iter_rows())
        return table_of({"key": "Found nowhere.", "rows": "Rows that refer to it."}, rows)
    places = dangling.arg_true().head(MOST_LISTED)
    return table_of({"row": "Of the partition, from 1."}, ((place + 1,) for place in places))
