"""Which statements may be asked of a catalogue: one, that reads.

The lock on a session keeps files that are not published out of reach; this keeps published ones
from being written, which a session that may read them may do as well (`COPY … TO`).
"""

import re

import duckdb

from export_assets.errors import UsageError
from export_assets.translate import one_line

_EXPLAIN = re.compile(r"EXPLAIN(\s+ANALYZE\b)?(\s*\([^()]*\))?\s*", re.IGNORECASE)
_COMMENT = re.compile(r"\A(\s+|--[^\n]*(\n|\Z)|/\*.*?\*/)", re.DOTALL)


def checked_statement(sql: str) -> str:
    """Return *sql* without what stands around its one statement.

    Raises:
        UsageError: It is not one statement, or one that does more than read.
    """
    statement = _only_statement(sql)
    kind = statement.type
    text = _without_comments(statement.query)
    if kind == duckdb.StatementType.EXPLAIN:
        # EXPLAIN ANALYZE runs what it explains.
        kind = _only_statement(_EXPLAIN.sub("", text, count=1)).type
    if kind != duckdb.StatementType.SELECT:
        msg = f"query: only statements that read are answered, not {kind.name}"
        raise UsageError(msg)
    return text


def is_explanation(statement: str) -> bool:
    """Whether a checked statement explains another one instead of giving rows."""
    return _EXPLAIN.match(statement) is not None


def _only_statement(sql: str) -> duckdb.Statement:
    try:
        sql.encode()
        found = duckdb.extract_statements(sql)
    except (duckdb.Error, UnicodeError) as error:
        msg = f"query: {one_line(error)}"
        raise UsageError(msg) from error
    if len(found) != 1:
        count = "nothing was asked" if not found else f"{len(found)} statements, not one"
        msg = f"query: {count}"
        raise UsageError(msg)
    return found[0]


def _without_comments(text: str) -> str:
    """Return *text* from its first word on, without a semicolon at its end."""
    while (lead := _COMMENT.match(text)) is not None:
        text = text[lead.end() :]
    return text.rstrip().rstrip(";")
