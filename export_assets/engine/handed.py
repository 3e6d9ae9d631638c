"""Rows handed to a part of an export, held while they are few: the cheapest proof of its file.

What is read back from a file is proven by a digest of every value. Where the rows that went in are
still at hand, comparing them proves the same, and their order, in a twentieth of the time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from export_assets.tables.batch import Batch
from export_assets.tables.digest import DigestBuilder, RowHashes
from export_assets.tables.schema import LogicalType, TableSchema

_MOST_BYTES: Final = 16 << 20


@dataclass(frozen=True)
class Hashed:
    """Where the hashes of a batch begin in those of the whole it was cut from."""

    hashes: RowHashes
    offset: int

    def after(self, rows: int) -> "Hashed":
        """Return the same for what is left of the batch behind its first *rows* rows."""
        return Hashed(self.hashes, self.offset + rows)


class Handed:
    """The rows of one part, and their digest."""

    def __init__(self, schema: TableSchema) -> None:
        self.digest = DigestBuilder(schema)
        self._tables: list[pa.Table] = []
        self._bytes = 0
        # Arrow takes zeros of either sign for equal, and NaN for nothing; inside of values, too.
        self._floats = [
            index for index, one in enumerate(schema.columns) if one.logical is LogicalType.FLOAT
        ]
        self._held = all(one.logical is not LogicalType.NESTED for one in schema.columns)

    def add(self, batch: Batch, hashed: Hashed | None) -> None:
        """Hold *batch* too, if it was hashed and there is room."""
        if not self._held:
            return
        table = batch.arrow
        self._bytes += table.nbytes
        if hashed is None or self._bytes > _MOST_BYTES:
            self._held = False
            self._tables.clear()
            return
        self._tables.append(self._comparable(table))
        self.digest.add(hashed.hashes, hashed.offset, batch.rows)

    def are(self, batches: Iterable[Batch]) -> bool:
        """Whether *batches* hold exactly these rows; False where they are not held."""
        if not self._held or not self._tables:
            return False
        rows, left = pa.concat_tables(self._tables), 0
        for batch in batches:
            if not rows.slice(left, batch.rows).equals(self._comparable(batch.arrow)):
                return False
            left += batch.rows
        return left == int(rows.num_rows)

    def _comparable(self, table: pa.Table) -> pa.Table:
        """Return *table* with floats as their bits."""
        for index in self._floats:
            bits = [chunk.view(pa.int64()) for chunk in table.column(index).chunks]
            name = table.schema.names[index]
            table = table.set_column(index, name, pa.chunked_array(bits, pa.int64()))
        return table
