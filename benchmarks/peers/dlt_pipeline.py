"""A dlt pipeline per format, from a table to files.

python dlt_pipeline.py URL TABLE OUT FORMAT…

Rows come as Arrow tables, which dlt's documentation calls the fast way, by SQLAlchemy.
"""

import os
import sys
from pathlib import Path

LOADER_FORMATS = {"parquet": "parquet", "csv": "csv", "ndjson": "jsonl"}
BATCH = 100_000


def main(url: str, table: str, directory: str, *formats: str) -> None:
    # What it keeps for itself is no output, and nothing is told to anybody.
    own = Path(directory) / ".dlt"
    os.environ["DLT_DATA_DIR"] = str(own)
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"
    import dlt
    from dlt.destinations import filesystem
    from dlt.sources.sql_database import sql_table

    for fmt in formats:
        out = Path(directory) / fmt
        pipeline = dlt.pipeline(
            pipeline_name=fmt,
            pipelines_dir=str(own),
            destination=filesystem(bucket_url=out.as_uri()),
            dataset_name="exported",
        )
        rows = sql_table(url, table=table, backend="pyarrow", chunk_size=BATCH)
        pipeline.run(rows, loader_file_format=LOADER_FORMATS[fmt], write_disposition="replace")


if __name__ == "__main__":
    main(*sys.argv[1:])
