"""Every way to make one file of several tables, by format."""

from export_assets.errors import UsageError
from export_assets.formats.joining import Joiner
from export_assets.formats.on_demand import OnDemand

JOINERS = OnDemand[Joiner](
    {
        "json": "document:DocumentJoiner",
        "xlsx": "xlsx_join:XlsxJoiner",
        "sqlite": "sqlite_join:SqliteJoiner",
        "duckdb": "duckdb_join:DuckDbJoiner",
    }
)


def joiner_of(fmt: str) -> Joiner:
    """Return what joins files of the format *fmt*.

    Raises:
        UsageError: A file of it holds one table.
    """
    if fmt not in JOINERS:
        msg = f"{fmt}: one file holds one table; formats of several are {', '.join(JOINERS)}"
        raise UsageError(msg)
    return JOINERS[fmt]
