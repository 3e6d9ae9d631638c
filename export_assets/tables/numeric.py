"""Numbers from raw columns: the same number in another type, or null where there is none."""

import operator
from decimal import Context, Decimal, DecimalException

import numpy as np
import polars as pl

_LARGEST_EXACT_INTEGER = 2**53
_LARGEST_INTEGER = 2**63
# Up to here every decimal has a double of its own, and dividing by the power of ten finds it.
_SURE_DIGITS = 10**15
_LARGEST_EXACT_POWER = 22
_PLAIN = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)$"
# More digits than a double tells apart.
_DOUBLE_DIGITS = 17
_WIDE = Context(prec=400)
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def to_boolean(raw: pl.Series) -> pl.Series:
    """Read 0 and 1 as numbers, and `true`, `t`, `1`, `false`, `f`, `0` as text in any case."""
    if raw.dtype == pl.String:
        known = list(_BOOLEANS)
        values = pl.Series(list(_BOOLEANS.values()))
        return raw.str.to_lowercase().replace_strict(known, values, default=None)
    if not raw.dtype.is_numeric():
        return _none(raw, pl.Boolean())
    known_number = ((raw == 0) | (raw == 1)).fill_null(value=False)
    return raw.set(~known_number, None).cast(pl.Boolean)


def to_integer(raw: pl.Series) -> pl.Series:
    """Convert to Int64, null where the number or its text would not come back the same."""
    if not _is_scalar(raw):
        return _none(raw, pl.Int64())
    numbers = raw.cast(pl.Int64, strict=False)
    if raw.dtype.is_integer():
        return numbers
    changed = numbers.cast(raw.dtype, strict=False) != raw
    return numbers.set(changed.fill_null(value=False), None)


def to_float(raw: pl.Series) -> pl.Series:
    """Convert to Float64: whole numbers that it tells apart, texts and decimals up to 17 digits."""
    if not _is_scalar(raw):
        return _none(raw, pl.Float64())
    if raw.dtype.is_integer():
        fits = raw.is_between(-_LARGEST_EXACT_INTEGER, _LARGEST_EXACT_INTEGER)
        raw = raw.set((~fits).fill_null(value=False), None)
    if raw.dtype == pl.String or raw.dtype.is_decimal():
        texts = raw.cast(pl.String)
        floats = texts.cast(pl.Float64, strict=False)
        digits = texts.str.replace(r"[eE].*$", "").str.replace_all(r"[^0-9]", "")
        length = digits.str.strip_chars_start("0").str.strip_chars_end("0").str.len_bytes()
        written_out = texts.str.contains("[0-9]")
        lost = (length > _DOUBLE_DIGITS) | (floats.is_infinite() & written_out)
        vanished = (floats == 0) & (length > 0)
        return floats.set((lost | vanished).fill_null(value=False), None)
    return raw.cast(pl.Float64, strict=True)


def to_decimal(raw: pl.Series, dtype: pl.Decimal) -> pl.Series:
    """Convert texts and numbers to *dtype*, null where a digit would be lost.

    A float stands for the shortest decimal that reads back as it, but a whole one of 64 bits for
    itself: SQLite's integers among decimals come as floats, where those carry them exactly.
    """
    if raw.dtype == pl.String:
        return _decimal_of_text(raw, dtype)
    if raw.dtype.is_float():
        return _decimal_of_float(raw, dtype)
    if not raw.dtype.is_numeric():
        return _none(raw, dtype)
    exact = raw.cast(dtype, strict=False)
    if raw.dtype.is_decimal():
        changed = exact.cast(raw.dtype, strict=False).ne_missing(raw)
        return exact.set(changed, None)
    return exact


def divided(whole: pl.Series, divisor: int) -> pl.Series:
    """Return the double nearest to each number of *whole* over *divisor*, both exact doubles."""
    # Polars multiplies by the reciprocal, which is another number now and then.
    quotients = whole.cast(pl.Float64).fill_null(0.0).to_numpy() / np.float64(divisor)
    return pl.Series(whole.name, quotients)


def _decimal_of_text(raw: pl.Series, dtype: pl.Decimal) -> pl.Series:
    plain = raw.str.contains(_PLAIN).fill_null(value=False)
    short = raw.str.replace(r"(\.[0-9]*?)0+$", "$1").str.replace(r"^([+-]?)\.$", "${1}0")
    digits = short.str.extract(r"\.([0-9]*)$").str.len_bytes().fill_null(0)
    fits = plain & (digits <= dtype.scale)
    exact = short.set(~fits, None).str.to_decimal(scale=dtype.scale).cast(dtype, strict=False)
    other = (raw.str.contains("[eE]") & ~plain).fill_null(value=False)
    if not other.any():
        return exact
    written = [_fitting(text, dtype) for text in raw.filter(other).to_list()]
    return exact.scatter(other.arg_true(), pl.Series(written, dtype=dtype))


def _decimal_of_float(raw: pl.Series, dtype: pl.Decimal) -> pl.Series:
    exact = raw.cast(dtype, strict=False)
    unscaled = exact.to_physical()
    sure = unscaled.is_between(-_SURE_DIGITS, _SURE_DIGITS).fill_null(value=False)
    if dtype.scale > _LARGEST_EXACT_POWER:
        sure = sure & False
    changed = (divided(unscaled, 10**dtype.scale) != raw) & sure
    exact = exact.set((changed | ~sure).fill_null(value=True), None)
    large = ~sure & raw.is_finite().fill_null(value=False)
    if not large.any():
        return exact
    written = [_fitting(_digits(number), dtype) for number in raw.filter(large).to_list()]
    return exact.scatter(large.arg_true(), pl.Series(written, dtype=dtype))


def _digits(number: float) -> str:
    whole = number.is_integer() and abs(number) <= _LARGEST_INTEGER
    return str(int(number)) if whole else repr(number)


def _fitting(text: str, dtype: pl.Decimal) -> Decimal | None:
    """Return the number that *text* holds where *dtype* holds it exactly."""
    try:
        number = Decimal(text)
        scaled = number.quantize(Decimal(1).scaleb(-dtype.scale), context=_WIDE)
    except DecimalException:
        return None
    fits = scaled == number and abs(scaled.scaleb(dtype.scale, context=_WIDE)) < 10**dtype.precision
    return scaled if fits else None


def _is_scalar(raw: pl.Series) -> bool:
    return raw.dtype.is_numeric() or raw.dtype in {pl.Boolean(), pl.String()}


def _none(raw: pl.Series, dtype: pl.DataType) -> pl.Series:
    return pl.Series(raw.name, [None] * len(raw), dtype=dtype)


def compare_numbers(texts: pl.Series, *, comparison: str, bound: Decimal) -> pl.Series:
    """Say which of *texts* are numbers within *bound*: null for nulls, false for what is none.

    Args:
        texts: Any texts.
        comparison: `ge`, `gt`, `le` or `lt`.
        bound: What they are compared with.
    """
    floats = texts.cast(pl.Float64, strict=False)
    nearest = float(bound)
    kept: pl.Series = getattr(floats, comparison)(nearest) & floats.is_not_nan()
    # A double does not tell these from the bound.
    close = texts.filter((floats == nearest).fill_null(value=False)).unique()
    if len(close):
        compare = getattr(operator, comparison)
        exact = pl.Series([compare(Decimal(one), bound) for one in close], dtype=pl.Boolean)
        kept = texts.replace_strict(close, exact, default=kept, return_dtype=pl.Boolean)
    return kept.fill_null(value=False).set(texts.is_null(), None)
