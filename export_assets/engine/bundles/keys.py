"""Values that rows are found by: frames of them, compared as the columns they are looked up in.

A frame of keys has the columns `k0`, `k1`, … whatever the table calls its own, so that no name
means anything to Polars.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

import polars as pl

from export_assets.config.commas import separated
from export_assets.errors import UsageError
from export_assets.sources.base import KeySet

MOST_KEYS = 500
"""Keys asked for at once: engines limit what one statement may bind."""

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def key_names(columns: Sequence[str]) -> list[str]:
    """Return what a frame of keys calls *columns*."""
    return [f"k{index}" for index in range(len(columns))]


def key_frame(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return the values of *columns* of *frame* as keys, row by row."""
    names = key_names(columns)
    values = [frame.get_column(column) for column in columns]
    return pl.DataFrame(dict(zip(names, values, strict=True)))


def coerced(keys: pl.DataFrame, dtypes: Sequence[pl.DataType]) -> pl.DataFrame:
    """Return *keys* as columns of *dtypes* compare them; what has no such value is null."""
    return pl.DataFrame(
        {
            series.name: _coerced(series, dtype)
            for series, dtype in zip(keys.get_columns(), dtypes, strict=True)
        }
    )


def unlike(keys: pl.DataFrame, found: pl.DataFrame) -> int | None:
    """Return the first column in which *keys* has a value that `coerced` lost in *found*."""
    pairs = zip(keys.get_columns(), found.get_columns(), strict=True)
    for index, (before, after) in enumerate(pairs):
        if after.null_count() > before.null_count():
            return index
    return None


def distinct(keys: pl.DataFrame) -> pl.DataFrame:
    """Return each key once, in order; a key with a null in it refers to nothing."""
    return keys.drop_nulls().unique().sort(keys.columns)


def without(keys: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return those of *keys* that are not *known*."""
    return keys.join(known, on=keys.columns, how="anti") if known.height else keys


def positions(keys: pl.DataFrame, wanted: pl.DataFrame) -> pl.Series:
    """Return the positions of the rows of *keys* that are among *wanted*, in order."""
    numbered = keys.with_row_index("position")
    return numbered.join(wanted, on=keys.columns, how="semi").get_column("position").sort()


def key_sets(columns: tuple[str, ...], keys: pl.DataFrame) -> Iterator[KeySet]:
    """Yield *keys* in pieces that a source can be asked for at once."""
    for piece in keys.iter_slices(MOST_KEYS):
        yield KeySet(columns=columns, values=tuple(piece.rows()))


def typed_keys(ids: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    """Return *ids* as keys of *columns*, all text.

    Raises:
        UsageError: An id has not as many values as there are columns.
    """
    rows = [_split(text, len(columns)) for text in ids]
    for text, values in zip(ids, rows, strict=True):
        if len(values) != len(columns):
            named = ", ".join(columns)
            msg = f"id {text!r}: expected {len(columns)} values separated by commas, for {named}"
            raise UsageError(msg)
    names = key_names(columns)
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String()), orient="row")


def uuids(texts: pl.Series) -> pl.Series:
    """Return *texts* as UUIDs are written, null where one is none."""
    return pl.Series(texts.name, [_uuid(text) for text in texts], dtype=pl.String)


def _uuid(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _split(text: str, number: int) -> list[str]:
    return [text] if number == 1 else separated(text)


def _coerced(values: pl.Series, dtype: pl.DataType) -> pl.Series:
    if values.dtype == dtype:
        return values
    name = values.name
    if values.dtype == pl.String and dtype == pl.Boolean:
        words = [_WORDS.get(text.lower()) if text is not None else None for text in values]
        return pl.Series(name, words, dtype=pl.Boolean)
    if dtype.is_integer() and not values.dtype.is_integer():
        # '1', '1.0' and 1.0 are all 1; '1.5' is no integer.
        exact = values.cast(dtype, strict=False) if values.dtype == pl.String else None
        floats = values.cast(pl.Float64, strict=False)
        whole = floats.set(floats != floats.floor(), None).cast(dtype, strict=False)
        return (whole if exact is None else exact.fill_null(whole)).alias(name)
    if values.dtype == pl.String and dtype in (pl.Datetime, pl.Date, pl.Time):
        return _moments(values, dtype)
    try:
        return values.cast(dtype, strict=False)
    except pl.exceptions.PolarsError:
        return pl.Series(name, [None] * len(values), dtype=dtype)


def _moments(texts: pl.Series, dtype: pl.DataType) -> pl.Series:
    kind = dtype if isinstance(dtype, pl.Date | pl.Time) else pl.Datetime("us", "UTC")
    frame = pl.DataFrame({"t": texts})
    try:
        read = frame.select(pl.col("t").str.strptime(kind, strict=False)).to_series()
        return read.cast(dtype, strict=False).alias(texts.name)
    except pl.exceptions.PolarsError:
        return pl.Series(texts.name, [None] * len(texts), dtype=dtype)
