"""The order-independent digest `rows64/1`: what proves that files hold the snapshot's rows.

Every value becomes a 64-bit hash of its logical content, whatever format carried it. A column's
digest is the sum of its hashes modulo 2^64; the row digest is the sum over rows of a mix of the
row's hashes, so that values which changed places between rows are found too. Sums do not depend on
order or on how rows were batched. docs/on-disk-format.md specifies the algorithm for other readers.
It guards against loss and damage, not against forgery: files carry a sha256 for that.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from export_assets.tables.batch import Batch
from export_assets.tables.byte_hashes import Hashes
from export_assets.tables.schema import TableSchema
from export_assets.tables.value_hashes import combine, hash_column

ALGORITHM = "rows64/1"


@dataclass(frozen=True, kw_only=True)
class Digest:
    """Rows, the row digest and each column's digest, as 16 hexadecimal digits."""

    rows: int
    row_digest: str
    columns: Mapping[str, str]

    def differing(self, other: "Digest") -> list[str]:
        """Name the columns whose digests differ."""
        return [name for name, value in self.columns.items() if other.columns.get(name) != value]


class RowHashes:
    """The hashes of every value and every row of one batch, to be added up slice by slice."""

    def __init__(self, batch: Batch, schema: TableSchema) -> None:
        self.rows = batch.rows
        hashed = [hash_column(batch, column.name, column.logical) for column in schema.columns]
        self.columns: list[Hashes] = [hashes for hashes, _ in hashed]
        self.finite_columns: list[Hashes] = [finite for _, finite in hashed]
        self.row_hashes, self.finite_row_hashes = combine(hashed, self.rows)


class DigestBuilder:
    """Collects the digest of a table batch by batch."""

    def __init__(self, schema: TableSchema) -> None:
        self._schema = schema
        self._rows = 0
        self._columns = np.zeros(len(schema.columns), dtype=np.uint64)
        self._finite_columns = np.zeros(len(schema.columns), dtype=np.uint64)
        self._row_sum = np.zeros(1, dtype=np.uint64)
        self._finite_row_sum = np.zeros(1, dtype=np.uint64)

    @property
    def rows(self) -> int:
        """Rows added so far."""
        return self._rows

    def update(self, batch: Batch) -> None:
        """Add the rows of *batch*, whose schema is the table's conformed schema."""
        if batch.rows:
            self.add(RowHashes(batch, self._schema), 0, batch.rows)

    def add(self, hashes: RowHashes, offset: int, rows: int) -> None:
        """Add *rows* rows from *offset* of a batch that was hashed as a whole."""
        self._rows += rows
        part = slice(offset, offset + rows)
        for index, column in enumerate(hashes.columns):
            total = column[part].sum(dtype=np.uint64)
            self._columns[index : index + 1] += total
            finite = hashes.finite_columns[index]
            same = finite is column
            self._finite_columns[index : index + 1] += (
                total if same else finite[part].sum(dtype=np.uint64)
            )
        self._row_sum += hashes.row_hashes[part].sum(dtype=np.uint64)
        self._finite_row_sum += hashes.finite_row_hashes[part].sum(dtype=np.uint64)

    def digest(self, *, finite: bool = False) -> Digest:
        """Return the digest of all rows so far.

        With *finite*, NaN and the infinities count as null: what the JSON formats carry.
        """
        columns = self._finite_columns if finite else self._columns
        total = self._finite_row_sum[0] if finite else self._row_sum[0]
        return Digest(
            rows=self._rows,
            row_digest=f"{int(total):016x}",
            columns={
                column.name: f"{int(columns[index]):016x}"
                for index, column in enumerate(self._schema.columns)
            },
        )
