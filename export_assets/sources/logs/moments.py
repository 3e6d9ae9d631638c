"""Clock readings of logs as instants: loggers often write local time and do not say so."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

import polars as pl

from export_assets.tables.temporal import localize, read_naive, read_timestamps

Fold = Literal["quarantine", "earliest", "latest"]
"""What becomes of a reading that the clock showed twice, when it was put back."""

Gap = Literal["quarantine", "later"]
"""What becomes of a reading that the clock never showed, when it was put forward: `later` reads it
with the offset before the jump, so that it is as much later on the new clock."""

_INSTANT: Final = pl.Datetime("us", "UTC")
_DIGITS: Final = 6
"""Of the fraction of a second that are kept."""

_TWO: Final = "[0-9]{2}"
_OFFSET: Final = f" ?(?:[Zz]|[+-]{_TWO}(?::?{_TWO})?)?"
_SHAPE: Final = (
    f"^(?:[0-9]{{4}}-{_TWO}-{_TWO}|[0-9]{{8}})[Tt ]"
    f"(?:{_TWO}|{_TWO}:{_TWO}(?::{_TWO}(?:[.,][0-9]+)?)?|{_TWO}{_TWO}(?:{_TWO}(?:[.,][0-9]+)?)?)"
    f"{_OFFSET}$"
)
_PARTS: Final = (
    f"^(?P<year>[0-9]{{4}})-?(?P<month>{_TWO})-?(?P<date>{_TWO})[Tt ]"
    f"(?P<hour>{_TWO}):?(?P<minute>{_TWO})?:?(?P<second>{_TWO})?(?:[.,](?P<fraction>[0-9]+))?"
    f"(?P<offset>{_OFFSET})$"
)


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Readings as instants."""

    instants: pl.Series
    """Datetime(µs, UTC); null where there is none."""
    refused: dict[int, str]
    """Index to reason of readings given but not accepted: `time`, `ambiguous_time` or
    `skipped_time`."""


@dataclass(frozen=True, kw_only=True)
class LocalTime:
    """The zone of the loggers' clocks, and what to do in the hours it is changed."""

    zone: str
    fold: Fold = "quarantine"
    gap: Gap = "quarantine"

    def place(self, naive: pl.Series) -> Moments:
        """Read wall-clock *naive* values, Datetime(µs), as instants."""
        instants, odd = localize(naive, self.zone)
        refused: dict[int, str] = {}
        if odd is None:
            return Moments(instants=instants, refused=refused)
        rows = odd.arg_true().to_list()
        settled: list[datetime | None] = []
        for row, instant, reading in zip(
            rows, instants.gather(rows), naive.gather(rows), strict=True
        ):
            moment, reason = self._settle(instant, reading)
            settled.append(moment)
            if reason:
                refused[row] = reason
        instants = instants.scatter(rows, pl.Series(settled, dtype=_INSTANT))
        return Moments(instants=instants, refused=refused)

    def _settle(self, instant: datetime, reading: datetime) -> tuple[datetime | None, str]:
        wall = instant.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        if wall != reading:
            return (instant, "") if self.gap == "later" else (None, "skipped_time")
        if self.fold == "quarantine":
            return None, "ambiguous_time"
        if self.fold == "earliest":
            return instant, ""
        return reading.replace(tzinfo=ZoneInfo(self.zone), fold=1).astimezone(UTC), ""


def read_iso_times(texts: pl.Series, clock: LocalTime) -> Moments:
    """Read ISO 8601 texts as instants: those without an offset by *clock*.

    Besides what `tables.temporal` reads: the basic form, a comma before the fraction, an hour
    alone, 24:00 for the midnight after, and more than six digits of a second, of which those
    beyond the microsecond are left out.
    """
    placed = _read_plain(texts, clock)
    unread = (placed.instants.is_null() & texts.is_not_null()).arg_true().to_list()
    left = [row for row in unread if row not in placed.refused]
    if left:
        others = _read_plain(_in_plain_form(texts.gather(left)), clock)
        refused = {left[row]: reason for row, reason in others.refused.items()}
        instants = placed.instants.scatter(left, others.instants)
        placed = Moments(instants=instants, refused=placed.refused | refused)
    return refusing(texts, placed)


def _read_plain(texts: pl.Series, clock: LocalTime) -> Moments:
    naive, _ = read_naive(texts)
    placed = clock.place(naive)
    missing = naive.is_null() & texts.is_not_null()
    if missing.any():
        aware, _ = read_timestamps(texts.filter(missing), "UTC")
        instants = placed.instants.scatter(missing.arg_true(), aware)
        placed = Moments(instants=instants, refused=placed.refused)
    return placed


def _in_plain_form(texts: pl.Series) -> pl.Series:
    """Return other forms of ISO 8601 in the one that is read, null for what is in none of them."""
    shaped = texts.set(~texts.str.contains(_SHAPE).fill_null(value=False), None)
    parts = shaped.str.extract_groups(_PARTS).struct.unnest()
    midnight = (pl.col("hour") == "24") & pl.format(
        "{}{}{}", *(pl.col(name).fill_null("") for name in ("minute", "second", "fraction"))
    ).str.contains("^0*$")
    day = pl.format("{}-{}-{}", "year", "month", "date")
    after = day.str.to_date("%Y-%m-%d", strict=False).dt.offset_by("1d").dt.to_string("%Y-%m-%d")
    return parts.select(
        pl.format(
            "{}T{}:{}:{}.{}{}",
            pl.when(midnight).then(after).otherwise(day),
            pl.when(midnight).then(pl.lit("00")).otherwise("hour"),
            pl.col("minute").fill_null("00"),
            pl.col("second").fill_null("00"),
            pl.col("fraction").fill_null("0").str.head(_DIGITS),
            pl.col("offset").fill_null(""),
        )
    ).to_series()


def refusing(texts: pl.Series, placed: Moments) -> Moments:
    """Return *placed* with every text refused that is no time."""
    unread = (placed.instants.is_null() & texts.is_not_null()).arg_true().to_list()
    refused = dict.fromkeys(unread, "time") | placed.refused
    return Moments(instants=placed.instants, refused=refused)
