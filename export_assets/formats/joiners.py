"""Every way to make one file of several tables, by format."""

from export_assets.errors import UsageError
from export_assets.formats.document import DocumentJoiner
from export_assets.formats.duckdb_join import DuckDbJoiner
from export_assets.formats.joining import Joiner
from export_assets.formats.sqlite_join import SqliteJoiner
from export_assets.formats.xlsx_join import XlsxJoiner

JOINERS: dict[str, Joiner] = {
    "json": DocumentJoiner(),
    "xlsx": XlsxJoiner(),
    "sqlite": SqliteJoiner(),
    "duckdb": DuckDbJoiner(),
}


def joiner_of(fmt: str) -> Joiner:
    """Return what joins files of the format *fmt*.

    Raises:
        UsageError: A file of it holds one table.
    """
    if fmt not in JOINERS:
        msg = f"{fmt}: one file holds one table; formats of several are {', '.join(JOINERS)}"
        raise UsageError(msg)
    return JOINERS[fmt]
