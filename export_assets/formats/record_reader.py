"""Lines of JSON back into batches, as strictly as they were written.

Polars parses ordinary columns fastest but forgives much, so what it read is encoded again: the
same bytes mean the same values. Anything else goes value by value, and there says what is wrong.
Where the caller compares the values by digest itself, ordinary columns are not encoded again:
Polars reads their values exactly, and what it forgives (keys missing where the value is null,
unknown keys, keys in another order, numbers for text) changes no value or changes the digest.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa

from export_assets.errors import IntegrityError
from export_assets.formats.cells import from_text
from export_assets.formats.nested import has_own_form, is_plain
from export_assets.formats.records import RecordEncoder
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

_MISFITS = (pa.ArrowException, TypeError, ValueError, OverflowError)
"""What reading a text as a type raises besides the errors of Polars and msgspec."""

_NEVER_SURE = frozenset({LogicalType.DECIMAL, LogicalType.NESTED})
"""Types that Polars may read as something else than what was written."""

_DIRECT = {
    LogicalType.BOOLEAN: pl.Boolean(),
    LogicalType.INTEGER: pl.Int64(),
    LogicalType.FLOAT: pl.Float64(),
}


class RecordDecoder:
    """Turns lines of one file back into batches."""

    def __init__(
        self,
        path: Path,
        schema: TableSchema,
        *,
        strict: bool,
        encode: Callable[[RecordEncoder, pl.DataFrame], bytes] = RecordEncoder.lines,
    ) -> None:
        self._name = path.name
        self._schema = schema
        self._rows = 0
        self._encode = encode
        self._verbatim = [c for c in schema.columns if _is_verbatim(c)]
        self._direct = {c.name: _fast_type(c) for c in schema.columns if not _is_verbatim(c)}
        self._compare = strict or not all(map(_is_read_exactly, schema.columns))
        self._fast_enough = all(is_plain(column.name) for column in self._verbatim)
        if self._verbatim and self._fast_enough:
            self._raws = _raw_decoder([column.name for column in self._verbatim])

    def batch(self, lines: bytes, written: bytes) -> Batch:
        """Return the rows of *lines*, whole records each ended by a line feed.

        *written* is what `encode` must make of those rows where the file is as we write it.

        Raises:
            IntegrityError: A line is not a record of the table.
        """
        frame = self._fast(lines, written) if self._fast_enough else None
        if frame is None:
            frame = self._exact(lines)
        self._rows += frame.height
        return Batch(frame)

    def _fast(self, lines: bytes, written: bytes) -> pl.DataFrame | None:
        try:
            columns = self._parsed(lines)
            frame = pl.DataFrame({c.name: self._values(c, columns) for c in self._schema.columns})
        except (pl.exceptions.PolarsError, msgspec.MsgspecError, *_MISFITS):
            return None
        if not self._compare or self._encode(RecordEncoder(self._schema), frame) == written:
            return frame
        return None

    def _parsed(self, lines: bytes) -> dict[str, pl.Series]:
        columns: dict[str, pl.Series] = {}
        if self._direct:
            columns = dict(pl.read_ndjson(lines, schema=self._direct).to_dict())
        if self._verbatim:
            rows = [msgspec.structs.astuple(row) for row in self._raws.decode_lines(lines)]
            for column, raws in zip(self._verbatim, zip(*rows, strict=True), strict=True):
                parse = _parser(column)
                values = [parse(raw) for raw in raws]
                columns[column.name] = pl.Series(column.name, values, dtype=pl.String)
        return columns

    def _values(self, column: Column, columns: dict[str, pl.Series]) -> pl.Series:
        values = columns[column.name]
        return values if values.dtype == column.dtype else from_text(column, values)

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
        columns = zip(self._schema.columns, cells, strict=True)
        return pl.DataFrame({c.name: self._column(c, values) for c, values in columns})

    def _column(self, column: Column, values: list[Any]) -> pl.Series:
        direct = _DIRECT.get(column.logical, pl.String())
        try:
            return from_text(column, pl.Series(column.name, values, dtype=direct, strict=True))
        except (pl.exceptions.PolarsError, msgspec.MsgspecError, *_MISFITS) as error:
            msg = f"{self._name}: column {column.name} does not hold {column.logical}"
            raise IntegrityError(msg) from error


def _is_read_exactly(column: Column) -> bool:
    """Tell whether Polars reads what was written to *column* as the very same values."""
    return is_plain(column.name) and column.logical not in _NEVER_SURE


def _is_verbatim(column: Column) -> bool:
    """Tell whether the JSON text of *column* must be taken as it stands."""
    if column.logical is LogicalType.NESTED:
        return not has_own_form(column.dtype)
    return column.logical is LogicalType.JSON


def _fast_type(column: Column) -> pl.DataType:
    if column.logical is LogicalType.NESTED:
        return column.dtype
    # A decimal comes as the text of a float: where that is not exact, encoding again shows it.
    return _DIRECT.get(column.logical, pl.String())


def _raw_decoder(names: list[str]) -> msgspec.json.Decoder[Any]:
    fields = [(f"f{index}", msgspec.Raw) for index in range(len(names))]
    rename = {f"f{index}": name for index, name in enumerate(names)}
    return msgspec.json.Decoder(msgspec.defstruct("Raws", fields, rename=rename))


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
    return data.decode()


def _nested_text(raw: msgspec.Raw) -> str | None:
    data = bytes(raw)
    return None if data == b"null" else data.decode()
