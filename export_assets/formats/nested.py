"""Lists and structs as JSON text, and back.

Polars does it alone where every leaf has a JSON form of its own. Times, decimals and binary
values have none: those columns go value by value, timestamps, dates and binary as the text
`cells` gives them, decimals as numbers with all their digits. NaN and infinities become null.
"""

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl

_OWN_FORM = (pl.Boolean, pl.String, pl.Float64, pl.Int8, pl.Int16, pl.Int32, pl.Int64)

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def nested_to_json(values: pl.Series) -> pl.Series:
    """Return lists or structs as JSON text; null stays null."""
    if values.dtype == pl.String:
        return values
    if has_own_form(values.dtype):
        cell = pl.struct(pl.col("v")).struct.json_encode()
        # json_encode takes a struct: what stands between `{"v":` and `}` is the value.
        text = pl.when(pl.col("v").is_not_null()).then(cell.str.slice(5).str.head(-1))
        return pl.DataFrame({"v": values}).select(text).to_series().alias(values.name)
    texts = [None if value is None else _text_of(value) for value in values.to_list()]
    return pl.Series(values.name, texts, dtype=pl.String)


def nested_from_json(text: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Return the lists or structs that *text* holds.

    Raises:
        msgspec.DecodeError: A text is not JSON.
        TypeError, ValueError: A text does not hold a value of *dtype*.
    """
    if dtype == pl.String:
        return text
    if has_own_form(dtype):
        fast = _decoded_by_polars(text, dtype)
        if fast is not None:
            return fast
    values = [None if one is None else _value_of(_decode(one), dtype) for one in text.to_list()]
    return pl.Series(text.name, values, dtype=dtype, strict=True)


def leaves(values: pl.Series) -> Iterator[pl.Series]:
    """Yield the values at the bottom of *values*, one series per leaf type."""
    if isinstance(values.dtype, pl.Struct):
        for field in values.struct.unnest().get_columns():
            yield from leaves(field)
    elif isinstance(values.dtype, pl.List | pl.Array):
        yield from leaves(values.alias("item").drop_nulls().explode())
    else:
        # Polars takes some names for patterns, on series too.
        yield values.alias("leaf")


def count_not_finite(values: pl.Series) -> int:
    """Count the NaN and infinite numbers inside *values*."""
    floats = (leaf for leaf in leaves(values) if leaf.dtype.is_float())
    return sum(int((~leaf.is_finite()).sum()) for leaf in floats)


def _decoded_by_polars(text: pl.Series, dtype: pl.DataType) -> pl.Series | None:
    """Return what Polars makes of *text* where it makes the same text of that again."""
    try:
        values = text.str.json_decode(dtype)
    except pl.exceptions.PolarsError:
        return None
    return values if nested_to_json(values).equals(text) else None


def has_own_form(dtype: pl.DataType) -> bool:
    """Tell whether Polars writes and reads *dtype* as JSON the way this project does."""
    if isinstance(dtype, pl.List | pl.Array):
        return has_own_form(_inner(dtype))
    if isinstance(dtype, pl.Struct):
        # Polars writes field names as they are, without escaping them.
        names_are_plain = all(is_plain(field.name) for field in dtype.fields)
        return names_are_plain and all(has_own_form(_field(f)) for f in dtype.fields)
    return isinstance(dtype, _OWN_FORM)


def is_plain(name: str) -> bool:
    """Tell whether *name* stands in JSON as it is, and means itself in `pl.col`."""
    stands = _encode(name) == b'"' + name.encode() + b'"'
    return stands and name != "*" and not name.startswith("^")


def _inner(dtype: pl.List | pl.Array) -> pl.DataType:
    inner = dtype.inner
    return inner if isinstance(inner, pl.DataType) else inner()


def _field(field: pl.Field) -> pl.DataType:
    dtype = field.dtype
    return dtype if isinstance(dtype, pl.DataType) else dtype()


def _text_of(value: Any) -> str:  # noqa: ANN401 - any nested value
    return _encode(_plain(value)).decode()


def _plain(value: Any) -> Any:  # noqa: ANN401 - any nested value
    match value:
        case list():
            return [_plain(one) for one in value]
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case datetime():
            return value.isoformat(timespec="microseconds")
        case date() | time():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return value


def _value_of(value: Any, dtype: pl.DataType) -> Any:  # noqa: ANN401, C901, PLR0911, PLR0912 - one line a type
    if value is None:
        return None
    match dtype:
        case pl.List() | pl.Array():
            _expect(value, list)
            return [_value_of(one, _inner(dtype)) for one in value]
        case pl.Struct():
            _expect(value, dict)
            names = [field.name for field in dtype.fields]
            if list(value) != names:
                msg = f"expected the fields {', '.join(names)}"
                raise TypeError(msg)
            return {f.name: _value_of(value[f.name], _field(f)) for f in dtype.fields}
        case pl.Datetime(time_zone=None):
            return datetime.fromisoformat(value)
        case pl.Datetime():
            return datetime.fromisoformat(value).astimezone(UTC)
        case pl.Date():
            return date.fromisoformat(value)
        case pl.Time():
            return time.fromisoformat(value)
        case pl.Binary():
            return base64.b64decode(value, validate=True)
        case pl.Decimal():
            return Decimal(value)
        case pl.Float32() | pl.Float64():
            _expect(value, int | Decimal)
            return float(value)
        case pl.Boolean():
            _expect(value, bool)
        case pl.String():
            _expect(value, str)
        case _:
            _expect(value, int)
    return value


def _expect(value: object, kind: Any) -> None:  # noqa: ANN401 - a class or a union of classes
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        msg = f"expected {kind}"
        raise TypeError(msg)
