"""One 64-bit hash for every value of a column: what the digest `rows64/1` adds up.

A hash depends on the logical content of a value alone, whatever format carried it;
docs/on-disk-format.md specifies it. All rows of a batch are hashed in step.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from export_assets.errors import InternalError
from export_assets.tables.batch import Batch
from export_assets.tables.byte_hashes import (
    GOLDEN,
    Hashes,
    bounds_of,
    content_of,
    hash_bytes,
    mix,
)
from export_assets.tables.schema import LogicalType

_NULL = np.uint64(0xA0761D6478BD642F)
_NAN_BITS = np.uint64(0x7FF8000000000000)
_BLANK, _SIGN = ord(" "), ord("!")
_BREAKS = np.frombuffer(b"\r\n", dtype=np.uint8)
_BLANKS = np.frombuffer(b" \t\r\n", dtype=np.uint8)


def hash_column(batch: Batch, name: str, logical: LogicalType) -> tuple[Hashes, Hashes]:
    """Hash every value of one column.

    Returns:
        The hashes, and the same with non-finite floats hashed as null (the same array where
        there are none).

    Raises:
        InternalError: The column is of a type no conformed table has.
    """
    column = batch.values(name)
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if logical is LogicalType.JSON:
        array = _one_line(_wide(array))
    with np.errstate(over="ignore"):
        return _hash(array)


def weight(index: int) -> np.uint64:
    """Return the odd factor of column number *index* within a row's hash."""
    return np.uint64(mix(np.array([index + 1], dtype=np.uint64))[0] | np.uint64(1))


def combine(columns: Iterable[tuple[Hashes, Hashes]], rows: int) -> tuple[Hashes, Hashes]:
    """Mix the hashes of *columns*, as `hash_column` returns them, into one for each of *rows*."""
    combined = np.zeros(rows, dtype=np.uint64)
    finite_combined = combined
    with np.errstate(over="ignore"):
        for index, (hashes, finite) in enumerate(columns):
            factor = weight(index)
            if finite is not hashes or finite_combined is not combined:
                if finite_combined is combined:
                    finite_combined = combined.copy()
                finite_combined += finite * factor
            combined += hashes * factor
        mixed = mix(combined)
        return mixed, mixed if finite_combined is combined else mix(finite_combined)


def _hash(array: pa.Array) -> tuple[Hashes, Hashes]:
    """Hash the values of *array*; see `hash_column`."""
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_null(kind) or array.null_count == len(array):
        nulls = np.full(len(array), _NULL)
        return nulls, nulls
    if pa.types.is_struct(kind):
        fields = (_hash(array.field(index)) for index in range(kind.num_fields))
        return _with_nulls(array, *combine(fields, len(array)))
    if _is_list(kind):
        return _with_nulls(array, *_hash_lists(array))
    hashes, _ = _with_nulls(array, leaf := _hash_leaves(array), leaf)
    if not pa.types.is_floating(kind):
        return hashes, hashes
    infinite = pc.invert(pc.is_finite(array)).fill_null(False)
    if not pc.any(infinite).as_py():
        return hashes, hashes
    return hashes, np.where(infinite.to_numpy(zero_copy_only=False), _NULL, hashes)


def _with_nulls(array: pa.Array, hashes: Hashes, finite: Hashes) -> tuple[Hashes, Hashes]:
    if not array.null_count:
        return hashes, finite
    valid = pc.is_valid(array).to_numpy(zero_copy_only=False)
    masked = np.where(valid, hashes, _NULL)
    return masked, masked if finite is hashes else np.where(valid, finite, _NULL)


def _hash_leaves(array: pa.Array) -> Hashes:
    kind = array.type
    if _is_text(kind):
        return hash_bytes(_wide(array).cast(pa.large_binary()))
    if pa.types.is_boolean(kind):
        return mix(array.cast(pa.uint8()).fill_null(0).to_numpy().astype(np.uint64) ^ GOLDEN)
    if pa.types.is_decimal128(kind):
        return _hash_decimals(array)
    if pa.types.is_floating(kind):
        return mix(_float_bits(array.cast(pa.float64())) ^ GOLDEN)
    if pa.types.is_date32(kind):
        return mix(_words(array.view(pa.int32()).cast(pa.int64())) ^ GOLDEN)
    if pa.types.is_time(kind):
        return mix(_words(array.cast(pa.time64("ns"))) ^ GOLDEN)
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return mix(_words(array.cast(pa.int64())) ^ GOLDEN)
    if pa.types.is_uint64(kind) or pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return mix(_words(array) ^ GOLDEN)
    msg = f"no hash for values of type {kind}"
    raise InternalError(msg)


def _is_text(kind: pa.DataType) -> bool:
    kinds = (
        pa.types.is_large_string,
        pa.types.is_large_binary,
        pa.types.is_string,
        pa.types.is_binary,
        pa.types.is_string_view,
        pa.types.is_binary_view,
    )
    return any(is_kind(kind) for is_kind in kinds)


def _is_list(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_large_list, pa.types.is_list, pa.types.is_fixed_size_list)
    return any(is_kind(kind) for is_kind in kinds)


def _hash_lists(array: pa.Array) -> tuple[Hashes, Hashes]:
    """Hash a list as the bytes of its items' hashes, which need not be of one type."""
    if pa.types.is_fixed_size_list(array.type):
        size = array.type.list_size
        bounds = np.arange(array.offset, array.offset + len(array) + 1, dtype=np.int64) * size
    else:
        bounds = bounds_of(array)
    items, finite = _hash(array.values.slice(bounds[0], bounds[-1] - bounds[0]))
    bounds = (bounds - bounds[0]) * items.itemsize
    hashes = _hash_words(bounds, items)
    return hashes, hashes if finite is items else _hash_words(bounds, finite)


def _hash_words(bounds: npt.NDArray[np.int64], words: Hashes) -> Hashes:
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(words.astype("<u8", copy=False))]
    return hash_bytes(pa.Array.from_buffers(pa.large_binary(), len(bounds) - 1, buffers))


def _wide(array: pa.Array) -> pa.Array:
    """Return texts and bytes with 64-bit offsets."""
    kind = array.type
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return array
    text = pa.types.is_string(kind) or pa.types.is_string_view(kind)
    return array.cast(pa.large_string() if text else pa.large_binary())


def _words(array: pa.Array) -> Hashes:
    """View the value buffer of a fixed-width 64-bit array; null slots hold anything."""
    if not len(array):
        return np.zeros(0, dtype=np.uint64)
    view = np.frombuffer(array.buffers()[1], dtype=np.uint64)
    return view[array.offset : array.offset + len(array)]


def _float_bits(array: pa.Array) -> Hashes:
    bits = _words(array)
    nans = np.isnan(bits.view(np.float64))
    return np.where(nans, _NAN_BITS, bits) if nans.any() else bits


def _hash_decimals(array: pa.Array) -> Hashes:
    if not len(array):
        return np.zeros(0, dtype=np.uint64)
    words = np.frombuffer(array.buffers()[1], dtype="<u8").reshape(-1, 2)
    words = words[array.offset : array.offset + len(array)]
    low = mix(words[:, 0] ^ GOLDEN)
    return mix(low ^ words[:, 1])


def _one_line(array: pa.Array) -> pa.Array:
    """Put JSON text on one line and drop blanks around it: there they mean nothing.

    The JSON formats do so when they nest a text in a record, on one line.
    """
    bounds = bounds_of(array)
    text = content_of(array, bounds)
    starts, ends = bounds[:-1] - bounds[0], bounds[1:] - bounds[0]
    filled = ends > starts
    edges = np.concatenate([text[starts[filled]], text[ends[filled] - 1]])
    # Most texts hold nothing as low as these, which takes one look to see.
    if edges.min(initial=_SIGN) >= _SIGN and text.min(initial=_SIGN) >= _BLANK:
        return array
    if not (np.isin(edges, _BLANKS).any() or np.isin(text, _BREAKS).any()):
        return array
    single = pc.replace_substring_regex(array, pattern=r"[\r\n]", replacement=" ")
    return pc.utf8_trim(single, characters=" \t\r\n")
