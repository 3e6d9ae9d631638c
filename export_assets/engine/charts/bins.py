"""Rows gathered for a chart: into a fixed number of bins, whatever their number."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
import numpy.typing as npt
import polars as pl

_FEW = 0.02
"""Share of the rows, at each end, that may be left out of a chart for the sake of the others."""

_WORTH_IT = 4
"""How much closer one has to get for that."""

MOST_NAMES = 50_000
"""Different values that are counted apart; rows with further ones are counted together."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The range of values that is drawn from left to right."""

    column: str
    low: float
    """Times in microseconds since 1970."""
    high: float
    """Not less than `low`; what lies outside is not drawn."""
    times: bool

    def bins_of(self, values: pl.Series, bins: int) -> pl.Series:
        """Return the bin, of so many, of each of *values*; null for what lies outside."""
        numbers = (_microseconds(values) if self.times else values).cast(pl.Float64)
        found = (numbers - self.low) * (bins / (self.high - self.low or 1.0))
        inside = numbers.is_between(self.low, self.high) & found.is_finite()
        # The last bin holds its right end.
        return found.zip_with(inside, pl.Series([None], dtype=pl.Float64)).floor().clip(0, bins - 1)


def zoomed(axis: Axis, counts: Sequence[int]) -> Axis | None:
    """Return the part of *axis* that holds all but a few rows; None where that is most of it.

    A single time of the year 25 would leave one dot of a century to everything else.

    Args:
        axis: The range so far.
        counts: Rows by bin of it.
    """
    reached = np.cumsum(np.asarray(counts, dtype=np.int64))
    total = int(reached[-1])
    if not total:
        return None
    few = total * _FEW
    first = int(np.searchsorted(reached, few, side="right"))
    last = int(np.searchsorted(reached, total - few, side="left"))
    if (last - first + 1) * _WORTH_IT > len(counts):
        return None
    width = (axis.high - axis.low) / len(counts)
    low, high = axis.low + first * width, axis.low + (last + 1) * width
    return replace(axis, low=low, high=high)


class TraceBins:
    """The mean of a column in each bin, and its bounds."""

    def __init__(self, axis: Axis, column: str, bins: int) -> None:
        self._axis, self._column, self._bins = axis, column, bins
        self._sums: npt.NDArray[np.float64] = np.zeros(bins)
        self._counts: npt.NDArray[np.int64] = np.zeros(bins, dtype=np.int64)
        self.low, self.high = np.inf, -np.inf
        """Of the values drawn."""

    def update(self, frame: pl.DataFrame) -> None:
        """Add the rows of *frame*."""
        values = frame.get_column(self._column).cast(pl.Float64)
        found = self._axis.bins_of(frame.get_column(self._axis.column), self._bins)
        drawn = (found.is_not_null() & values.is_not_null() & values.is_finite()).fill_null(False)
        where = found.filter(drawn).cast(pl.Int64).to_numpy()
        kept = values.filter(drawn).to_numpy()
        if not len(kept):
            return
        self._sums += np.bincount(where, weights=kept, minlength=self._bins)
        self._counts += np.bincount(where, minlength=self._bins)
        self.low, self.high = min(self.low, kept.min()), max(self.high, kept.max())

    @property
    def means(self) -> list[float | None]:
        """The mean of each bin, None where it is empty."""
        pairs = zip(self._sums.tolist(), self._counts.tolist(), strict=True)
        means = [total / count if count else None for total, count in pairs]
        # The sum of numbers at the end of what a float holds is none.
        return [mean if mean is not None and isfinite(mean) else None for mean in means]


class CountBins:
    """How many rows there are in each bin."""

    def __init__(self, axis: Axis, bins: int) -> None:
        self._axis, self._bins = axis, bins
        self._counts: npt.NDArray[np.int64] = np.zeros(bins, dtype=np.int64)

    def update(self, frame: pl.DataFrame) -> None:
        """Add the rows of *frame*."""
        found = self._axis.bins_of(frame.get_column(self._axis.column), self._bins).drop_nulls()
        self._counts += np.bincount(found.cast(pl.Int64).to_numpy(), minlength=self._bins)

    @property
    def counts(self) -> list[int]:
        """Rows by bin."""
        found: list[int] = self._counts.tolist()
        return found


class NameCounts:
    """How many rows have each value of a column."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._counts: Counter[str] = Counter()
        self._further = 0

    def update(self, frame: pl.DataFrame) -> None:
        """Add the rows of *frame*."""
        values = frame.get_column(self._column).drop_nulls().alias("value")
        found = ((str(value), rows) for value, rows in values.value_counts(name="rows").iter_rows())
        # In an order of their own: which ones are counted apart must not differ from look to look.
        for name, count in sorted(found, key=lambda pair: (-pair[1], pair[0])):
            if name in self._counts or len(self._counts) < MOST_NAMES:
                self._counts[name] += count
            else:
                self._further += count

    @property
    def counts(self) -> list[tuple[str, int]]:
        """Values and their rows, the most frequent first; values not counted apart are last."""
        # Equal counts in the order of names: the same rows give the same picture.
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return [*ordered, ("others", self._further)] if self._further else ordered


def _microseconds(values: pl.Series) -> pl.Series:
    zone = values.dtype.time_zone if isinstance(values.dtype, pl.Datetime) else None
    return values.cast(pl.Datetime("us", zone)).to_physical()
