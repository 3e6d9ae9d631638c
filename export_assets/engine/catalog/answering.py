"""What DuckDB says against a query, in this package's own errors and one line each."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

import duckdb

from export_assets.errors import ExportError, IntegrityError, UsageError
from export_assets.translate import one_line, translate

_NO_TABLE = re.compile(r"Table with name (?P<name>.+?) does not exist")
# Where a file is gone DuckDB looks for a directory of that name, which it may not.
_GONE = re.compile(
    r'No files found that match the pattern "(.+?)"|"([^"]*/part-\d+[^"/]*)/\*\*/[^"]*"'
)
_KIND = re.compile(r"\A[A-Z][\w ]*Error: ")
# What DuckDB shows of the statement, with a caret below.
_SHOWN = re.compile(r"\n+LINE \d+: .*", re.DOTALL)
_LISTED = """
    SELECT schema_name || '.' || view_name FROM duckdb_views()
    WHERE database_name = 'catalog' AND NOT internal ORDER BY 1
"""


def is_gone(error: BaseException) -> bool:
    """Whether *error* tells of a file that was published when the catalogue was made."""
    return isinstance(error, IntegrityError) and "is gone" in str(error)


def told(
    error: duckdb.Error,
    connection: duckdb.DuckDBPyConnection,
    left_out: Sequence[str] = (),
    statement: str = "",
) -> ExportError:
    """Return what *error* means for the *statement* that was asked over *connection*.

    *left_out* are lines about tables without a view, each after its name and a colon.
    """
    text = str(error)
    gone = _GONE.search(text)
    if gone is not None:
        return IntegrityError(f"query: {gone[1] or gone[2]} is gone, though it was published")
    missing = _NO_TABLE.search(text)
    if missing is not None:
        # DuckDB shows the statement only where it knows no table of a similar name.
        asked = f"{text}\n{statement}".replace('"', "")
        for line in left_out:
            title = re.escape(line.partition(":")[0])
            if re.search(rf"(?<!\w){title}(?!\w)", asked, re.IGNORECASE):
                return UsageError(f"query: {line}")
        return UsageError(f"query: there is no table {missing['name']}{_nearest(text, connection)}")
    if isinstance(error, duckdb.OutOfMemoryException):
        return UsageError("query: needs more memory than it may have; see --memory")
    if isinstance(error, duckdb.PermissionException):
        return UsageError(f"query: {plain_message(error)}")
    if isinstance(error, duckdb.IOException | duckdb.InternalException | duckdb.FatalException):
        return translate(error, subject="query", side="destination")
    return UsageError(f"query: {plain_message(error)}")


def _nearest(text: str, connection: duckdb.DuckDBPyConnection) -> str:
    with connection.cursor() as cursor:
        views = [str(name) for (name,) in cursor.execute(_LISTED).fetchall()]
    # DuckDB leaves out the schema where it tells of a table; what was asked is shown below.
    asked = re.findall(r'[\w".]+', text)
    plain = {view.replace('"', ""): view for view in views}
    plain |= {view.partition(".")[2]: view for view in views}
    for word in asked[4:]:
        close = get_close_matches(word.replace('"', ""), plain, n=1, cutoff=0.75)
        if close:
            return f"; did you mean {plain[close[0]]}?"
    if not views:
        return "; nothing is published yet"
    return "; SHOW ALL TABLES names those there are"


def plain_message(error: duckdb.Error) -> str:
    """Return DuckDB's message without its kind, and without the statement."""
    shown = _SHOWN.sub("", _KIND.sub("", str(error).strip()))
    return one_line(ValueError(shown))
