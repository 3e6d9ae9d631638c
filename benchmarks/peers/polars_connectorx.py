"""Connector-X into a Polars frame: python polars_connectorx.py URL TABLE OUT FORMAT…

The table is read in as many ranges of its key as there are processors, as Connector-X advises, and
held in memory.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl

WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "parquet": lambda frame, path: frame.write_parquet(path, compression="zstd"),
    "csv": lambda frame, path: frame.write_csv(path),
    "ndjson": lambda frame, path: frame.write_ndjson(path),
}


def main(url: str, table: str, directory: str, *formats: str) -> None:
    frame = pl.read_database_uri(
        f"select * from {table}",
        url,
        engine="connectorx",
        partition_on="id",
        partition_num=os.cpu_count(),
    )
    for fmt in formats:
        WRITERS[fmt](frame, Path(directory) / f"{table}.{fmt}")


if __name__ == "__main__":
    main(*sys.argv[1:])
