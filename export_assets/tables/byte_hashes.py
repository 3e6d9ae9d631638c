"""The hash `bytes` of the digest `rows64/1`: values of any length, eight bytes of many in step.

docs/on-disk-format.md specifies it. Rows are taken in blocks that stay in the processor's cache.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Hashes = npt.NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MUL_A = np.uint64(0xBF58476D1CE4E5B9)
_MUL_B = np.uint64(0x94D049BB133111EB)
_HALF = np.uint64(32)
_WORD = 8
_LONG = 65_536
"""Longer values are absorbed as the 32 bytes of their sha256, which is faster for few long ones."""

_BLOCK_ROWS, _BLOCK_BYTES = 8_192, 2 << 20
_SAMPLE, _FEW = 1_024, 256
"""With so few different values in the first rows, each is hashed once."""
_PADS = pa.array([bytes(count) for count in range(_WORD)], pa.large_binary())
_NOTHING = pa.scalar(b"", pa.large_binary())


def mix(values: Hashes) -> Hashes:
    """Finish a hash so that every input bit reaches every output bit (splitmix64's finaliser)."""
    mixed = values >> np.uint64(30)
    mixed ^= values
    mixed *= _MUL_A
    mixed ^= mixed >> np.uint64(27)
    mixed *= _MUL_B
    mixed ^= mixed >> np.uint64(31)
    return mixed


def hash_bytes(array: pa.Array) -> Hashes:
    """Hash every value of *array*, which is `large_binary`; null slots get any hash."""
    if _is_same(array):
        return np.full(len(array), _hash_each(array.slice(0, 1))[0])
    sample = array.slice(0, _SAMPLE)
    if len(array) > _SAMPLE and pc.count_distinct(sample).as_py() <= _FEW:
        told = array.dictionary_encode(null_encoding="encode")
        hashes: Hashes = _hash_each(told.dictionary)[told.indices.to_numpy()]
        return hashes
    return _hash_each(array)


def _is_same(array: pa.Array) -> bool:
    """Whether all values are seen to be the same, at a glance where they are not."""
    if not len(array) or array[0] != array[-1]:
        return False
    bounds = bounds_of(array)
    length = int(bounds[1] - bounds[0])
    if length == 0 or not (np.diff(bounds) == length).all():
        return False
    content = content_of(array, bounds)
    return bool(np.array_equal(content[length:], content[:-length]))


def bounds_of(array: pa.Array) -> npt.NDArray[np.int64]:
    """Return where each value of variable length starts, and where the last one ends."""
    buffer = array.buffers()[1]
    if not len(array) or buffer is None:
        return np.zeros(len(array) + 1, dtype=np.int64)
    narrow = pa.types.is_list(array.type)
    offsets = np.frombuffer(buffer, dtype=np.int32 if narrow else np.int64)
    return offsets[array.offset : array.offset + len(array) + 1].astype(np.int64, copy=False)


def content_of(array: pa.Array, bounds: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Return the bytes of all values of *array*, which lie between *bounds*, one after another."""
    buffer = array.buffers()[2]
    if buffer is None:
        return np.zeros(0, dtype=np.uint8)
    return np.frombuffer(buffer, dtype=np.uint8)[bounds[0] : bounds[-1]]


def _hash_each(array: pa.Array) -> Hashes:
    bounds = bounds_of(array)
    lengths = np.diff(bounds)
    states: Hashes = lengths.astype(np.uint64) ^ GOLDEN
    long = np.flatnonzero(lengths > _LONG)
    for row in long:
        checksum = hashlib.sha256(array[row].as_buffer() or b"").digest()
        for word in np.frombuffer(checksum, dtype="<u8"):
            _take_in(states[row : row + 1], np.array([word], dtype=np.uint64))
    if len(long):
        array = pc.if_else(pa.array(lengths > _LONG), _NOTHING, array)
        bounds = bounds_of(array)
    for begin, end in _blocks(bounds):
        _absorb(states[begin:end], array.slice(begin, end - begin))
    return mix(states)


def _blocks(bounds: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut rows so that neither many nor much of them are worked on at once."""
    rows = len(bounds) - 1
    # Blocks of one size: a short last one takes as many steps as a full one.
    count = -(-rows // _BLOCK_ROWS)
    most = -(-rows // count) if count else 0
    begin = 0
    while begin < rows:
        full = int(np.searchsorted(bounds, bounds[begin] + _BLOCK_BYTES, side="right")) - 1
        end = min(begin + most, max(full, begin + 1), rows)
        yield begin, end
        begin = end


def _absorb(states: Hashes, array: pa.Array) -> None:
    """Fold word after word of every value of *array* into *states*."""
    bounds = bounds_of(array)
    lengths = np.diff(bounds)
    length = int(lengths[0])
    if length == lengths.max() and length == lengths.min():
        for word in _columns(array, bounds, length):
            _take_in(states, word)
        return
    # With zeros behind it every value is whole words, which begin where words do.
    pads = _PADS.take(pa.array(-lengths & (_WORD - 1)))
    padded = pc.binary_join_element_wise(array, pads, _NOTHING)
    bounds = bounds_of(padded) // _WORD
    words = np.frombuffer(padded.buffers()[2], dtype="<u8")
    counts = np.diff(bounds).astype(np.int16)
    # Those with most words come first, so that the ones not used up stay together.
    order = np.argsort(-counts, kind="stable")
    position, held, room = bounds[:-1][order], states[order], np.empty_like(states)
    for used_up in np.cumsum(np.bincount(counts))[:-1].tolist():
        going = len(states) - used_up
        word, place = room[:going], position[:going]
        words.take(place, out=word, mode="clip")
        place += 1
        _take_in(held[:going], word)
    states[order] = held


def _columns(array: pa.Array, bounds: npt.NDArray[np.int64], length: int) -> Iterator[Hashes]:
    """Yield the words of values that are all *length* bytes long: first the first ones."""
    if not length:
        return
    content = content_of(array, bounds)
    count = -(-length // _WORD)
    table = np.zeros((len(array), count * _WORD), dtype=np.uint8)
    table[:, :length] = content.reshape(len(array), length)
    yield from np.ascontiguousarray(table.view("<u8").T)


def _take_in(states: Hashes, word: Hashes) -> None:
    """Absorb one word into each state, in place; *word* is used up."""
    states ^= word
    states *= _MUL_A
    np.right_shift(states, _HALF, out=word)
    states ^= word
