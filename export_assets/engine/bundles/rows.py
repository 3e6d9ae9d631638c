"""The rows of one table of a bundle as they leave: on disk, in order, with what is known of them.

Rows come in whatever order the source was asked in and are spooled to a private file; what stays
in memory are the columns of references and the key. Their order afterwards is that of the key,
and of the values where there is none, however they came.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from export_assets.engine.bundles.reader import Reader, Wanted
from export_assets.engine.bundles.tables import BundleTable
from export_assets.tables.batch import Batch
from export_assets.tables.digest import DigestBuilder, RowHashes
from export_assets.tables.redaction import Redactor
from export_assets.tables.schema import TableSchema
from export_assets.tables.statistics import StatisticsBuilder

_ROWS_AT_ONCE = 16_384


@dataclass(frozen=True, kw_only=True)
class BundleRows:
    """All rows of one table of a bundle, in order."""

    table: BundleTable
    schema: TableSchema
    """Of the rows as they leave, after redaction."""
    keys: pl.DataFrame
    """The columns of references, row by row, as the source holds them."""
    digest: DigestBuilder
    statistics: StatisticsBuilder
    spool: Path
    order: pl.Series
    """Where each row lies in `spool`."""

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self.keys.height

    def batches(self) -> Iterator[Batch]:
        """Yield the rows."""
        with pa.memory_map(str(self.spool)) as file:
            table = pa.ipc.open_file(file).read_all()
            spooled = Batch(table=table).frame
            for start in range(0, self.count, _ROWS_AT_ONCE):
                yield Batch(spooled[self.order.slice(start, _ROWS_AT_ONCE)])
            del spooled, table


def read_rows(
    reader: Reader, table: BundleTable, wanted: Wanted, redactor: Redactor, spool: Path
) -> BundleRows:
    """Read the rows *wanted* of *table* and keep them in *spool* as they may leave.

    Raises:
        ValueMismatch: A value does not fit its column's type.
        SourceError: The source failed.
    """
    schema = redactor.schema
    digest, statistics = DigestBuilder(schema), StatisticsBuilder(schema)
    # Typed as they come, also when nothing does.
    keys, hashes = [table.key_schema.polars.to_frame(eager=True)], [pl.Series(dtype=pl.UInt64)]
    empty = Batch(schema.polars.to_frame(eager=True)).arrow
    with pa.OSFile(str(spool), "wb") as file, pa.ipc.new_file(file, empty.schema) as writer:
        for conformed, found in reader.rows(table, wanted) if wanted else ():
            leaving = {name: conformed.get_column(name) for name in table.plan.exported}
            batch = Batch(redactor.apply(pl.DataFrame(leaving)))
            hashed = RowHashes(batch, schema)
            digest.add(hashed, 0, batch.rows)
            statistics.update(batch)
            writer.write_table(batch.arrow)
            keys.append(found)
            hashes.append(pl.Series(hashed.row_hashes, dtype=pl.UInt64))
    together = pl.concat(keys)
    order = _order(together, table.order, pl.concat(hashes))
    return BundleRows(
        table=table,
        schema=schema,
        keys=together[order],
        digest=digest,
        statistics=statistics,
        spool=spool,
        order=order,
    )


def _order(keys: pl.DataFrame, columns: tuple[str, ...], hashes: pl.Series) -> pl.Series:
    """Return the positions of the rows by *columns*, and by their content where those are equal."""
    named = {f"k{index}": keys.get_column(name) for index, name in enumerate(columns)}
    frame = pl.DataFrame({**named, "hash": hashes})
    return frame.select(pl.arg_sort_by(frame.columns, nulls_last=False)).to_series()
