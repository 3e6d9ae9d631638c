"""SQL of the databases that are written: the one place here that assembles it.

Identifiers are quoted by doubling; types and literals come from the modules that write.
"""

from collections.abc import Iterable, Sequence

from export_assets.tables.schema import ForeignKey


def quote(name: str) -> str:
    """Return *name* as an identifier, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return *value* as a string literal."""
    return "'" + value.replace("'", "''") + "'"


def quoted(names: Iterable[str]) -> str:
    """Return *names* as identifiers, parted by commas."""
    return ", ".join(map(quote, names))


def insert(table: str, columns: int) -> str:
    """Return the statement that appends one row to *table*, its values to be bound."""
    return f"insert into {quote(table)} values ({', '.join(['?'] * columns)})"


def copy(source: str, target: str, expressions: Sequence[str] = ("*",), *, tail: str = "") -> str:
    """Return the statement that appends all rows of *source* to *target*, both quoted."""
    return f"insert into {target} select {', '.join(expressions)} from {source}{tail}"


def select(expressions: Iterable[str], source: str, *, tail: str = "") -> str:
    """Return the statement that reads *expressions* of *source*, which is quoted."""
    return f"select {', '.join(expressions)} from {source}{tail}"


def count(source: str, conditions: Sequence[str] = ()) -> str:
    """Return the statement that counts the rows of *source* for which a condition holds."""
    where = f" where {' or '.join(conditions)}" if conditions else ""
    return f"select count(*) from {source}{where}"


def retype(table: str, column: str, declared: str) -> str:
    """Return the statement that gives *column* of *table*, which is quoted, another type."""
    return f"alter table {table} alter column {quote(column)} type {declared}"


def set_not_null(table: str, column: str) -> str:
    """Return the statement by which *column* of *table*, which is quoted, holds no NULL."""
    return f"alter table {table} alter column {quote(column)} set not null"


def add_key(table: str, columns: Iterable[str]) -> str:
    """Return the statement that makes *columns* the primary key of *table*, which is quoted."""
    return f"alter table {table} add primary key ({quoted(columns)})"


def type_as_told(declared: str) -> str:
    """Return the statement that gives the name by which a database tells of type *declared*."""
    return f"select typeof(cast(null as {declared}))"


def create_index(name: str, table: str, columns: Iterable[str]) -> str:
    """Return the statement that indexes *columns* of *table* under *name*."""
    return f"create index {quote(name)} on {quote(table)} ({quoted(columns)})"


def dangling(child: str, parent: str, key: ForeignKey) -> str:
    """Return the statement that counts rows of *child* that refer to none of *parent*, both quoted.

    A row with a NULL among its columns refers to nothing, as everywhere.
    """
    pairs = zip(key.columns, key.ref_columns, strict=True)
    same = " and ".join(f"c.{quote(one)} = p.{quote(other)}" for one, other in pairs)
    there = " and ".join(f"c.{quote(one)} is not null" for one in key.columns)
    return (
        f"select count(*) from {child} as c where {there} "
        f"and not exists (select 1 from {parent} as p where {same})"
    )


def drop(table: str) -> str:
    """Return the statement that drops *table*, where there is one."""
    return f"drop table if exists {quote(table)}"


def repeated(table: str, columns: Sequence[str]) -> str:
    """Return the statement that gives a row if two rows of *table* are equal in *columns*."""
    there = " and ".join(f"{quote(column)} is not null" for column in columns)
    grouped = f"group by {quoted(columns)} having count(*) > 1 limit 1"
    return f"select 1 from {quote(table)} where {there} {grouped}"
