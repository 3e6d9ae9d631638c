"""Write the pages of docs/reference that say how truly types of databases and formats are carried.

python -m docs.fidelity            writes them, by exporting the test matrices
python -m docs.fidelity --check    writes nothing, exits 1 where a page is out of date

The page of a database whose server cannot be started here is left as it is, and said so.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial

from docs.generate import REFERENCE
from export_assets_tests.fidelity.fidelity_row import FidelityRow

GENERATED = "<!-- Written by `make docs` from the test matrix; edit the matrix instead. -->"
_ALONE = """\
Every line is a column of a table of its own, exported to Parquet, CSV, NDJSON and JSON and read
back by Polars, DuckDB and PyArrow. """
TOGETHER = """\
Every line is a column of one table of MariaDB, without strict mode, exported to every format and
read back: Parquet by Polars, CSV by DuckDB, NDJSON and JSON by Python.
"""
_WORDS = """\
{how}`exact` is the type the declaration promises, or the values
have where it promises none. `widened` is another type that holds every value exactly, because the
declared one does not; the values that are of another kind, or do not parse, are counted. `lossy`
is a value that could not be carried, counted too. Nothing is ever changed without a word here:
the same verdict, reason and count stand in the manifest and in the report of each run."""


_FORMATS = """\
Every line is a column with awkward values of one kind, written to each format, read back and
compared by digest. `exact` is what it is called. `widened` values read back as exactly, but are
held in another form than the type's own. `lossy` ones are held as another value. Both are counted,
here as in the manifest and the report of each run."""


class ServerMissingError(Exception):
    """The database's server cannot be started on this machine."""


def _sqlite() -> Sequence[FidelityRow]:
    from export_assets_tests.fidelity.sqlite_matrix import rows

    return rows()


def _postgres() -> Sequence[FidelityRow]:
    try:
        from export_assets_tests.fidelity.postgres_matrix import rows
        from export_assets_tests.postgres_server import NoServerError
    except ImportError as error:
        raise ServerMissingError(str(error)) from error
    try:
        return rows()
    except NoServerError as error:
        raise ServerMissingError(str(error)) from error


def _mysql() -> Sequence[FidelityRow]:
    try:
        from export_assets_tests.fidelity.mysql_matrix import rows
        from export_assets_tests.mariadb_server import NoServerError
    except ImportError as error:
        raise ServerMissingError(str(error)) from error
    try:
        return rows()
    except NoServerError as error:
        raise ServerMissingError(str(error)) from error


PAGES: dict[str, tuple[str, str, Callable[[], Sequence[FidelityRow]]]] = {
    "fidelity-sqlite.md": ("SQLite", _ALONE, _sqlite),
    "fidelity-postgres.md": ("PostgreSQL", _ALONE, _postgres),
    "fidelity-mysql.md": ("MySQL and MariaDB", TOGETHER, _mysql),
}


def page(title: str, rows: Sequence[FidelityRow], *, how: str = _ALONE) -> str:
    """Return the page of one database."""
    lines = [
        GENERATED,
        f"# How truly {title} values are exported",
        "",
        _WORDS.format(how=how),
        "",
        "| declared | values | exported as | verdict | why | values concerned |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        declared = f"`{row.declared}`" if row.declared else "nothing"
        cells = (
            declared,
            f"`{row.values}`",
            row.logical,
            row.verdict,
            row.reason,
            str(row.count or ""),
        )
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def formats_page() -> str:
    """Return the page of the formats: what each does with awkward values of every type."""
    from export_assets.formats.registry import FORMATS
    from export_assets_tests.fidelity.format_matrix import rows

    lines = [
        GENERATED,
        "# How truly formats carry values",
        "",
        _FORMATS,
        "",
        f"| values | {' | '.join(FORMATS)} |",
        f"|---|{'---|' * len(FORMATS)}",
    ]
    reasons: list[str] = []
    for kind, by_format in rows().items():
        cells = []
        for one in by_format.values():
            if one.verdict == "exact":
                cells.append("exact")
                continue
            if one.reason not in reasons:
                reasons.append(one.reason)
            of = f" {one.count} of {one.values}" if one.count < one.values else ""
            cells.append(f"{one.verdict}{of} ({reasons.index(one.reason) + 1})")
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {reason}" for number, reason in enumerate(reasons, 1))]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _database(title: str, how: str, rows: Callable[[], Sequence[FidelityRow]]) -> str:
    return page(title, rows(), how=how)


def main(arguments: list[str]) -> int:
    """Write or check the pages; return the exit code."""
    stale = 0
    pages: dict[str, Callable[[], str]] = {
        name: partial(_database, title, how, rows) for name, (title, how, rows) in PAGES.items()
    }
    for name, written in {"fidelity-formats.md": formats_page, **pages}.items():
        path = REFERENCE / name
        try:
            text = written()
        except ServerMissingError as missing:
            print(f"docs/reference/{name}: left as it is: {missing}")
            continue
        if arguments != ["--check"]:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"docs/reference/{name}: out of date, run make docs")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
