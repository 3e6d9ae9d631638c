"""Reading back what is published, by what its manifest says of it."""

from collections.abc import Iterator

import polars as pl

from export_assets.defs.table import TableExport
from export_assets.engine import published
from export_assets.engine.published import carried_schema, read_part
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
    directory = table.partition_path(manifest.format, manifest.partition)
    frames = list(published.read_columns(directory, manifest, columns))
    return pl.concat(
        [carried_schema(manifest).select(columns).polars.to_frame(eager=True), *frames]
    )
