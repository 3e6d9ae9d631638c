"""Lines that are written alike, all at once: the same keys in the same order, texts and integers.

A logger writes its objects with the same bytes between the values, line after line. The first
line tells those bytes. All lines are cut at their quotes, values are taken from where those of the
first line are, and put between its bytes again: a line that comes out as it is, and in whose texts
is no escape, is JSON with the keys of the first line and these values. Of all other lines nothing
is said.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, starmap
from typing import Any, Final, overload

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from pyarrow import csv

from export_assets.sources.logs.blocks import Block, LineBlock, Places, is_utf8

Record = dict[str, Any]

_FIELD: Final = re.compile(
    rb'([{,][ \t]*"([^"\\]*)"[ \t]*:[ \t]*)(?:"([^"\\]*)"|-?[0-9]{1,18}(?=[ \t]*[,}]))'
)
_TAIL: Final = re.compile(rb"[ \t]*}[ \t]*")
_DECODER: Final = msgspec.json.Decoder()
_QUOTE: Final = b'"'
_ASCII: Final = 128
_PLAIN: Final = bytes(min(byte, _ASCII - 1) for byte in range(256))
_CHUNK: Final = 1 << 20
"""Bytes that are cut at once: they stay in the processor's cache."""


@dataclass(frozen=True)
class Template:
    """What is the same in all lines."""

    keys: tuple[str, ...]
    whole: tuple[bool, ...]
    """By key, whether its value is an integer and not a text."""
    literals: tuple[bytes, ...]
    """What stands before each value, and after the last one; the quotes of texts are in it."""

    @cached_property
    def pieces(self) -> tuple[int, ...]:
        """By key, which piece its value is in, of those that quotes part; then how many follow."""
        return tuple(accumulate(literal.count(_QUOTE) for literal in self.literals))

    def around(self, index: int) -> tuple[str, str]:
        """Return what stands before and behind the integer number *index* in its piece."""
        before = self.literals[index].rpartition(_QUOTE)[2]
        return before.decode("utf-8"), self.literals[index + 1].partition(_QUOTE)[0].decode("utf-8")


@dataclass(frozen=True, slots=True)
class Matched:
    """Lines that are as the template says."""

    rows: Places
    """Which of the lines."""
    columns: pl.DataFrame
    """Their values, a column for each key: integers, and texts with null for empty ones."""


class Fields(Sequence[Record]):
    """Records in columns: those of lines written alike, and a few other objects between them."""

    def __init__(
        self,
        lines: LineBlock,
        template: Template,
        matched: Matched,
        others: Mapping[int, Record],
    ) -> None:
        """Hold the records of *lines*; the indices in *matched* and *others* are theirs."""
        self.others = others
        """By index, the records that are not of the template."""
        self._lines = lines
        self._template = template
        self._matched = matched

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self._lines)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        """Return one record as an object, or some of them."""
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        return self._object(index, self._lines[index])

    def __iter__(self) -> Iterator[Record]:
        """Give out the records as objects."""
        return starmap(self._object, enumerate(self._lines))

    def __eq__(self, other: object) -> bool:
        """Whether *other* is a sequence of equal records."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as of lists

    def texts(self, key: str) -> pl.Series:
        """Return the text at *key* of each record, of integers their digits.

        Null for the `others`, and where there is none, or an empty one.
        """
        if key not in self._template.keys:
            return pl.repeat(None, len(self), dtype=pl.String, eager=True)
        return self._column(self._template.keys.index(key)).cast(pl.String)

    def integers(self, key: str) -> pl.Series:
        """Return the integer at *key* of each record; null for the `others`, and texts."""
        keys = self._template.keys
        if key in keys and self._template.whole[keys.index(key)]:
            return self._column(keys.index(key))
        return pl.repeat(None, len(self), dtype=pl.Int64, eager=True)

    def _column(self, index: int) -> pl.Series:
        column = self._matched.columns.to_series(index)
        if not self.others:
            return column
        places = np.full(len(self), len(column))
        places[self._matched.rows] = np.arange(len(column))
        return column.extend_constant(None, 1).gather(places)

    def _object(self, index: int, line: bytes) -> Record:
        if index in self.others:
            return self.others[index]
        record: Record = _DECODER.decode(line)
        return record


def learn(line: bytes) -> Template | None:
    """Return what lines written like *line* have in common.

    None where it is not flat, or has other values than texts without escapes and integers. The
    caller has seen to it that it is an object without doubled keys.
    """
    keys: list[str] = []
    whole: list[bool] = []
    literals: list[bytes] = []
    at, before = 0, b""
    while field := _FIELD.match(line, at):
        text = field[3] is not None
        literals.append(before + field[1] + (b'"' if text else b""))
        keys.append(field[2].decode("utf-8"))
        whole.append(not text)
        at, before = field.end(), b'"' if text else b""
    if not keys or not _TAIL.fullmatch(line, at):
        return None
    return Template(tuple(keys), tuple(whole), (*literals, before + line[at:]))


def match(lines: LineBlock, template: Template) -> Matched:
    """Return which of *lines*, all of a block, are as *template* says, and their values."""
    data = lines.block.data
    # Lines with bytes that are no text are odd; what they are of does not matter.
    text = data if data.isascii() or is_utf8(data) else data.translate(_PLAIN)
    cut = _cut(text, lines, template)
    if cut is None:
        return Matched(np.empty(0, dtype=np.int64), pl.DataFrame())
    rows, pieces = cut
    odd = _odd(lines)
    if odd.any():
        fine = ~odd[rows]
        rows, pieces = rows[fine], pieces.filter(fine)
    values = pieces.select(_value(template, index) for index in range(len(template.keys)))
    here = lines if len(rows) == len(lines) else lines.take(rows)
    if text is not data:
        here = LineBlock(Block(text), here.begins, here.ends)
    good = values.select(_is_written(template, here.texts)).to_series()
    if good.all():
        return Matched(rows, values)
    return Matched(rows[good.to_numpy()], values.filter(good))


def _cut(text: bytes, lines: LineBlock, template: Template) -> tuple[Places, pl.DataFrame] | None:
    """Cut *text* at its quotes.

    Returns:
        The lines with as many quotes as *template*, and those of their pieces that values are in;
        None where lines cannot be told apart so.
    """
    short: list[int] = []

    def skip(row: csv.InvalidRow) -> str:
        short.append(row.number - 1)
        return "skip"

    *wanted, last = template.pieces
    longest = int((lines.ends - lines.begins).max(initial=0))
    try:
        table = csv.read_csv(
            pa.BufferReader(text),
            csv.ReadOptions(
                use_threads=False,
                block_size=_CHUNK if longest < _CHUNK // 2 else len(text) + 1,
                column_names=[str(piece) for piece in range(last + 1)],
            ),
            csv.ParseOptions(
                delimiter=_QUOTE.decode("ascii"),
                quote_char=False,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            csv.ConvertOptions(
                check_utf8=False,
                include_columns=[str(piece) for piece in wanted],
                column_types={str(piece): pa.string() for piece in wanted},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return None
    # To Arrow a carriage return ends a line, too.
    if table.num_rows + len(short) != len(lines):
        return None
    rows = np.delete(np.arange(len(lines)), short) if short else np.arange(len(lines))
    pieces = pl.from_arrow(table)
    assert isinstance(pieces, pl.DataFrame)  # noqa: S101 - a table gives a frame
    return rows, pieces


def _value(template: Template, index: int) -> pl.Expr:
    """Return the value of key number *index*, called by that number, made of its piece."""
    piece = pl.col(str(template.pieces[index]))
    if template.whole[index]:
        before, behind = template.around(index)
        piece = piece.str.strip_prefix(before).str.strip_suffix(behind)
        piece = piece.cast(pl.Int64, strict=False)
    return piece.alias(f"value {index}")


def _is_written(template: Template, lines: pl.Series) -> pl.Expr:
    """Tell which of *lines* are as *template* has them, of their values."""
    parts = [pl.lit(template.literals[0].decode("utf-8"))]
    there = pl.lit(value=True)
    for index, literal in enumerate(template.literals[1:]):
        value = pl.col(f"value {index}")
        parts += (value, pl.lit(literal.decode("utf-8")))
        # A text that is null is empty, but nothing is no integer.
        if template.whole[index]:
            there &= value.is_not_null()
    return (pl.concat_str(parts, ignore_nulls=True) == lines) & there


def _odd(lines: LineBlock) -> npt.NDArray[np.bool_]:
    """Return which lines have escapes, control characters or bytes that are no UTF-8."""
    block, odd = lines.block, np.zeros(len(lines), dtype=np.bool_)
    if b"\\" in block.data:
        _mark(odd, lines, np.flatnonzero(block.bytes == ord("\\")))
    if len(block.controls) > len(lines):
        _mark(odd, lines, block.controls)
    if not block.data.isascii() and not is_utf8(block.data):
        _mark(odd, lines, np.flatnonzero(block.bytes >= _ASCII))
    return odd


def _mark(odd: npt.NDArray[np.bool_], lines: LineBlock, places: Places) -> None:
    """Mark the lines in whose content one of *places* is."""
    row = np.searchsorted(lines.begins, places, side="right") - 1
    within = (row >= 0) & (places < lines.ends[row])
    odd[row[within]] = True
