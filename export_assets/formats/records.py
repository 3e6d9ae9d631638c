"""Rows as JSON objects, one a line: keys in column order, nulls included.

Numbers are numbers: decimals with all their digits, NaN and infinities null and counted. JSON
columns stay what they are: an object or array stands there as the source wrote it (line breaks
between its tokens become blanks, blanks around it go; both are counted), any other text is a
JSON string holding that text. So SQL NULL, JSON `null` and the empty text stay three things.
"""

import io
import re
from collections import deque
from collections.abc import Mapping

import msgspec
import polars as pl

from export_assets.formats.cells import to_text
from export_assets.formats.nested import count_not_finite, is_plain
from export_assets.tables.schema import Column, Fidelity, LogicalType, TableSchema

_NOT_FINITE = "NaN and infinity have no form in JSON and are null"
_RESPACED = "line breaks between JSON tokens became blanks and blanks around the value went"

_is_json = msgspec.json.Decoder(msgspec.Raw).decode
_encode = msgspec.json.Encoder().encode

_SPACES = " \t\r\n"
_LINE_BREAK = re.compile(r"[\r\n]")

RAW = frozenset({LogicalType.JSON, LogicalType.DECIMAL, LogicalType.NESTED})
"""Types whose text goes into the record as it is, not as a JSON string."""


class RecordEncoder:
    """Turns frames of one table into lines of JSON, counting what JSON cannot hold."""

    def __init__(self, schema: TableSchema) -> None:
        self._schema = schema
        self._raw = {c.name for c in schema.columns if c.logical in RAW}
        self._alone = {c.name for c in schema.columns if stands_alone(c)}
        floats = {LogicalType.FLOAT, LogicalType.NESTED}
        self._floats = [c.name for c in schema.columns if c.logical in floats]
        self._not_finite = dict.fromkeys(self._floats, 0)
        self._respaced = {c.name: 0 for c in schema.columns if c.logical is LogicalType.JSON}

    def lines(self, frame: pl.DataFrame) -> bytes:
        """Return one compact object per row, each ended by a line feed."""
        self._count(frame)
        texts = self._texts(frame)
        if not self._alone:
            buffer = io.BytesIO()
            texts.write_ndjson(buffer)
            return buffer.getvalue()
        pieces = self._compact_pieces()
        return _joined(texts.select(pl.concat_str(pieces)).to_series())

    def pretty(self, frame: pl.DataFrame) -> bytes:
        """Return one object per row, a line a column, indented inside an array.

        Records stand `  {` to `  }`, each ended by a line feed, without commas between them.
        """
        self._count(frame)
        texts = self._texts(frame)
        pieces: list[pl.Expr] = []
        for index, column in enumerate(self._schema.columns):
            start = "  {\n    " if index == 0 else ",\n    "
            pieces += [pl.lit(f"{start}{_key(column)}: "), self._value(column.name)]
        pieces.append(pl.lit("\n  }\n"))
        return _joined(texts.select(pl.concat_str(pieces)).to_series())

    def fidelity(self) -> Mapping[str, Fidelity]:
        """Return per column what the records could not hold."""
        counted = [(name, _NOT_FINITE, n) for name, n in self._not_finite.items()]
        counted += [(name, _RESPACED, n) for name, n in self._respaced.items()]
        return {
            name: Fidelity(verdict="lossy", reason=reason, count=count)
            for name, reason, count in counted
            if count
        }

    def _count(self, frame: pl.DataFrame) -> None:
        for name in self._floats:
            self._not_finite[name] += count_not_finite(frame[name])

    def _texts(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return *frame* with every value in the form it has in JSON."""
        changed: list[pl.Expr | pl.Series] = []
        for column in self._schema.columns:
            if column.logical is LogicalType.JSON:
                changed.append(self._json_values(frame[column.name]))
            elif (text := to_text(column)) is not None:
                changed.append(text)
        return frame.with_columns(changed) if changed else frame

    def _json_values(self, texts: pl.Series) -> pl.Series:
        """Return JSON text per cell: containers as they are, other text as a JSON string."""
        if _all_clean(texts):
            return texts.fill_null("null")
        values = []
        respaced = 0
        for text in texts.to_list():
            value = "null" if text is None else _container(text)
            if value is None:
                value = _encode(text).decode()
            elif text is not None and value is not text:
                respaced += value != text
            values.append(value)
        self._respaced[texts.name] += respaced
        return pl.Series(texts.name, values, dtype=pl.String)

    def _value(self, name: str) -> pl.Expr:
        """Return the JSON text of one column's values."""
        if name in self._raw:
            return pl.col(name).fill_null("null")
        # json_encode takes a struct: what stands between `{"v":` and `}` is the value.
        cell = pl.struct(pl.col(name).alias("v")).struct.json_encode()
        return cell.str.slice(5).str.head(-1)

    def _compact_pieces(self) -> list[pl.Expr]:
        """Return what a line is made of: runs of ordinary columns, the others between."""
        pieces: list[pl.Expr] = []
        run: list[str] = []
        lead = "{"

        def end_run() -> None:
            nonlocal lead
            if run:
                members = pl.struct(pl.col(run.copy())).struct.json_encode()
                pieces.extend([pl.lit(lead), members.str.slice(1).str.head(-1)])
                lead = ","
                run.clear()

        for column in self._schema.columns:
            if column.name not in self._alone:
                run.append(column.name)
                continue
            end_run()
            pieces += [pl.lit(f"{lead}{_key(column)}:"), self._value(column.name)]
            lead = ","
        end_run()
        pieces.append(pl.lit("}\n"))
        return pieces


def _all_clean(texts: pl.Series) -> bool:
    """Tell whether all of *texts* are objects and arrays that stand in a line as they are."""
    shape = r"^(?:\{[^\r\n]*\}|\[[^\r\n]*\])$"
    if not texts.str.contains(shape).all(ignore_nulls=True):
        return False
    try:
        deque(map(_is_json, texts.drop_nulls().to_list()), maxlen=0)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _container(text: str) -> str | None:
    """Return the object or array *text* is, on one line, or None where it is neither."""
    bare = text.strip(_SPACES)
    if not bare or bare[0] not in "{[":
        return None
    try:
        _is_json(bare)
    except (msgspec.DecodeError, RecursionError):
        return None
    return _LINE_BREAK.sub(" ", bare) if "\n" in bare or "\r" in bare else bare


def _key(column: Column) -> str:
    return _encode(column.name).decode()


def _joined(lines: pl.Series) -> bytes:
    """Return the texts of *lines* one after the other."""
    array = lines.to_arrow(compat_level=pl.CompatLevel.oldest())
    if not len(array):
        return b""
    _, offsets, data = array.buffers()
    first = int.from_bytes(memoryview(offsets)[array.offset * 8 :][:8], "little")
    last = int.from_bytes(memoryview(offsets)[(array.offset + len(array)) * 8 :][:8], "little")
    return bytes(memoryview(data)[first:last])


def stands_alone(column: Column) -> bool:
    """Tell whether Polars cannot write *column* together with its neighbours.

    Its text goes into the record as it is, or Polars would write its name without escaping it.
    """
    return column.logical in RAW or not is_plain(column.name)
