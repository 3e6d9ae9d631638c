"""Everything one bundle holds, read from one snapshot: tables, rows, the roots found and missed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import polars as pl

from export_assets.engine.bundle_request import BundleRequest
from export_assets.engine.bundles.keys import (
    coerced,
    distinct,
    key_frame,
    positions,
    typed_keys,
    uuids,
)
from export_assets.engine.bundles.reader import Reader
from export_assets.engine.bundles.relations import Broken, Link, find_links
from export_assets.engine.bundles.route import Route
from export_assets.engine.bundles.rows import BundleRows, read_rows
from export_assets.engine.bundles.spelling import spelled_otherwise
from export_assets.engine.bundles.tables import BundleTable, plan_bundle_table
from export_assets.engine.bundles.walk import Walk
from export_assets.engine.privacy import review_plans
from export_assets.engine.run import Exporter
from export_assets.engine.system import System
from export_assets.engine.tables import TablePlan, check_table_name, plan_schema
from export_assets.errors import ExportError, UsageError
from export_assets.sources.base import Snapshot
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.schema import LogicalType, TableSchema

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The rows of one bundle."""

    route: Route
    rows: Mapping[str, BundleRows]
    """By table, the root first; every table that a reference leads to, with rows or without."""
    key: tuple[str, ...]
    roots: list[int]
    """Numbers of the root rows, in order."""
    found: tuple[str, ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Rows by table."""
        return {table: rows.count for table, rows in self.rows.items()}


@dataclass(kw_only=True)
class Gatherer:
    """Reads bundles from one snapshot; what it learns of a table holds for the next bundle too."""

    exporter: Exporter
    """What plans, profiles and redacts tables."""
    snapshot: Snapshot
    request: BundleRequest
    warnings: list[str] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    """Tables whose types hold for every value, because all of them were looked at."""

    def __post_init__(self) -> None:
        """Find the tables and their references, and plan those that can be reached.

        Raises:
            UsageError: The request names a table or a column that does not exist.
        """
        for name in (self.request.table, *self.request.exclude):
            check_table_name(name, self.snapshot.tables())
        source = self.exporter.source
        schemas = _described(self.snapshot, self.request.table, source.system)
        links, broken = find_links(schemas, source.config.relations)
        self.route = Route(links, self.request)
        reached = self.route.tables()
        self.warnings += self._told(broken, reached)
        plans = {
            name: plan_schema(schemas[name], source.config, source.system, self.exporter.request)
            for name in reached
        }
        # Whoever refuses columns nobody decided about refuses them in bundles, too.
        review_plans(source.config, plans.values())
        self.key = self._key(schemas[self.request.table], plans[self.request.table])
        linked = _linked(links)
        linked.setdefault(self.request.table, {}).update(dict.fromkeys(self.key))
        self.tables: dict[str, BundleTable] = {
            name: plan_bundle_table(plan, schemas[name], tuple(linked.get(name, ())))
            for name, plan in plans.items()
        }
        zone = source.config.assume_timezone
        self.reader = Reader(snapshot=self.snapshot, zone=zone, progress=self.exporter.progress)

    def gather(self, ids: Sequence[str], spool: Path) -> Gathered:
        """Read the bundle of the root rows called *ids*, its rows kept below *spool*.

        Raises:
            UsageError: An id has not as many values as the key has columns.
            SourceError: The source failed.
            IntegrityError: The source counts other rows than it delivered.
        """
        return self._settled(lambda: self._gather(ids, spool))

    def count(self, ids: Sequence[str]) -> tuple[dict[str, int], tuple[str, ...]]:
        """Count the rows of the bundle of *ids*, by table; no more than keys is read.

        Returns:
            The counts, and those of *ids* that no row has.

        Raises:
            UsageError: An id has not as many values as the key has columns.
            SourceError: The source failed.
        """

        def counted() -> tuple[dict[str, int], tuple[str, ...]]:
            walk = self._walk(ids)
            counts: dict[str, int] = {}
            there = [self._keys_of(ids).clear()]
            for name, table in self.tables.items():
                frames = self.reader.keys(table, walk.wanted(name))
                counts[name] = 0
                for keys in frames:
                    counts[name] += keys.height
                    if name == self.request.table:
                        there.append(key_frame(keys, self.key))
            return counts, self._told_apart(ids, pl.concat(there))[1]

        return self._settled(counted)

    def _told_apart(
        self, ids: Sequence[str], there: pl.DataFrame
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return those of *ids* whose keys are *there*, and those whose are not."""
        found = set(positions(self._keys_of(ids), distinct(there)).to_list())
        return (
            tuple(text for number, text in enumerate(ids) if number in found),
            tuple(text for number, text in enumerate(ids) if number not in found),
        )

    def _settled(self, action: Callable[[], Result]) -> Result:
        """Run *action*, again with wider types for each table whose values do not fit."""
        while True:
            try:
                found = action()
            except ValueMismatch as error:
                if error.table in self.settled or error.table not in self.tables:
                    raise
                self.settled.add(error.table)
                table = self.tables[error.table]
                plan = self.exporter.tables.profiled(table.plan, self.snapshot)
                self.tables[error.table] = replace(table, plan=plan)
            else:
                self.snapshot.check()
                return found

    def _gather(self, ids: Sequence[str], spool: Path) -> Gathered:
        walk = self._walk(ids)
        rows: dict[str, BundleRows] = {}
        for number, (name, table) in enumerate(self.tables.items()):
            redactor = self.exporter.choices.redactor(table.plan)
            path = spool / f"{number}.arrow"
            rows[name] = read_rows(self.reader, table, walk.wanted(name), redactor, path)
        there = key_frame(rows[self.request.table].keys, self.key)
        found, missing = self._told_apart(ids, there)
        return Gathered(
            route=self.route,
            rows=rows,
            key=self.key,
            roots=positions(there, distinct(self._keys_of(ids))).to_list(),
            found=found,
            missing=missing,
            warnings=tuple(self._spelled_otherwise(walk)),
        )

    def _spelled_otherwise(self, walk: Walk) -> Iterator[str]:
        """Say of every reference followed down which rows are left out for their spelling."""
        zone = self.exporter.source.config.assume_timezone
        for step in self.route.walked():
            link = step.link
            wanted = walk.wanted(link.child).get(link.child_columns)
            if step.mode == "down" and not link.exact and wanted is not None:
                told = spelled_otherwise(link, self.tables[link.child], wanted, self.snapshot, zone)
                if told is not None:
                    yield told

    def _walk(self, ids: Sequence[str]) -> Walk:
        walk = Walk(self.route, self.tables, self.reader, settled=self.settled)
        walk.run(self.key, self._typed(ids))
        return walk

    def _typed(self, ids: Sequence[str]) -> pl.DataFrame:
        """Return *ids* as keys, those of a real UUID column as it writes them."""
        keys = typed_keys(ids, self.key)
        if self.exporter.source.url.kind == "sqlite":
            return keys  # where any text may stand in such a column
        schema = self.tables[self.request.table].key_schema
        for name, column in zip(keys.columns, self.key, strict=True):
            if schema.column(column).logical is LogicalType.UUID:
                keys = keys.with_columns(uuids(keys.get_column(name)))
        return keys

    def _keys_of(self, ids: Sequence[str]) -> pl.DataFrame:
        """Return *ids* as the root's columns compare them, in their order."""
        dtypes = self.tables[self.request.table].key_dtypes(self.key)
        return coerced(self._typed(ids), dtypes)

    def _key(self, schema: TableSchema, plan: TablePlan) -> tuple[str, ...]:
        """Return the columns the ids are values of.

        Raises:
            UsageError: There are none, one does not exist, or its values never leave.
        """
        key = self.request.key or plan.schema.primary_key
        if not key:
            msg = f"{schema.name}: has no primary key; name the columns of the ids with --key"
            raise UsageError(msg)
        for column in key:
            if column not in schema.names:
                msg = f"{schema.name}: source has no column {column}"
                raise UsageError(msg)
            if self.exporter.source.config.redacts(schema.name, column):
                msg = f"{schema.name}.{column}: is redacted, and a bundle would be called by it"
                raise UsageError(msg)
        return key

    def _told(self, broken: Sequence[Broken], reached: Sequence[str]) -> list[str]:
        """Say which references of tables *reached* lead nowhere, unless the system expects it."""
        system, config = self.exporter.source.system, self.exporter.source.config
        told = []
        for one in broken:
            known = False
            if system is not None and one.column is None:
                optional = set(system.tables()) - set(system.expected_tables(config))
                known = one.table in optional
            elif system is not None:
                known = one.column in system.known_columns().get(one.table, ())
            if not known and not set(reached).isdisjoint(one.ends):
                told.append(one.fact)
        return told


def _described(snapshot: Snapshot, root: str, system: System | None) -> dict[str, TableSchema]:
    """Describe every table that can be read; who refers to another one is told so."""
    found = {}
    for name in snapshot.tables():
        try:
            schema = snapshot.describe(name)
        except ExportError:
            if name == root:
                raise
            continue
        found[name] = system.annotate(schema) if system is not None else schema
    return found


def _linked(links: Sequence[Link]) -> dict[str, dict[str, None]]:
    """Return, by table, the columns of references from it and to it."""
    found: dict[str, dict[str, None]] = {}
    for link in links:
        found.setdefault(link.child, {}).update(dict.fromkeys(link.child_columns))
        found.setdefault(link.parent, {}).update(dict.fromkeys(link.parent_columns))
    return found
