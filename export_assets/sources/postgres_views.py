"""Configured views of a PostgreSQL database: one SELECT each, and the columns it gives."""

import re
from collections import Counter
from dataclasses import replace

from export_assets.errors import SourceChanged, UsageError
from export_assets.sources.postgres_catalog import CatalogColumn
from export_assets.sources.postgres_errors import said
from export_assets.sources.postgres_session import Session
from export_assets.sources.postgres_typebook import TypeBook
from export_assets.sources.sql import Relation, left_without_rows, quote, select

_COLLATED = frozenset({"text", "varchar", "bpchar", "name", "citext"})
_MODIFIER = b"POSTGRESQL:typmod"


def with_views(relation: Relation, statement: str) -> str:
    """Return *statement* over *relation*, the views it may need first, in whichever order.

    Only those whose names appear: the server wants every one that is given to work.
    """
    needed: dict[str, str] = {}
    bodies = [relation.source]
    while bodies:
        body = bodies.pop()
        for name, other in relation.others.items():
            word = rf"(?<![\w$]){re.escape(name)}(?![\w$])"
            if name not in needed and re.search(word, body, re.IGNORECASE):
                needed[name] = other
                bodies.append(other)
    relation = replace(relation, others=needed)
    return relation.prefix.replace("with ", "with recursive ", 1) + statement


def check_single(session: Session, statement: str, *, subject: str) -> None:
    """Refuse text that is no single statement: it could close the parentheses around it.

    Raises:
        UsageError: It is none.
    """
    error = session.syntax_error(statement, subject=subject)
    if error is not None:
        raise error


def probe_columns(
    session: Session, relation: Relation, types: TypeBook, *, subject: str
) -> dict[str, CatalogColumn]:
    """Return the columns of the view *relation* by name.

    Raises:
        UsageError: The statement does not work, or gives two columns of one name.
    """
    try:
        schema = session.schema(with_views(relation, select(relation, ["*"])), subject=subject)
    except SourceChanged as error:  # a name that never was there
        msg = f"{session.name}: {subject}: {said(error.__cause__ or error)}"
        raise UsageError(msg) from error
    twice = [name for name, count in Counter(schema.names).items() if count > 1]
    if twice or not schema.names:
        fact = f"has two columns called {twice[0]}" if twice else "has no columns"
        msg = f"{session.name}: {subject}: {fact}"
        raise UsageError(msg)
    kinds = [f"pg_typeof(v.{quote(name)})::oid::int8" for name in schema.names]
    [oids] = session.rows(with_views(relation, left_without_rows(relation, kinds)), subject=subject)
    types.learn(session, oids)
    columns = {}
    for field, oid in zip(schema, oids, strict=True):
        modifier = int((field.metadata or {}).get(_MODIFIER, b"-1"))
        kind = types.type(oid, modifier)
        [(declared,)] = session.rows(
            "select format_type($1::int8::oid, $2::int8::int4)", [oid, modifier]
        )
        columns[field.name] = CatalogColumn(
            name=field.name,
            type=kind,
            declared=declared,
            collated=kind.built_in and kind.name in _COLLATED,
        )
    return columns
