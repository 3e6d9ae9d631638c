"""Which tables refer to which: the foreign keys a source declares, and those configured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from export_assets.config.rules import Relation
from export_assets.tables.schema import ForeignKey, TableSchema


@dataclass(frozen=True, kw_only=True)
class Link:
    """`child_columns` of `child` refer to `parent_columns` of `parent`."""

    child: str
    child_columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    exact: bool = field(default=True, compare=False)
    """Whether the source compares the values as they are; see `ForeignKey`."""

    def __str__(self) -> str:
        return (
            f"{self.child}.{'+'.join(self.child_columns)} -> "
            f"{self.parent}.{'+'.join(self.parent_columns)}"
        )


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A reference that cannot be followed, because a table or a column of it is not there."""

    ends: tuple[str, str]
    """The table that refers, and the one referred to."""
    table: str
    """The table that is not there, or lacks the column."""
    column: str | None
    fact: str


def find_links(
    schemas: Mapping[str, TableSchema], relations: Sequence[Relation]
) -> tuple[list[Link], list[Broken]]:
    """Return every reference between tables of *schemas* once, and those that cannot be followed.

    Databases take names in any case: a table or column that is not there as written is looked for
    without regard to case.
    """
    links: dict[Link, None] = {}
    broken: list[Broken] = []
    for child, key, where in _keys(schemas, relations):
        found = _resolved(schemas, child, key)
        if isinstance(found, Link):
            links[found] = None
        else:
            table, column = found
            lacks = f"no column {table}.{column}" if column is not None else f"no table {table}"
            ends = (child, key.ref_table)
            fact = f"{where}: source has {lacks}"
            broken.append(Broken(ends=ends, table=table, column=column, fact=fact))
    return list(links), broken


def _keys(
    schemas: Mapping[str, TableSchema], relations: Sequence[Relation]
) -> Iterable[tuple[str, ForeignKey, str]]:
    for name, schema in schemas.items():
        for key in schema.foreign_keys:
            yield name, key, f"{name}.{'+'.join(key.columns)}"
    for one in relations:
        key = ForeignKey(
            columns=(one.child_column,),
            ref_table=one.parent_table,
            ref_columns=(one.parent_column,),
        )
        yield one.child_table, key, f"relations: {one.child} to {one.parent}"


def _resolved(
    schemas: Mapping[str, TableSchema], child: str, key: ForeignKey
) -> Link | tuple[str, str | None]:
    """Return the link that *key* of *child* is, or the table, or table and column, it lacks."""
    ends: list[tuple[str, tuple[str, ...]]] = []
    for name, wanted in ((child, key.columns), (key.ref_table, key.ref_columns)):
        table = _alike(schemas, name)
        if table is None:
            return name, None
        columns = []
        for column in wanted:
            known = _alike(schemas[table].names, column)
            if known is None:
                return table, column
            columns.append(known)
        ends.append((table, tuple(columns)))
    (one, own), (other, referred) = ends
    if not own or len(own) != len(referred):
        return other, "of a primary key"
    return Link(
        child=one, child_columns=own, parent=other, parent_columns=referred, exact=key.exact
    )


def _alike(present: Iterable[str], name: str) -> str | None:
    """Return *name* as it is among *present*, None where it is not there in any case."""
    known = list(present)
    if name in known:
        return name
    return next((one for one in known if one.casefold() == name.casefold()), None)
