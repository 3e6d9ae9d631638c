"""Lines that are written alike, all at once: the same keys in the same order, texts and integers.

A logger writes its objects with the same bytes between the values, line after line. The first
line tells those bytes. Of each further line it is compared whether it has exactly them, and
between them nothing but a text without escapes or a plain integer: then it is JSON, its keys are
those of the first line, and where its values are is known. Of all other lines nothing is said.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any, Final, overload

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from export_assets.sources.logs.blocks import Block, LineBlock, Places, is_utf8

Record = dict[str, Any]

_FIELD: Final = re.compile(
    rb'([{,][ \t]*"([^"\\]*)"[ \t]*:[ \t]*)(?:"([^"\\]*)"|-?[0-9]{1,18}(?=[ \t]*[,}]))'
)
_TAIL: Final = re.compile(rb"[ \t]*}[ \t]*")
_INTEGER: Final = "^(?:0|-?[1-9][0-9]{0,17})$"
_DECODER: Final = msgspec.json.Decoder()
_QUOTE, _ASCII = 34, 128
_WORD: Final = 8


@dataclass(frozen=True, slots=True)
class Template:
    """What is the same in all lines."""

    keys: tuple[str, ...]
    whole: tuple[bool, ...]
    """By key, whether its value is an integer and not a text."""
    literals: tuple[bytes, ...]
    """What stands before each value, and after the last one; the quotes of texts are in it."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Lines that are as the template says."""

    rows: Places
    """Which of the lines."""
    begins: list[Places]
    """By key, where the value of each begins in the block."""
    lengths: list[Places]


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
        at = self._template.keys.index(key)
        begins, lengths = self._matched.begins[at], self._matched.lengths[at]
        if self.others:
            begins, lengths = self._spread(begins), self._spread(lengths)
        return self._lines.block.texts(begins, lengths, empty_is_null=True)

    def integers(self, key: str) -> pl.Series:
        """Return the integer at *key* of each record; null for the `others`, and texts."""
        keys = self._template.keys
        if key in keys and self._template.whole[keys.index(key)]:
            return self.texts(key).cast(pl.Int64, strict=False)
        return pl.repeat(None, len(self), dtype=pl.Int64, eager=True)

    def _spread(self, places: Places) -> Places:
        spread = np.zeros(len(self), dtype=np.int64)
        spread[self._matched.rows] = places
        return spread

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
    """Return which of *lines* are as *template* says, and where their values are."""
    block = lines.block
    rows, quotes = _with_quotes(lines, sum(map(_quotes, template.literals)))
    at, ends = lines.begins[rows], lines.ends[rows]
    good = np.ones(len(rows), dtype=np.bool_)
    good &= ~_odd(lines)[rows]
    begins: list[Places] = []
    lengths: list[Places] = []
    seen = 0
    for index, literal in enumerate(template.literals):
        if index:
            # It begins at a quote, or before one, or ends with the line.
            first = literal.find(b'"')
            at = ends - len(literal) if first < 0 else quotes[:, seen] - first
            lengths.append(at - begins[-1])
            good &= lengths[-1] >= template.whole[index - 1]
        good &= _has(block, at, literal)
        begins.append(at + len(literal))
        seen += _quotes(literal)
    good &= begins.pop() == ends
    if not good.all():
        rows = rows[good]
        begins, lengths = [one[good] for one in begins], [one[good] for one in lengths]
    return _with_integers(block, template, Matched(rows, begins, lengths))


def _quotes(literal: bytes) -> int:
    return literal.count(b'"')


def _with_quotes(lines: LineBlock, count: int) -> tuple[Places, Places]:
    """Return the lines with *count* quotes, and where those are, a row each."""
    found = np.flatnonzero(lines.block.bytes == _QUOTE)
    rows = np.arange(len(lines))
    if count and len(found) == len(lines) * count:
        quotes = found.reshape(-1, count)
        if (quotes[:, 0] >= lines.begins).all() and (quotes[:, -1] < lines.ends).all():
            return rows, quotes
    first = np.searchsorted(found, lines.begins)
    rows = rows[np.searchsorted(found, lines.ends) - first == count]
    return rows, found[first[rows][:, np.newaxis] + np.arange(count)]


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


def _has(block: Block, at: Places, literal: bytes) -> npt.NDArray[np.bool_]:
    """Return at which places *literal* stands."""
    last = len(block.data) - len(literal)
    if last < 0:
        return np.zeros(len(at), dtype=np.bool_)
    has = (at >= 0) & (at <= last)
    at = np.clip(at, 0, last)
    for begin in range(0, len(literal), _WORD):
        part = literal[begin : begin + _WORD]
        word = np.uint64(int.from_bytes(part, "little"))
        found = block.words[at + begin]
        if len(part) < _WORD:
            found &= np.uint64((1 << 8 * len(part)) - 1)
        has &= found == word
    return has


def _with_integers(block: Block, template: Template, matched: Matched) -> Matched:
    """Keep the lines whose integers are plain ones."""
    good = np.ones(len(matched.rows), dtype=np.bool_)
    for index, whole in enumerate(template.whole):
        if whole:
            digits = block.texts(matched.begins[index], matched.lengths[index])
            good &= digits.str.contains(_INTEGER).to_numpy()
    if good.all():
        return matched
    return Matched(
        matched.rows[good],
        [one[good] for one in matched.begins],
        [one[good] for one in matched.lengths],
    )
