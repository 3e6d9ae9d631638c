"""Lines by their places in one stretch of bytes, and columns of texts cut out of it at once.

What takes a line at a time in Python takes a million times as long for a million lines. Here all
lines of a stretch are worked on in step, and no text is copied: columns of Polars point into the
stretch they are from.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final, overload

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Places = npt.NDArray[np.int64]

_PADDING: Final = 32
"""Bytes behind the stretch, so that words may be read where it ends."""
_WORD: Final = 8
_SHORT: Final = 12
"""Texts up to here are within the view of Arrow's string view, longer ones where it points to."""
_NEWLINE, _RETURN, _BLANK = 10, 13, 32
# How many low bytes of a word belong to a text, by the number of bytes left (0 to 8).
_KEEP: Final = np.array([(1 << (8 * n)) - 1 for n in range(_WORD + 1)], dtype=np.uint64)
_LOW: Final = np.uint64(0xFFFF_FFFF)
_HALF: Final = np.uint64(32)


class Block:
    """A stretch of bytes that can be read a word at a time."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def padded(self) -> bytes:
        """The stretch, and NUL bytes behind it."""
        return self.data + bytes(_PADDING)

    @cached_property
    def bytes(self) -> npt.NDArray[np.uint8]:
        """The stretch as numbers."""
        return np.frombuffer(self.data, dtype=np.uint8)

    @cached_property
    def words(self) -> npt.NDArray[np.uint64]:
        """By place, the eight bytes that begin there; up to 24 behind the end."""
        count = len(self.padded) - _WORD + 1
        return np.ndarray((count,), dtype="<u8", buffer=self.padded, strides=(1,))

    @cached_property
    def controls(self) -> Places:
        """Where bytes are that are less than a blank."""
        return np.flatnonzero(self.bytes < _BLANK)

    def texts(self, begins: Places, lengths: Places) -> pl.Series:
        """Return the UTF-8 texts at some places as a column that points to them."""
        low = self.words[begins]
        views = np.empty((len(begins), 2), dtype=np.uint64)
        short = lengths <= _SHORT
        if short.any():
            low &= _KEEP[np.minimum(lengths, _WORD)]
            rest = self.words[begins + 4] & _KEEP[np.clip(lengths - 4, 0, _WORD)]
            views[:, 1] = np.where(short, rest, begins.astype(np.uint64) << _HALF)
        else:
            views[:, 1] = begins.astype(np.uint64) << _HALF
        views[:, 0] = lengths.astype(np.uint64) | ((low & _LOW) << _HALF)
        buffers = [None, pa.py_buffer(views), pa.py_buffer(self.padded)]
        array = pa.Array.from_buffers(pa.string_view(), len(begins), buffers)
        column = pl.from_arrow(array)
        assert isinstance(column, pl.Series)  # noqa: S101 - an array gives a series
        return column


class LineBlock(Sequence[bytes]):
    """Some lines of a block, each the content without its terminator."""

    def __init__(self, block: Block, begins: Places, ends: Places) -> None:
        self.block = block
        self.begins = begins
        self.ends = ends

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.begins)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "LineBlock": ...
    def __getitem__(self, index: int | slice) -> "bytes | LineBlock":
        """Return one line, or some of them."""
        if isinstance(index, slice):
            return LineBlock(self.block, self.begins[index], self.ends[index])
        return self.block.data[self.begins[index] : self.ends[index]]

    def __iter__(self) -> Iterator[bytes]:
        """Give out the lines."""
        data = self.block.data
        for begin, end in zip(self.begins.tolist(), self.ends.tolist(), strict=True):
            yield data[begin:end]

    def take(self, rows: Places) -> "LineBlock":
        """Return the lines numbered *rows*."""
        return LineBlock(self.block, self.begins[rows], self.ends[rows])

    @property
    def texts(self) -> pl.Series:
        """The lines, which must be UTF-8, as a column."""
        return self.block.texts(self.begins, self.ends - self.begins)


def cut_lines(data: bytes, bom: bytes = b"") -> tuple[LineBlock, Places]:
    r"""Cut *data* into lines at `\n`.

    Returns:
        The lines, less one `\r` before each terminator and *bom* before the first; and the bytes
        of each with all that, which add up to those of *data*.
    """
    block = Block(data)
    newlines = block.controls[block.bytes[block.controls] == _NEWLINE]
    open_end = not data.endswith(b"\n")
    ends = np.append(newlines, len(data)) if open_end else newlines
    begins = np.empty_like(ends)
    begins[0], begins[1:] = 0, ends[:-1] + 1
    lengths = ends - begins + 1
    if open_end:
        lengths[-1] -= 1
    if len(block.controls) > len(newlines) and b"\r" in data:
        # Of an empty line this looks at the one before, whose last byte is a line feed.
        ends = ends - (block.bytes[ends - 1] == _RETURN)
    if bom and data.startswith(bom):
        begins[0] += len(bom)
        ends[0] = max(ends[0], begins[0])
    return LineBlock(block, begins, ends), lengths


def is_utf8(data: bytes) -> bool:
    """Whether *data* is UTF-8 text."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
