"""The order-independent digest `rows64/1`: what proves that files hold the snapshot's rows.

Every value becomes a 64-bit hash of its logical content, whatever format carried it. A column's
digest is the sum of its hashes modulo 2^64; the row digest is the sum over rows of a mix of the
row's hashes, so that values which changed places between rows are found too. Sums do not depend on
order or on how rows were batched. docs/on-disk-format.md specifies the algorithm for other readers.
It guards against loss and damage, not against forgery: files carry a sha256 for that.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from export_assets.tables.batch import Batch
from export_assets.tables.schema import LogicalType, TableSchema

ALGORITHM = "rows64/1"

Hashes = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MUL_A = np.uint64(0xBF58476D1CE4E5B9)
_MUL_B = np.uint64(0x94D049BB133111EB)
_NULL = np.uint64(0xA0761D6478BD642F)
_NAN_BITS = np.uint64(0x7FF8000000000000)
_LONG = 65_536
"""Longer values are absorbed as the 32 bytes of their sha256, which is faster for few long ones."""
_BREAKS = np.frombuffer(b"\r\n", dtype=np.uint8)
_BLANKS = np.frombuffer(b" \t\r\n", dtype=np.uint8)
# How many low bytes of a word belong to the text, by the number of bytes left (0 to 8).
_KEEP = np.array([(1 << (8 * n)) - 1 for n in range(9)], dtype=np.uint64)


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
        self.columns: list[Hashes] = []
        self.finite_columns: list[Hashes] = []
        combined = np.zeros(self.rows, dtype=np.uint64)
        finite_combined = combined
        with np.errstate(over="ignore"):
            for index, column in enumerate(schema.columns):
                hashes, finite = hash_column(batch, column.name, column.logical)
                self.columns.append(hashes)
                self.finite_columns.append(finite)
                weight = _weight(index)
                if finite is hashes and finite_combined is combined:
                    combined += hashes * weight
                    continue
                if finite_combined is combined:
                    finite_combined = combined.copy()
                finite_combined += finite * weight
                combined += hashes * weight
            self.row_hashes = _mix(combined)
            same = finite_combined is combined
            self.finite_row_hashes = self.row_hashes if same else _mix(finite_combined)


class DigestBuilder:
    """Collects the digest of a table batch by batch."""

    def __init__(self, schema: TableSchema) -> None:
        self._schema = schema
        self._rows = 0
        self._columns = np.zeros(len(schema.columns), dtype=np.uint64)
        self._finite_columns = np.zeros(len(schema.columns), dtype=np.uint64)
        self._row_sum = np.zeros(1, dtype=np.uint64)
        self._finite_row_sum = np.zeros(1, dtype=np.uint64)

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


def _weight(index: int) -> np.uint64:
    """Return the odd factor of column number *index* within a row's hash."""
    return np.uint64(_mix(np.array([index + 1], dtype=np.uint64))[0] | np.uint64(1))


def hash_column(batch: Batch, name: str, logical: LogicalType) -> tuple[Hashes, Hashes]:
    """Hash every value of one column.

    Returns:
        The hashes, and the same with non-finite floats hashed as null (the same array where
        there are none).
    """
    array = _single_chunk(batch, name, logical)
    with np.errstate(over="ignore"):
        hashes = _hash_array(array, logical)
        if array.null_count:
            valid = pc.is_valid(array).to_numpy(zero_copy_only=False)
            hashes = np.where(valid, hashes, _NULL)
    if logical is not LogicalType.FLOAT:
        return hashes, hashes
    infinite = pc.invert(pc.is_finite(array)).fill_null(False)
    if not pc.any(infinite).as_py():
        return hashes, hashes
    return hashes, np.where(infinite.to_numpy(zero_copy_only=False), _NULL, hashes)


def _single_chunk(batch: Batch, name: str, logical: LogicalType) -> pa.Array:
    if logical is LogicalType.NESTED:
        series = batch.frame.get_column(name)
        text = pl.select(pl.struct(series.alias("v")).struct.json_encode()).to_series()
        return text.set(series.is_null(), None).to_arrow(compat_level=pl.CompatLevel.oldest())
    column = batch.arrow.column(name)
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(array.type, pa.BaseExtensionType):
        return array.storage
    return array


def _hash_array(array: pa.Array, logical: LogicalType) -> Hashes:
    kind = array.type
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return _hash_texts(_one_line(array) if logical is LogicalType.JSON else array)
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        wide = pa.large_string() if pa.types.is_string(kind) else pa.large_binary()
        return _hash_array(array.cast(wide), logical)
    if pa.types.is_boolean(kind):
        return _mix(array.cast(pa.uint8()).fill_null(0).to_numpy().astype(np.uint64) ^ _GOLDEN)
    if pa.types.is_decimal(kind):
        return _hash_decimals(array)
    if pa.types.is_float64(kind):
        return _mix(_float_bits(array) ^ _GOLDEN)
    if pa.types.is_date32(kind):
        array = array.view(pa.int32()).cast(pa.int64())
    elif pa.types.is_time(kind):
        array = array.cast(pa.time64("ns"))
    return _mix(_words(array) ^ _GOLDEN)


def _words(array: pa.Array) -> Hashes:
    """View the value buffer of a fixed-width 64-bit array; null slots hold anything."""
    view = np.frombuffer(array.buffers()[1], dtype=np.uint64)
    return view[array.offset : array.offset + len(array)]


def _float_bits(array: pa.Array) -> Hashes:
    bits = _words(array)
    nans = np.isnan(bits.view(np.float64))
    return np.where(nans, _NAN_BITS, bits) if nans.any() else bits


def _hash_decimals(array: pa.Array) -> Hashes:
    words = np.frombuffer(array.buffers()[1], dtype="<u8").reshape(-1, 2)
    words = words[array.offset : array.offset + len(array)]
    low = _mix(words[:, 0] ^ _GOLDEN)
    return _mix(low ^ words[:, 1])


def _hash_texts(array: pa.Array) -> Hashes:
    """Hash variable-length values eight bytes at a time, all rows of a batch in step."""
    _, offset_buffer, data_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)
    offsets = offsets[array.offset : array.offset + len(array) + 1]
    lengths = np.diff(offsets)
    hashes: Hashes = lengths.astype(np.uint64) ^ _GOLDEN
    low, high = int(offsets[0]), int(offsets[-1])
    if high > low:
        data = np.zeros(high - low + 8, dtype=np.uint8)
        data[:-8] = np.frombuffer(data_buffer, dtype=np.uint8)[low:high]
        starts = offsets[:-1] - low
        for row in np.flatnonzero(lengths > _LONG):
            value = data[starts[row] : starts[row] + lengths[row]]
            checksum = np.frombuffer(hashlib.sha256(value.data).digest(), dtype="<u8")
            for word in checksum:
                hashes[row : row + 1] = _step(hashes[row : row + 1], word)
        words = np.ndarray((high - low + 1,), dtype="<u8", buffer=data.data, strides=(1,))
        _absorb(hashes, words, starts, np.where(lengths > _LONG, 0, lengths))
    return _mix(hashes)


def _absorb(
    hashes: Hashes, words: Hashes, position: npt.NDArray[np.int64], left: npt.NDArray[np.int64]
) -> None:
    """Fold word after word of every value into *hashes*, dropping rows that are used up."""
    rows = np.arange(len(hashes))
    while True:
        alive = left > 0
        if not alive.all():
            rows, position, left = rows[alive], position[alive], left[alive]
        if not len(rows):
            return
        word = words[position] & _KEEP[np.minimum(left, 8)]
        hashes[rows] = _step(hashes[rows], word)
        position, left = position + 8, left - 8


def _step(state: Hashes, word: Hashes | np.uint64) -> Hashes:
    """Absorb one word into each state."""
    state = (state ^ word) * _MUL_A
    return state ^ (state >> np.uint64(32))


def _one_line(array: pa.Array) -> pa.Array:
    """Put JSON text on one line and drop blanks around it: there they mean nothing.

    The JSON formats do so when they nest a text in a record, on one line.
    """
    _, offsets, data = array.buffers()
    if data is None:
        return array
    text = np.frombuffer(data, dtype=np.uint8)
    bounds = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    text = text[bounds[0] : bounds[-1]]
    starts, ends = bounds[:-1] - bounds[0], bounds[1:] - bounds[0]
    filled = ends > starts
    edges = np.concatenate([text[starts[filled]], text[ends[filled] - 1]])
    if not (np.isin(edges, _BLANKS).any() or np.isin(text, _BREAKS).any()):
        return array
    single = pc.replace_substring_regex(array, pattern=r"[\r\n]", replacement=" ")
    return pc.utf8_trim(single, characters=" \t\r\n")


def _mix(values: Hashes) -> Hashes:
    """Finish a hash so that every input bit reaches every output bit (splitmix64's finaliser)."""
    mixed = (values ^ (values >> np.uint64(30))) * _MUL_A
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MUL_B
    return mixed ^ (mixed >> np.uint64(31))
