"""How texts of a column are read where the configuration says so: forms, nulls, booleans."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from export_assets.config.time_forms import parts_of
from export_assets.tables.time_forms import (
    read_form_instants,
    read_form_times,
    read_wall_clocks,
)

Manner = Literal["refuse", "widen", "null"]

_LARGEST_EXACT_INTEGER = 2**53


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The configured way to read one column."""

    format: str = ""
    """Form of dates and times held as text; see `config.time_forms`."""
    timezone: str = ""
    """Zone of wall clocks in this column; the source's where empty."""
    null_values: tuple[str, ...] = ()
    """Texts that stand for no value."""
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()
    on_mismatch: Manner = "refuse"
    """What becomes of values that cannot be read."""

    @property
    def from_text(self) -> bool:
        """Whether the source has to deliver the column as text, numbers by their digits."""
        words = self.format or self.null_values or self.true_values or self.false_values
        return bool(words) or self.on_mismatch == "null"

    def without_nulls(self, raw: pl.Series) -> pl.Series:
        """Return *raw* with nulls for the texts that stand for no value."""
        if not self.null_values or raw.dtype != pl.String:
            return raw
        return raw.set(raw.is_in(list(self.null_values)).fill_null(value=False), None)

    def booleans(self, raw: pl.Series) -> pl.Series:
        """Return texts as booleans, null where they are neither of the configured words."""
        known = dict.fromkeys(self.true_values, True) | dict.fromkeys(self.false_values, False)
        values = pl.Series(list(known.values()), dtype=pl.Boolean)
        return raw.replace_strict(list(known), values, default=None, return_dtype=pl.Boolean)

    def moments(self, raw: pl.Series) -> pl.Series:
        """Return texts in the configured form, as instants where the form holds an offset."""
        if "%z" in parts_of(self.format):
            return read_form_instants(raw, self.format)
        return read_wall_clocks(raw, self.format)

    def times(self, raw: pl.Series) -> pl.Series:
        """Return texts in the configured form as times of day, null where they are not."""
        return read_form_times(raw, self.format)


def exact_integers(raw: pl.Series, floats: pl.Series) -> pl.Series:
    """Blank out of *floats* the whole numbers of *raw*, texts, that a float cannot carry."""
    whole = raw.cast(pl.Int64, strict=False)
    limit = _LARGEST_EXACT_INTEGER
    lost = ~whole.is_between(-limit, limit)
    return floats.set(lost.fill_null(value=False), None)
