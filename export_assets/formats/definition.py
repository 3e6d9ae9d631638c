"""A table of a database that is written: its names, its types, its keys."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from export_assets.formats.sql import quote, quoted
from export_assets.tables.schema import ForeignKey


def distinct(names: Iterable[str], *, stand_in: str) -> tuple[str, ...]:
    """Return *names* such that none is empty and no two differ in case alone.

    A database takes `Id` and `id` for the same name; the later one becomes `id_2`. An empty one
    is called *stand_in*.
    """
    given = tuple(names)
    taken = {name.casefold() for name in given}
    found: list[str] = []
    seen: set[str] = set()
    for name in given:
        free = name or stand_in
        number = 2
        while free.casefold() in seen or (free != name and free.casefold() in taken):
            free, number = f"{name or stand_in}_{number}", number + 1
        seen.add(free.casefold())
        found.append(free)
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A table as it is made: what its columns are called and declared as, and its keys."""

    name: str
    types: Mapping[str, str]
    """Declared types by column, in order."""
    primary_key: tuple[str, ...] = ()
    not_null: frozenset[str] = frozenset()
    unique: tuple[tuple[str, ...], ...] = ()
    """Columns besides the key whose values no two rows share."""
    foreign_keys: tuple[ForeignKey, ...] = ()
    ending: str = ""
    """What stands behind the parentheses."""

    def called(self, name: str) -> Self:
        """Return the same table under another name."""
        return replace(self, name=name)

    def create(self, schema: str = "") -> str:
        """Return the statement that makes the table, in the database *schema* where given."""
        where = f"{quote(schema)}." if schema else ""
        parts = [self._column(name, declared) for name, declared in self.types.items()]
        if self.primary_key and not self._alias:
            parts.append(f"primary key ({quoted(self.primary_key)})")
        parts += [f"unique ({quoted(columns)})" for columns in self.unique]
        parts += map(_reference, self.foreign_keys)
        ending = f" {self.ending}" if self.ending else ""
        return f"create table {where}{quote(self.name)} ({', '.join(parts)}){ending}"

    @property
    def _alias(self) -> str | None:
        """The column that SQLite takes for the number of the row; other databases do not mind."""
        key = self.primary_key
        return key[0] if len(key) == 1 and self.types[key[0]] == "INTEGER" else None

    def _column(self, name: str, declared: str) -> str:
        key = " primary key" if name == self._alias else ""
        return f"{quote(name)} {declared}{key}{' not null' if name in self.not_null else ''}"


def _reference(key: ForeignKey) -> str:
    columns, others = quoted(key.columns), quoted(key.ref_columns)
    return f"foreign key ({columns}) references {quote(key.ref_table)} ({others})"
