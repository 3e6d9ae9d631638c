"""The options that say which source, tables, formats and rows: those of `export` and `plan`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from export_assets.cli.arguments import (
    FormatsOption,
    LockTimeoutOption,
    SourceArgument,
    SourceUrlOption,
    TablesArgument,
)
from export_assets.cli.options import CommonOptions


@dataclass(frozen=True, kw_only=True)
class SelectionOptions(CommonOptions):
    """Which source, tables, formats and rows; and how their files look."""

    source: SourceArgument
    tables: TablesArgument = None
    format: FormatsOption = None
    start_date: Annotated[
        str | None, typer.Option(help="First day (UTC), YYYY-MM-DD.", metavar="DAY")
    ] = None
    end_date: Annotated[
        str | None, typer.Option(help="Last day (UTC), included.", metavar="DAY")
    ] = None
    partition: Annotated[
        list[str] | None,
        typer.Option(help="Partition key; repeat, or a range 'a..b'.", metavar="KEY"),
    ] = None
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Only rows where the column has the value; repeat to narrow further. 'col=' is "
            "empty text, 'col:null' is NULL. Needs --output-dir.",
            metavar="COL=VALUE",
        ),
    ] = None
    filter_events: Annotated[
        list[str] | None,
        typer.Option(
            help="Of event logs, only events of these types: canonical names or the logs' own, "
            "separated by commas. Needs --output-dir.",
            metavar="TYPE",
        ),
    ] = None
    pattern: Annotated[
        list[str] | None,
        typer.Option(
            help="Of event logs, only those whose path below the log directory, or name, is like "
            "this; repeat for more. Needs --output-dir.",
            metavar="GLOB",
        ),
    ] = None
    raw_data: Annotated[
        bool,
        typer.Option(
            "--raw-data/--no-raw-data",
            help="Whether logged objects keep their raw payload. Without needs --output-dir.",
        ),
    ] = True
    columns: Annotated[
        list[str] | None,
        typer.Option(help="Only these columns, in this order. Needs --output-dir."),
    ] = None
    limit: Annotated[
        int | None, typer.Option(help="At most so many rows of each table.", min=0)
    ] = None
    offset: Annotated[int, typer.Option(help="Leave out so many rows first.", min=0)] = 0
    order_by: Annotated[
        list[str] | None, typer.Option(help="Columns to order by. Needs --output-dir.")
    ] = None
    computed: Annotated[
        bool,
        typer.Option(
            "--computed",
            help="Add the columns a built-in system computes; 'options: {computed: true}' in "
            "its YAML does so for good.",
        ),
    ] = False
    include: Annotated[
        list[str] | None, typer.Option(help="Tables besides those the configuration selects.")
    ] = None
    exclude: Annotated[list[str] | None, typer.Option(help="Tables to leave out.")] = None
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output-dir", "-o", help="Write one file per table and format there instead."
        ),
    ] = None
    export_dir: Annotated[
        Path | None,
        typer.Option(
            "--export-dir",
            help="Write a set of the source there instead, and nothing else: one directory of "
            "one moment, replaced whole.",
        ),
    ] = None
    one_file: Annotated[
        bool,
        typer.Option(
            "--one-file",
            help="Write all tables into one file. Needs --output-dir, and --format json, xlsx, "
            "sqlite or duckdb.",
        ),
    ] = False
    metadata: Annotated[
        bool,
        typer.Option(
            "--metadata/--no-metadata",
            help="Whether that file tells where its records come from.",
        ),
    ] = True
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace files of the same name; without --output-dir, publish unchanged "
            "partitions too.",
        ),
    ] = False
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Read and compare every row, also of a source that seems unchanged and of tables "
            "with a cursor.",
        ),
    ] = False
    compression: Annotated[
        str | None, typer.Option(help="Codec of the formats that have it, or 'none'.")
    ] = None
    compression_level: Annotated[int | None, typer.Option(help="Level of the codec.")] = None
    profile: Annotated[
        str | None,
        typer.Option(
            help="Conventions of CSV: default, excel, legacy or tidy; of NDJSON: default, or "
            "logged for lines that are logged objects; of labeling's set: legacy or tidy."
        ),
    ] = None
    schema_header: Annotated[
        bool | None,
        typer.Option(
            "--schema-header/--no-schema-header",
            help="Whether the first line of NDJSON describes the others.",
        ),
    ] = None
    partition_by: Annotated[
        str | None,
        typer.Option(
            help="Lay the files of Parquet into directories 'column=value': any column, 'date' for "
            "the day of the rows, 'session' for session_id.",
            metavar="COL",
        ),
    ] = None
    delimiter: Annotated[
        str | None, typer.Option(help="Field separator of CSV: one character, or 'tab'.")
    ] = None
    pretty: Annotated[
        bool | None,
        typer.Option("--pretty/--compact", help="Indented JSON, or JSON on one line per row."),
    ] = None
    source_url: SourceUrlOption = None
    log_dir: Annotated[
        Path | None,
        typer.Option(help="Read event logs from this directory: --source.", metavar="DIR"),
    ] = None
    fetch_latest: Annotated[
        bool | None,
        typer.Option(
            "--fetch-latest/--no-fetch",
            help="Run the system's upstream steps first; the default where it has any.",
        ),
    ] = None
    lock_timeout: LockTimeoutOption = 0.0
