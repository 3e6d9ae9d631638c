"""Every format by name."""

from collections.abc import Iterable
from difflib import get_close_matches

from export_assets.config.rules import ALL_FORMATS
from export_assets.errors import UsageError
from export_assets.formats.base import Format
from export_assets.formats.on_demand import OnDemand

FORMATS = OnDemand[Format](
    {
        "parquet": "parquet:ParquetFormat",
        "csv": "csv:CsvFormat",
        "ndjson": "ndjson:NdjsonFormat",
        "json": "json:JsonFormat",
        "tsv": "tsv:TsvFormat",
        "xlsx": "xlsx:XlsxFormat",
        "sqlite": "sqlite:SqliteFormat",
        "duckdb": "duckdb:DuckDbFormat",
    }
)


def format_named(name: str) -> Format:
    """Return the format called *name*.

    Raises:
        UsageError: There is no such format.
    """
    found = FORMATS.get(name.strip().lower())
    if found is not None:
        return found
    msg = f"Unsupported export format: {name}; choose one of {', '.join(FORMATS)}"
    nearest = get_close_matches(name.strip().lower(), FORMATS, n=1)
    raise UsageError(f"{msg}; did you mean {nearest[0]}?" if nearest else msg)


def resolve_formats(names: Iterable[str]) -> tuple[Format, ...]:
    """Return the formats called *names* once each, in the order given; see `ALL_FORMATS`.

    Raises:
        UsageError: There is no such format.
    """
    chosen: dict[str, Format] = {}
    for name in names:
        if name.strip().lower() == "all":
            chosen.update({one: chosen.get(one, FORMATS[one]) for one in ALL_FORMATS})
        else:
            fmt = format_named(name)
            chosen[fmt.name] = fmt
    return tuple(chosen.values())
