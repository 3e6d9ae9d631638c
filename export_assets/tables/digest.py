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
        self.rows = 0
        """Rows added so far."""
        self.sums = np.zeros((2, len(schema.columns) + 1), dtype=np.uint64)
        """Sums by column and of the rows' hashes; then the same with non-finite floats as null."""

    def update(self, batch: Batch) -> None:
        """Add the rows of *batch*, whose schema is the table's conformed schema."""
        if batch.rows:
            self.add(RowHashes(batch, self._schema), 0, batch.rows)

    def add(self, hashes: RowHashes, offset: int, rows: int) -> None:
        """Add *rows* rows from *offset* of a batch that was hashed as a whole."""
        self.rows += rows
        part = slice(offset, offset + rows)
        all_hashes = (*hashes.columns, hashes.row_hashes)
        all_finite = (*hashes.finite_columns, hashes.finite_row_hashes)
        for index, (one, finite) in enumerate(zip(all_hashes, all_finite, strict=True)):
            total = one[part].sum(dtype=np.uint64)
            same = finite is one
            self.sums[0, index : index + 1] += total
            self.sums[1, index : index + 1] += total if same else finite[part].sum(dtype=np.uint64)

    def merge(self, other: "DigestBuilder") -> None:
        """Add the rows that *other* collected of the same table."""
        self.rows += other.rows
        self.sums += other.sums

    def digest(self, *, finite: bool = False) -> Digest:
        """Return the digest of all rows so far.

        With *finite*, NaN and the infinities count as null: what the JSON formats carry.
        """
        *columns, total = self.sums[int(finite)].tolist()
        return Digest(
            rows=self.rows,
            row_digest=f"{total:016x}",
            columns={
                name: f"{one:016x}" for name, one in zip(self._schema.names, columns, strict=True)
            },
        )
