"""SQL for any server: statements made of SQLAlchemy's parts, values always bound.

The text of configured views is the one thing taken as it is; their owner wrote it on purpose.
"""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import quoted_name

from export_assets.sources.base import KeySet


@dataclass(frozen=True, kw_only=True)
class Relation:
    """Something to select from."""

    source: sa.FromClause
    others: tuple[sa.CTE, ...] = ()
    """The other configured views its statement may name."""


def table_relation(schema: str | None, table: str) -> Relation:
    """Return a physical table or view."""
    where = quoted_name(schema, quote=True) if schema is not None else None
    return Relation(source=sa.table(quoted_name(table, quote=True), schema=where))


def view_relation(name: str, views: Mapping[str, str], physical: Container[str]) -> Relation:
    """Return the configured view *name*; the line end closes a comment that ends its statement.

    A view that hides a physical table is not offered to other views under that name.
    """
    needed: dict[str, None] = {}
    _collect(name, views, physical, needed)
    del needed[name]
    others = tuple(_text(views[view]).cte(quoted_name(view, quote=True)) for view in needed)
    return Relation(source=_text(views[name]).subquery("v"), others=others)


def column(name: str, kind: sa.types.TypeEngine[Any] | None = None) -> sa.ColumnClause[Any]:
    """Return the column called *name*, whatever characters it holds."""
    return sa.column(quoted_name(name, quote=True), kind or sa.types.NullType())


def select(
    relation: Relation,
    expressions: Sequence[sa.ColumnElement[Any]],
    *,
    where: Sequence[sa.ColumnElement[bool]] = (),
    order_by: Sequence[sa.ColumnElement[Any]] = (),
    limit: int | None = None,
    offset: int = 0,
) -> sa.Select[Any]:
    """Assemble one SELECT."""
    statement = sa.select(*expressions).select_from(relation.source).where(*where)
    if relation.others:
        statement = statement.add_cte(*relation.others)
    if order_by:
        statement = statement.order_by(*order_by)
    if limit is not None:
        statement = statement.limit(limit)
    return statement.offset(offset) if offset else statement


def everything(relation: Relation) -> sa.Select[Any]:
    """Assemble the SELECT that shows which columns *relation* has, and no row."""
    return select(relation, [sa.literal_column("*")], where=[sa.literal(1) == sa.literal(0)])


def count_rows(relation: Relation) -> sa.Select[Any]:
    """Assemble the statement that counts the rows of *relation*."""
    return select(relation, [sa.func.count()])


def count_of(body: sa.Select[Any]) -> sa.Select[Any]:
    """Assemble the statement that counts the rows of *body*."""
    return sa.select(sa.func.count()).select_from(body.subquery("counted"))


def among(
    keys: KeySet, equal: Mapping[str, sa.ColumnElement[Any]], values: Sequence[Sequence[object]]
) -> sa.ColumnElement[bool]:
    """Return the condition that the columns of *keys* hold one of *values* together."""
    if len(keys.columns) == 1:
        of = equal[keys.columns[0]]
        present = [value for (value,) in values if value is not None]
        found: sa.ColumnElement[bool] = of.in_(present)
        return found if len(present) == len(values) else sa.or_(found, of.is_(None))
    rows = [
        sa.and_(*(equals(equal[name], one) for name, one in zip(keys.columns, row, strict=True)))
        for row in values
    ]
    return sa.or_(sa.false(), *rows)


def equals(of: sa.ColumnElement[Any], value: object) -> sa.ColumnElement[bool]:
    """Return the condition that *of* is *value*, or NULL where that is None."""
    return of.is_(None) if value is None else of == value


def _collect(
    name: str, views: Mapping[str, str], physical: Container[str], needed: dict[str, None]
) -> None:
    """Add the views that *name* mentions to *needed*, each after those it mentions itself.

    Servers look at every common table expression, needed or not, and only at those before it.
    """
    mentioned = [
        view
        for view in views
        if view != name
        and view not in physical
        and re.search(rf"(?<!\w){re.escape(view)}(?!\w)", views[name], re.IGNORECASE)
    ]
    needed[name] = None
    for view in mentioned:
        if view not in needed:
            _collect(view, views, physical, needed)
    needed[name] = needed.pop(name)


def _text(statement: str) -> sa.TextualSelect:
    # A colon is no parameter of ours: it may be a cast, or stand in a string.
    return sa.text(statement.replace(":", "\\:") + "\n").columns()
