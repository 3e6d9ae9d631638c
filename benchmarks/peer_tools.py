"""What people would use instead, each as its own documentation has it.

Each has an environment of its own. Versions are pinned here, so that figures of different days are
of the same tools.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.contenders import Contender, script_command
from benchmarks.data import TABLE
from benchmarks.environments import environment, installed

Address = Callable[[Path], str]
"""How a tool is told of a database: by its path, by a URL of one spelling or another."""

TEXT = frozenset(("csv", "ndjson"))
TABLES = frozenset(("parquet", "csv", "ndjson"))

# The newest duckdb whose scanners have a wheel; INSTALL would download them at run time.
DUCKDB = "duckdb==1.5.5"
SQLITE_SCANNER = "duckdb-extension-sqlite-scanner==1.5.5"
POSTGRES_SCANNER = "duckdb-extension-postgres-scanner==1.5.5"
SQLITE_UTILS = "sqlite-utils==4.2.1"
POLARS = ("polars==2.1.0", "connectorx==0.4.6", "pyarrow==26.0.1")
DLT = (
    "dlt[filesystem,parquet,sql-database]==1.31.0",
    "sqlalchemy==2.0.58",
    "psycopg2-binary==2.9.13",
)
RIVET = "rivet-cli==0.32.2"

NOTES = {
    "duckdb": "verifies nothing, and replaces a file in place",
    "sqlite3 + pyarrow": "a script of sixty lines; one read for all formats; verifies nothing",
    "polars + connectorx": "holds the table in memory; rows come in two ranges of the key, not in"
    " order; verifies nothing",
    "sqlite-utils": "writes text alone; flags are 0 and 1; verifies nothing",
    "sqlite3 program": "writes text alone; flags are 0 and 1; CSV has 15 digits of a float, so that"
    " some come back as another; verifies nothing",
    "dlt": "one pipeline per format; writes tables of its own beside the files; CSV and JSON lines"
    " are gzip by default, which is switched off; verifies nothing",
    "rivet": "reads no SQLite; writes no JSON; counts rows, and compares nothing else",
}
"""What each leaves out of what `export-assets` does, or does otherwise."""


def stdlib() -> Contender:
    """sqlite3 of the standard library and PyArrow, in the project's own environment."""
    return Contender(
        name="sqlite3 + pyarrow",
        command=script_command(sys.executable, "stdlib_pyarrow.py", str),
        version=f"pyarrow {version('pyarrow')}",
        formats=TABLES,
    )


def duckdb(work: Path) -> Contender:
    """DuckDB with its SQLite scanner."""
    return _duckdb(work, "duckdb-sqlite", SQLITE_SCANNER, str)


def duckdb_of_postgres(work: Path, address: Address) -> Contender:
    """DuckDB with its PostgreSQL scanner."""
    return _duckdb(work, "duckdb-postgres", POSTGRES_SCANNER, address)


def _duckdb(work: Path, name: str, scanner: str, address: Address) -> Contender:
    python = environment(name, (DUCKDB, scanner), work=work) / "python"
    return Contender(
        name="duckdb",
        command=script_command(str(python), "duckdb_copy.py", address),
        version=_told(DUCKDB),
        formats=TABLES,
    )


def polars(work: Path, address: Address = "sqlite://{}".format) -> Contender:
    """Connector-X into Polars."""
    python = environment("polars", POLARS, work=work) / "python"
    return Contender(
        name="polars + connectorx",
        command=script_command(str(python), "polars_connectorx.py", address),
        version=_told(*POLARS[:2]),
        formats=TABLES,
    )


def dlt(work: Path, address: Address = "sqlite:///{}".format) -> Contender:
    """A dlt pipeline into files."""
    python = environment("dlt", DLT, work=work) / "python"
    return Contender(
        name="dlt",
        command=script_command(str(python), "dlt_pipeline.py", address),
        version=_told("dlt==1.31.0"),
        formats=TABLES,
    )


def sqlite_utils(work: Path) -> Contender:
    """The command line of sqlite-utils."""
    program = environment("sqlite-utils", (SQLITE_UTILS,), work=work) / "sqlite-utils"
    flags = {"csv": "--csv", "ndjson": "--nl"}

    def command(database: Path, output: Path, formats: Sequence[str]) -> list[str]:
        steps = [f'"$1" rows "$2" {TABLE} {flags[fmt]} > "$3/{TABLE}.{fmt}"' for fmt in formats]
        return _shell(steps, str(program), str(database), str(output))

    return Contender(
        name="sqlite-utils", command=command, version=_told(SQLITE_UTILS), formats=TEXT
    )


def sqlite_program(work: Path) -> Contender:  # noqa: ARG001
    """The command line of SQLite, where this machine has it; its JSON array cut into lines."""
    program = installed("sqlite3", name="sqlite3 program")
    ask = f'"$1" -readonly {{flags}} "$2" "select * from {TABLE}"'
    steps = {
        "csv": ask.format(flags="-csv -header") + f' > "$3/{TABLE}.csv"',
        "ndjson": ask.format(flags="-json")
        + f""" | LC_ALL=C sed -e 's/^\\[//' -e 's/[],]$//' > "$3/{TABLE}.ndjson\"""",
    }

    def command(database: Path, output: Path, formats: Sequence[str]) -> list[str]:
        return _shell([steps[fmt] for fmt in formats], program, str(database), str(output))

    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return Contender(
        name="sqlite3 program",
        command=command,
        version=f"sqlite3 {told.stdout.split()[0]}",
        formats=TEXT,
        near=frozenset(("ratio",)),
    )


def rivet(work: Path, url: str) -> Contender:
    """Rivet, from PostgreSQL, in as many ranges of the key at once as there are processors."""
    program = environment("rivet", (RIVET,), work=work) / "rivet"

    def command(database: Path, output: Path, formats: Sequence[str]) -> list[str]:  # noqa: ARG001
        [fmt] = formats
        config = output / "rivet.yaml"
        config.write_text(
            _RIVET.format(table=TABLE, format=fmt, output=output, parallel=os.cpu_count())
        )
        return [str(program), "run", "--config", str(config), "--validate"]

    return Contender(
        name="rivet",
        command=command,
        environment={"BENCHMARK_URL": url},
        version=_told(RIVET),
        formats=frozenset(("parquet", "csv")),
    )


_RIVET = """\
source: {{type: postgres, url_env: BENCHMARK_URL}}
exports:
  - name: {table}
    query: SELECT * FROM {table}
    mode: chunked
    chunk_column: id
    parallel: {parallel}
    format: {format}
    destination: {{type: local, path: "{output}/rivet"}}
"""


def _shell(steps: Sequence[str], *arguments: str) -> list[str]:
    return ["sh", "-e", "-c", "\n".join(steps), "sh", *arguments]


def _told(*wheels: str) -> str:
    return ", ".join(wheel.replace("==", " ") for wheel in wheels)
