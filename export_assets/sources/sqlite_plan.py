"""What one scan asks of SQLite: expressions and their types, guards, filters, order."""

from collections.abc import Mapping
from dataclasses import dataclass

from export_assets.sources.base import Scan
from export_assets.sources.sql import (
    Relation,
    any_of,
    in_storage_order,
    quote,
    read_first,
    select,
)
from export_assets.sources.sqlite_catalog import CatalogTable
from export_assets.sources.sqlite_keys import key_filter
from export_assets.sources.sqlite_types import Affinity, raw_dtype
from export_assets.sources.sqlite_where import Value, equality
from export_assets.sources.sqlite_window import TimeFilter
from export_assets.tables.schema import Column

# Fails a statement from within: nothing but a guard that met its case evaluates it.
_TRIP = "abs(-9223372036854775808)"
TRIPPED = "integer overflow"

BEYOND_FLOAT = (
    "typeof({c}) = 'integer' and (cast({c} as real) >= 9223372036854775807.0"
    " or cast(cast({c} as real) as integer) <> {c})"
)


@dataclass(frozen=True, kw_only=True)
class Guard:
    """A condition under which reading a column would change a value without saying so."""

    column: str
    condition: str
    fact: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One scan, ready to be put to SQLite by either reader."""

    scan: Scan
    relation: Relation
    where: tuple[str, ...]
    values: tuple[Value, ...]
    order_by: tuple[str, ...]
    limit: str
    strict: bool
    derived: bool
    """Whether it is over a configured view."""
    affinities: Mapping[str, Affinity]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns asked for."""
        return self.scan.schema.columns

    def guards(self) -> tuple[Guard, ...]:
        """Return the guards the fast reader needs, beyond what it finds out by itself."""
        found = (
            _guard(column, self.affinities[column.name], strict=self.strict)
            for column in self.columns
        )
        return tuple(guard for guard in found if guard is not None)

    def body(self, expressions: tuple[str, ...], *, guarded: bool = False) -> str:
        """Return the SELECT of *expressions*, without the relation's prefix."""
        where, relation = self.where, self.relation
        if guarded and (guards := self.guards()):
            if self.derived:
                relation = read_first(relation)
            tripped = any_of([guard.condition for guard in guards])
            # The right side is computed only for a row that trips, and overflows.
            where = (*where, f"{tripped} is not 1 or {_TRIP}")
        return select(relation, expressions, where=where, order_by=self.order_by, limit=self.limit)


def make_plan(
    scan: Scan,
    table: CatalogTable | None,
    relation: Relation,
    *,
    time_filter: TimeFilter | None,
    collated: bool = False,
) -> Plan:
    """Decide how *scan* is put to SQLite; *table* is None for a configured view.

    With *collated* every comparison is made binary by name: an index in the application's own
    order would otherwise be searched in an order it does not have.

    Raises:
        UsageError: A filter or an order names a column the relation does not have.
    """
    where, values = _filters(scan, table, time_filter, collated=collated)
    limit = ""
    if scan.limit is not None or scan.offset:
        limit = "limit ? offset ?"
        values += [-1 if scan.limit is None else scan.limit, scan.offset]
    order_by = _order(scan, table)
    if collated:
        order_by = tuple(f"{term} collate binary" for term in order_by)
    whole = not limit and scan.among is None
    if whole and table is not None and order_by == (quote(table.rowid_alias or ""),):
        relation, order_by = in_storage_order(relation), ()
    return Plan(
        scan=scan,
        relation=relation,
        where=tuple(where),
        values=tuple(values),
        order_by=order_by,
        # Without a limit SQLite is free to drop the order of a subquery.
        limit=limit or ("limit -1" if order_by else ""),
        strict=table is not None and table.strict,
        derived=table is None,
        affinities={
            column.name: "blob" if table is None else table.affinity(column.name)
            for column in scan.schema.columns
        },
    )


def _filters(
    scan: Scan, table: CatalogTable | None, time_filter: TimeFilter | None, *, collated: bool
) -> tuple[list[str], list[Value]]:
    """Return the conditions a row of *scan* meets, and what to bind to them."""
    where: list[str] = []
    values: list[Value] = []
    if time_filter is not None:
        where.append(time_filter.condition)
        values += time_filter.values
    for name, wanted in scan.where.items():
        condition, wanted_values = equality(scan, name, wanted, collated=collated)
        where.append(condition)
        values += wanted_values
    if scan.among is not None:
        affinities = {
            name: "blob" if table is None else table.affinity(name) for name in scan.among.columns
        }
        condition, bound = key_filter(scan.among, affinities, collated=collated)
        where.append(condition)
        values += bound
    least = scan.at_least
    judged = least is not None and table is not None and table.affinity(least.column) != "text"
    if least is not None and judged and not collated:
        # What is no number sorts after all numbers, so that it is delivered and judged later.
        name = quote(least.column)
        where.append(f"({name} >= ? or {name} is null)")
        values.append(max(min(least.value, 2**63 - 1), -(2**63)))
    return where, values


def _order(scan: Scan, table: CatalogTable | None) -> tuple[str, ...]:
    names = list(scan.order_by)
    if scan.time_column is not None and scan.time_column not in names:
        names.insert(0, scan.time_column)
    if not names:
        return ()  # the order of storage, which one snapshot has only one of
    key = table.primary_key if table is not None else ()
    names += [name for name in key if name not in names]
    terms = [quote(name) for name in names]
    if not key and table is not None and table.rowid is not None:
        terms.append(table.rowid)
    return tuple(terms)


def _guard(column: Column, affinity: Affinity, *, strict: bool) -> Guard | None:
    # SQLite sorts numbers before texts before blobs, and compares in half the time that typeof
    # takes. What is NULL compares as NULL and trips nothing.
    name = quote(column.name)
    dtype = str(raw_dtype(column))
    if dtype == "String":
        if affinity == "text" and not strict:
            condition = f"{name} >= x''"
        elif affinity == "text":
            return None
        else:
            condition = f"not ({name} >= '' collate binary and {name} < x'')"
        return Guard(column=column.name, condition=condition, fact="holds values that are not text")
    if dtype == "Binary" and not (strict and affinity == "blob"):
        condition = f"{name} < x''"
        return Guard(column=column.name, condition=condition, fact="holds values that are no blobs")
    if dtype == "Float64" and affinity != "real":
        condition = BEYOND_FLOAT.format(c=name)
        return Guard(
            column=column.name,
            condition=condition,
            fact="holds integers that a float cannot carry",
        )
    return None
