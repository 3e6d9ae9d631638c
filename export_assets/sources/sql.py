"""SQL text: the one place that quotes identifiers and assembles statements.

Identifiers are quoted by doubling, values are always bound. What comes in as a finished piece of
SQL is either made here or the statement of a configured view, which its owner wrote on purpose.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass


def quote(name: str) -> str:
    """Return *name* as an identifier, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return *value* as a string literal."""
    return "'" + value.replace("'", "''") + "'"


def any_of(conditions: Sequence[str]) -> str:
    """Join *conditions* by OR as a balanced tree: engines limit the depth of an expression."""
    if len(conditions) == 1:
        return f"({conditions[0]})"
    middle = len(conditions) // 2
    return f"({any_of(conditions[:middle])} or {any_of(conditions[middle:])})"


def all_of(conditions: Sequence[str]) -> str:
    """Join *conditions* by AND."""
    return " and ".join(f"({condition})" for condition in conditions)


def strip_statement(statement: str) -> str:
    """Return *statement* without the semicolon and the space that end it."""
    return statement.strip().rstrip(";").rstrip()


@dataclass(frozen=True, kw_only=True)
class Relation:
    """Something to select from: a table's quoted name, or a view's statement in parentheses."""

    source: str
    others: Mapping[str, str]
    """The other configured views its statement may name, as common table expressions."""

    @property
    def prefix(self) -> str:
        """The WITH clause a statement over this relation starts with, or nothing."""
        if not self.others:
            return ""
        clauses = (f"{quote(name)} as ({body}\n)" for name, body in self.others.items())
        return f"with {', '.join(clauses)} "


def table_relation(*names: str) -> Relation:
    """Return the physical table called *names*, its schema first where it has one."""
    return Relation(source=".".join(map(quote, names)), others={})


def in_storage_order(relation: Relation) -> Relation:
    """Return a SQLite table as it is read by its rowid, whatever indexes it has."""
    return Relation(source=f"{relation.source} not indexed", others=relation.others)


def read_first(relation: Relation) -> Relation:
    """Return a SQLite view whose rows are made before a condition looks at them.

    Otherwise SQLite asks it of rows of the tables below, which may be in no row of the view.
    """
    return Relation(
        source=f"(select * from {relation.source} limit -1) as v", others=relation.others
    )


def alias(expression: str, name: str) -> str:
    """Give the result column of *expression* a *name*."""
    return f"{expression} as {quote(name)}"


def view_relation(name: str, views: Mapping[str, str], physical: Container[str]) -> Relation:
    """Return the configured view *name* as a relation; the line end closes a comment that ends it.

    A view that hides a physical table is not offered to other views under that name.
    """
    others = {view: body for view, body in views.items() if view != name and view not in physical}
    return Relation(source=f"({views[name]}\n) as v", others=others)


def select(
    relation: Relation,
    expressions: Iterable[str],
    *,
    where: Sequence[str] = (),
    order_by: Sequence[str] = (),
    group_by: Sequence[str] = (),
    limit: str = "",
) -> str:
    """Assemble one SELECT, without its relation's prefix."""
    parts = [f"select {', '.join(expressions)} from {relation.source}"]
    if where:
        parts.append(f"where {all_of(where)}")
    if group_by:
        parts.append(f"group by {', '.join(group_by)}")
    if order_by:
        parts.append(f"order by {', '.join(order_by)}")
    if limit:
        parts.append(limit)
    return " ".join(parts)


def query(relation: Relation, expressions: Iterable[str], *, where: Sequence[str] = ()) -> str:
    """Assemble one complete SELECT over *relation*."""
    return relation.prefix + select(relation, expressions, where=where)


def count_of(relation: Relation, body: str) -> str:
    """Assemble the statement that counts the rows of *body*, a SELECT over *relation*."""
    return f"{relation.prefix}select count(*) from ({body}) as counted"


def after_exemplar(relation: Relation, exemplar: Sequence[str], body: str) -> str:
    """Put one row of literals, which fixes the types a reader infers, before the rows of *body*."""
    row = ", ".join(f"{literal} as {quote(f'c{i}')}" for i, literal in enumerate(exemplar))
    if " order by " in body or " limit " in body:
        body = f"select * from ({body})"  # slower, but only a subquery keeps its own order
    return f"{relation.prefix}select {row} union all {body}"


TEMP_VIEW = "export_assets_probe"


def create_temp_view(relation: Relation) -> str:
    """Return the statement that makes *relation* a temporary view, for its columns' types."""
    return f"create temp view {TEMP_VIEW} as {relation.prefix}{select(relation, ['*'])}"


def left_without_rows(relation: Relation, expressions: Iterable[str]) -> str:
    """Assemble a SELECT over the columns of *relation* that gives one row and reads none."""
    joined = Relation(
        source=f"(select 1) as one left join {relation.source} on false", others=relation.others
    )
    return select(joined, expressions)
