"""Reading back what is published, by what its manifest says of it."""

from collections.abc import Iterator

import polars as pl

from export_assets.defs.table import TableExport
from export_assets.engine.published import carried_schema, read_part
from export_assets.errors import IntegrityError
from export_assets.store.manifest import Manifest
from export_assets.tables.batch import Batch


def read_published(table: TableExport, manifest: Manifest) -> Iterator[Batch]:
    """Yield the rows of a partition, file after file.

    Raises:
        IntegrityError: A file is missing or cannot be read as the manifest describes it.
    """
    directory = table.partition_path(manifest.format, manifest.partition)
    for record in manifest.files:
        yield from read_part(directory / record.path, manifest)


def read_columns(table: TableExport, manifest: Manifest, columns: tuple[str, ...]) -> pl.DataFrame:
    """Return *columns* of a partition in the order of its rows.

    Raises:
        IntegrityError: A column or a file is not there.
    """
    schema = carried_schema(manifest)
    for column in columns:
        if column not in schema.names:
            msg = f"{table.source}/{table.name}/{manifest.format}: has no column {column}"
            raise IntegrityError(msg)
    empty = schema.select(columns).polars.to_frame(eager=True)
    batches = (batch.frame.select(columns) for batch in read_published(table, manifest))
    return pl.concat([empty, *batches])
