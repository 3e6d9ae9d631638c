"""DuckDB's own reader of JSON lines and one COPY: python duckdb_json.py LOGS OUT

It leaves out lines that are no JSON and says nothing of them.
"""

import sys
from pathlib import Path

import duckdb


def main(logs: str, directory: str) -> None:
    connection = duckdb.connect()
    connection.execute(
        f"copy (select * from read_json('{logs}/*', format = 'newline_delimited',"
        " ignore_errors = true))"
        f" to '{Path(directory) / 'events.parquet'}' (format parquet, compression zstd)"
    )
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
