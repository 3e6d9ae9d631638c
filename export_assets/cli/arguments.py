"""Arguments and options that several commands take, said in the same words."""

from typing import Annotated

import typer

SourceArgument = Annotated[
    str, typer.Argument(help="A configured source, or the path or URL of a database.")
]
TablesArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Tables by name; all that the configuration selects by default."),
]
FormatsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        help="File format: repeat, separate by commas, or say 'all' for parquet, csv, ndjson and "
        "json.",
    ),
]
SourceUrlOption = Annotated[
    str | None,
    typer.Option("--source", help="Read the configured source from here.", metavar="URL"),
]
LockTimeoutOption = Annotated[
    float, typer.Option(help="Seconds to wait for a partition another run holds.", min=0)
]
