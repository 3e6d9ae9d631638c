"""What a careful person writes in half an hour: sqlite3 of the standard library and PyArrow.

python stdlib_pyarrow.py DB TABLE OUT FORMAT…     one read, every format
"""

import contextlib
import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

BATCH = 65_536
TYPES = {"INTEGER": pa.int64(), "REAL": pa.float64(), "BOOLEAN": pa.int64()}


def opened(
    fmt: str, target: Path, schema: pa.Schema, stack: contextlib.ExitStack
) -> Callable[[pa.RecordBatch], None]:
    """Open *target* until *stack* closes and return what writes a batch to it."""
    if fmt == "parquet":
        parquet = stack.enter_context(
            pyarrow.parquet.ParquetWriter(target, schema, compression="zstd")
        )
        write_parquet: Callable[[pa.RecordBatch], None] = parquet.write_batch
        return write_parquet
    if fmt == "csv":
        csv = stack.enter_context(pyarrow.csv.CSVWriter(target, schema))
        write_csv: Callable[[pa.RecordBatch], None] = csv.write_batch
        return write_csv
    lines = stack.enter_context(target.open("w", encoding="utf-8"))

    def write(batch: pa.RecordBatch) -> None:
        lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in batch.to_pylist())

    return write


def main(database: str, table: str, directory: str, *formats: str) -> None:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    declared = connection.execute(f"select name, type from pragma_table_info('{table}')").fetchall()
    schema = pa.schema([(name, TYPES.get(kind.upper(), pa.string())) for name, kind in declared])
    cursor = connection.execute(f"select * from {table}")
    with contextlib.ExitStack() as stack:
        writers = [
            opened(fmt, Path(directory) / f"{table}.{fmt}", schema, stack) for fmt in formats
        ]
        while rows := cursor.fetchmany(BATCH):
            columns = zip(*rows, strict=True)
            arrays = [
                pa.array(values, type=field.type)
                for values, field in zip(columns, schema, strict=True)
            ]
            batch = pa.record_batch(arrays, schema=schema)
            for write in writers:
                write(batch)
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
