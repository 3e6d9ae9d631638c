"""Lines of JSON back into batches, as strictly as they were written.

Polars parses ordinary columns fastest but forgives much, so what it read is encoded again: the
same bytes mean the same values. Anything else goes value by value, and there says what is wrong.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa

from export_assets.errors import IntegrityError
from export_assets.formats.cells import from_text
from export_assets.formats.records import RecordEncoder, stands_alone
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema

_row = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str).decode
_decoders: dict[LogicalType, Any] = {
    LogicalType.BOOLEAN: msgspec.json.Decoder(bool | None).decode,
    LogicalType.INTEGER: msgspec.json.Decoder(int | None).decode,
    LogicalType.FLOAT: msgspec.json.Decoder(float | None).decode,
}
_string = msgspec.json.Decoder(str | None).decode

_DIRECT = {
    LogicalType.BOOLEAN: pl.Boolean(),
    LogicalType.INTEGER: pl.Int64(),
    LogicalType.FLOAT: pl.Float64(),
}


class RecordDecoder:
    """Turns lines of one file back into batches."""

    def __init__(self, path: Path, schema: TableSchema) -> None:
        self._name = path.name
        self._schema = schema
        self._rows = 0
        self._ordinary = not any(stands_alone(column) for column in schema.columns)
        self._direct = {c.name: _DIRECT.get(c.logical, pl.String()) for c in schema.columns}

    def batch(self, lines: bytes) -> Batch:
        """Return the rows of *lines*, whole lines each ended by a line feed.

        Raises:
            IntegrityError: A line is not a record of the table.
        """
        frame = self._fast(lines) if self._ordinary else None
        if frame is None:
            frame = self._exact(lines)
        self._rows += frame.height
        return Batch(frame)

    def _fast(self, lines: bytes) -> pl.DataFrame | None:
        try:
            texts = pl.read_ndjson(lines, schema=self._direct)
            frame = self._typed(texts)
        except (pl.exceptions.PolarsError, pa.ArrowException, ValueError):
            return None
        return frame if RecordEncoder(self._schema).lines(frame) == lines else None

    def _typed(self, texts: pl.DataFrame) -> pl.DataFrame:
        changed = [
            from_text(column, texts[column.name])
            for column in self._schema.columns
            if texts.schema[column.name] != column.dtype
        ]
        return texts.with_columns(changed)

    def _exact(self, lines: bytes) -> pl.DataFrame:
        names = list(self._schema.names)
        cells: list[list[Any]] = [[] for _ in names]
        parsers = [_parser(column) for column in self._schema.columns]
        for number, line in enumerate(lines.split(b"\n")[:-1], start=self._rows + 1):
            try:
                row = _row.decode(line)
            except (msgspec.MsgspecError, RecursionError) as error:
                msg = f"{self._name}: record {number} is not a JSON object"
                raise IntegrityError(msg) from error
            if list(row) != names:
                msg = f"{self._name}: record {number} does not have the columns of the table"
                raise IntegrityError(msg)
            for column, parse, raw, values in zip(
                self._schema.columns, parsers, row.values(), cells, strict=True
            ):
                try:
                    values.append(parse(raw))
                except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
                    what = f"column {column.name} does not hold {column.logical}"
                    msg = f"{self._name}: record {number}, {what}"
                    raise IntegrityError(msg) from error
        return pl.DataFrame(
            [self._column(c, v) for c, v in zip(self._schema.columns, cells, strict=True)]
        )

    def _column(self, column: Column, values: list[Any]) -> pl.Series:
        direct = _DIRECT.get(column.logical, pl.String())
        try:
            return from_text(column, pl.Series(column.name, values, dtype=direct, strict=True))
        except (
            pl.exceptions.PolarsError,
            msgspec.MsgspecError,
            pa.ArrowException,
            TypeError,
            ValueError,
            OverflowError,
        ) as error:
            msg = f"{self._name}: column {column.name} does not hold {column.logical}"
            raise IntegrityError(msg) from error


def _parser(column: Column) -> Any:  # noqa: ANN401 - one function a type
    match column.logical:
        case LogicalType.JSON:
            return _json_text
        case LogicalType.DECIMAL:
            return _number_text
        case LogicalType.NESTED:
            return _nested_text
        case _:
            return _decoders.get(column.logical, _string)


def _json_text(raw: msgspec.Raw) -> str | None:
    data = bytes(raw)
    if data[:1] == b'"':
        return _text(data)
    if data[:1] in {b"{", b"["}:
        return data.decode()
    if data == b"null":
        return None
    msg = "neither an object, an array, a string nor null"
    raise ValueError(msg)


def _number_text(raw: msgspec.Raw) -> str | None:
    data = bytes(raw)
    if data == b"null":
        return None
    if data[:1] == b'"':
        msg = "a string, not a number"
        raise ValueError(msg)
    return str(Decimal(data.decode()))


def _nested_text(raw: msgspec.Raw) -> str | None:
    data = bytes(raw)
    return None if data == b"null" else data.decode()
