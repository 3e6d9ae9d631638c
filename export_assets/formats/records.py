"""Rows as JSON objects, one a line: keys in column order, nulls included.

Numbers are numbers: decimals with all their digits, NaN and infinities null and counted. JSON
columns stay what they are: an object or array stands there as the source wrote it (line breaks
between its tokens become blanks, blanks around it go; both are counted), any other text is a
JSON string holding that text. So SQL NULL, JSON `null` and the empty text stay three things.
"""

import io
from collections.abc import Mapping
from dataclasses import replace

import msgspec
import polars as pl

from export_assets.formats.cells import to_text
from export_assets.formats.findings import NOT_FINITE, RESPACED
from export_assets.formats.json_text import all_json, one_line
from export_assets.formats.nested import count_not_finite, is_plain
from export_assets.formats.streams import TextSink
from export_assets.tables.schema import Fidelity, LogicalType, TableSchema

_encode = msgspec.json.Encoder().encode

RAW = frozenset({LogicalType.JSON, LogicalType.DECIMAL, LogicalType.NESTED})
"""Types whose text goes into the record as it is, not as a JSON string."""


class RecordEncoder:
    """Turns frames of one table into lines of JSON, counting what JSON cannot hold."""

    def __init__(self, schema: TableSchema) -> None:
        self._names = schema.names
        self._keys = [_encode(name).decode() for name in schema.names]
        schema = _with_plain_names(schema)
        self._schema = schema
        self._renamed = schema.names != self._names
        self._raw = {c.name for c in schema.columns if c.logical in RAW}
        self._alone = self._raw | (set(schema.names) - set(self._names))
        floats = {LogicalType.FLOAT, LogicalType.NESTED}
        self._floats = [c.name for c in schema.columns if c.logical in floats]
        self._not_finite = dict.fromkeys(self._floats, 0)
        self._respaced = {c.name: 0 for c in schema.columns if c.logical is LogicalType.JSON}

    def write_lines(self, frame: pl.DataFrame, sink: TextSink) -> None:
        """Append one compact object per row to *sink*, each ended by a line feed."""
        if self._alone:
            sink.write(self.lines(frame))
        else:
            sink.write_with(self._texts(frame).write_ndjson)

    def lines(self, frame: pl.DataFrame) -> bytes:
        """Return one compact object per row, each ended by a line feed."""
        texts = self._texts(frame)
        if not self._alone:
            buffer = io.BytesIO()
            texts.write_ndjson(buffer)
            return buffer.getvalue()
        return _joined(texts.select(pl.concat_str(self._compact_pieces())).to_series())

    def objects(self, frame: pl.DataFrame) -> pl.Series:
        """Return one compact object per row, each ended by a line feed, as texts."""
        texts = self._texts(frame)
        return texts.select(pl.concat_str(self._compact_pieces())).to_series()

    def pretty(self, frame: pl.DataFrame) -> bytes:
        """Return one object per row, a line a column, indented inside an array.

        Records stand `  {` to `  }`, each ended by a line feed, without commas between them.
        """
        texts = self._texts(frame)
        pieces: list[pl.Expr] = []
        start = "  {\n    "
        for key, name in zip(self._keys, self._schema.names, strict=True):
            pieces += [pl.lit(f"{start}{key}: "), self._value(name)]
            start = ",\n    "
        pieces.append(pl.lit("\n  }\n"))
        return _joined(texts.select(pl.concat_str(pieces)).to_series())

    def fidelity(self) -> Mapping[str, Fidelity]:
        """Return per column what the records could not hold."""
        counted = [(name, NOT_FINITE, n) for name, n in self._not_finite.items()]
        counted += [(name, RESPACED, n) for name, n in self._respaced.items()]
        own = dict(zip(self._schema.names, self._names, strict=True))
        return {
            own[name]: Fidelity(verdict="lossy", reason=reason, count=count)
            for name, reason, count in counted
            if count
        }

    def _texts(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return *frame* with every value in the form it has in JSON, under plain names."""
        if self._renamed:
            frame = frame.rename(dict(zip(frame.columns, self._schema.names, strict=True)))
        for name in self._floats:
            self._not_finite[name] += count_not_finite(frame[name])
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
            value = "null" if text is None else one_line(text)
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

        for key, name in zip(self._keys, self._schema.names, strict=True):
            if name not in self._alone:
                run.append(name)
                continue
            end_run()
            pieces += [pl.lit(f"{lead}{key}:"), self._value(name)]
            lead = ","
        end_run()
        pieces.append(pl.lit("}\n"))
        return pieces


def _all_clean(texts: pl.Series) -> bool:
    """Tell whether all of *texts* are objects and arrays that stand in a line as they are."""
    shape = r"^(?:\{[^\r\n]*\}|\[[^\r\n]*\])$"
    if not texts.str.contains(shape).all(ignore_nulls=True):
        return False
    return all_json(texts.drop_nulls().to_list())


def _joined(lines: pl.Series) -> bytes:
    """Return the texts of *lines* one after the other."""
    array = lines.to_arrow(compat_level=pl.CompatLevel.oldest())
    if not len(array):
        return b""
    _, offsets, data = array.buffers()
    first = int.from_bytes(memoryview(offsets)[array.offset * 8 :][:8], "little")
    last = int.from_bytes(memoryview(offsets)[(array.offset + len(array)) * 8 :][:8], "little")
    return bytes(memoryview(data)[first:last])


def _with_plain_names(schema: TableSchema) -> TableSchema:
    """Return *schema* with other names for columns that Polars cannot be trusted to name.

    It writes names unescaped and takes some for patterns. A plain name holds no control sign.
    """
    columns = [
        column if is_plain(column.name) else replace(column, name=f"\1{index}")
        for index, column in enumerate(schema.columns)
    ]
    return replace(schema, columns=tuple(columns))
