"""Events in the order they happened, each once, in lanes: what one session or one timer did."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from export_assets.systems.leadville.identity import logger_of, without_twins
from export_assets.systems.leadville.model import FAMILY_OF, Family

START, ACTIVITY, STOP, SUMMARY, SIGN = range(5)
"""What an event does to a run; a sign of life only keeps it from going idle."""

STARTS: Final = ("timer_start_button", "timer_start_beep", "timer_started")
NEEDED: Final = (
    "event_id",
    "occurred_at",
    "event_type",
    "dialect",
    "device",
    "device_id",
    "details",
    "shot_number",
    "elapsed_seconds",
    "session_id",
    "seq",
    "source_file",
    "source_offset",
)
"""Columns of events that runs are made from."""

_ROLE = {
    **dict.fromkeys(STARTS, START),
    "shot_detected": ACTIVITY,
    "impact_detected": ACTIVITY,
    "timer_stopped": STOP,
    "run_summary": SUMMARY,
}
FAMILIES: Final[tuple[Family, ...]] = ("event", "timer")
"""Those that know of shots."""

_FIRST = -(2**63)  # as a missing number sorts
_ORDER = ("occurred_at", "seq", "source_offset")
# Should two events tie in all of that, what they say decides; never a file's name.
_TIES = ("role", "event_type", "device_id", "details", "event_id")


@dataclass(frozen=True, kw_only=True)
class Lanes:
    """The events of one family that make runs: lane by lane, in order within each."""

    family: Family
    events: pl.DataFrame
    """Columns `NEEDED` and `role`, `logger`, `lane`, `lane_name`, `copies` (repeats of the event).

    Lanes of timers that have no name have none either; what parts them is their logger.
    """
    end_of_logs: datetime
    """Time of the last event of the family, of whatever type."""


def matters() -> pl.Expr:
    """Return the expression for events that make runs, or keep them from going idle."""
    dialects = [name for name, family in FAMILY_OF.items() if family in FAMILIES]
    return pl.col("dialect").is_in(dialects) & _role().is_not_null()


def lanes_of(events: pl.LazyFrame, *, idle_timeout: timedelta) -> Iterator[Lanes]:
    """Split *events* by family, for those families that know of shots.

    Where nothing of a family happened for longer than *idle_timeout*, nobody spoke last: so lanes
    are the same whether what was before a silence is there or not.
    """
    for family in FAMILIES:
        dialects = [name for name, of in FAMILY_OF.items() if of == family]
        lazy = events.select(NEEDED).filter(pl.col("dialect").is_in(dialects))
        roles = lazy.with_columns(_role().alias("role")).filter(pl.col("role").is_not_null())
        last, found = pl.collect_all([lazy.select(pl.col("occurred_at").max()), roles])
        end = last.item()
        if isinstance(end, datetime):
            ordered = _with_logger(_in_order(_each_once(found)))
            named = ordered.with_columns(lane_name=_lane_name(family, idle_timeout))
            # The codes are of no order; lanes have none among each other.
            code = named.select(_lane()).to_series().cast(pl.Categorical).to_physical()
            laned = named.with_columns(code.alias("lane"))
            if laned["lane"].n_unique() > 1:
                laned = laned.sort("lane", maintain_order=True)
            yield Lanes(family=family, events=laned, end_of_logs=end)


def _role() -> pl.Expr:
    frames = (pl.col("event_type") == "status") & (
        pl.col("elapsed_seconds").is_not_null() | pl.col("shot_number").is_not_null()
    )
    known = pl.col("event_type").replace_strict(_ROLE, default=None, return_dtype=pl.Int8)
    return pl.when(frames).then(pl.lit(SIGN, dtype=pl.Int8)).otherwise(known)


def _each_once(events: pl.DataFrame) -> pl.DataFrame:
    """Keep one of each event that is there more than once, with the number of its copies."""
    events = without_twins(events)
    repeated = events["event_id"].str.contains(".", literal=True)
    if not repeated.any():
        return events.with_columns(copies=pl.lit(0, dtype=pl.UInt32))
    marked = events.filter(repeated)["event_id"]
    bases = marked.str.extract(r"^([^.]*)").unique()
    concerned = repeated | events["event_id"].is_in(bases.implode())
    said = pl.col("event_id").str.extract(r"^([^.]*)").alias("_said")
    nth = pl.col("event_id").str.extract(r"\.(\d+)$").cast(pl.UInt32).fill_null(1)
    kept = (
        events.with_row_index("_row")
        .filter(concerned)
        .select("_row", said, nth.alias("_nth"), (pl.len() - 1).over(said).alias("copies"))
        .sort("_said", "_nth")
        .unique("_said", keep="first", maintain_order=True)
    )
    none = pl.repeat(0, events.height, dtype=pl.UInt32, eager=True)
    copies = none.scatter(kept["_row"], kept["copies"].cast(pl.UInt32))
    stays = (~concerned).scatter(kept["_row"], values=True)
    # The order stays as it was, which is most often that of time.
    return events.with_columns(copies.alias("copies")).filter(stays)


def _in_order(events: pl.DataFrame) -> pl.DataFrame:
    if _is_in_order(events):
        return events
    # Within a moment, files are mostly in order already.
    for keys in (_ORDER[:1], _ORDER):
        ordered = events.sort(keys, maintain_order=True)
        if _is_in_order(ordered):
            return ordered
    return events.sort(*_ORDER, *_TIES)


def _is_in_order(events: pl.DataFrame) -> bool:
    """Tell whether each row comes after the one before, by time, number and offset."""
    time, place = pl.col("occurred_at"), pl.col("source_offset")
    number = pl.col("seq").fill_null(_FIRST)
    later = time > time.shift(1)
    same = time == time.shift(1)
    after = (number > number.shift(1)) | ((number == number.shift(1)) & (place > place.shift(1)))
    # The first row has nothing before it.
    return bool(events.select((later | (same & after)).all()).item())


def _with_logger(events: pl.DataFrame) -> pl.DataFrame:
    names = events["source_file"].unique()
    loggers = pl.Series(map(logger_of, names), dtype=pl.String)
    return events.with_columns(logger=pl.col("source_file").replace_strict(names, loggers))


def _lane_name(family: Family, idle_timeout: timedelta) -> pl.Expr:
    """Name the session; else the timer, to which what sensors and bridges say is added.

    Neither an impact nor a summary names its timer: it is the one that spoke last to the same
    logger. Nothing where none did.
    """
    if family == "timer":
        return pl.coalesce("session_id", "device_id", pl.lit(""))
    by_timer = (pl.col("event_type") != "impact_detected") & (pl.col("role") != SUMMARY)
    time = pl.col("occurred_at")
    silences = (time - time.shift(1) > idle_timeout).fill_null(value=False).cum_sum()
    after = (silences != silences.shift(1).over("logger")).fill_null(value=False)
    spoken = pl.when(by_timer & pl.col("device_id").is_not_null()).then("device_id")
    speaker = spoken.when(after).then(pl.lit("")).forward_fill().over("logger")
    return pl.coalesce("session_id", speaker, pl.lit(""))


def _lane() -> pl.Expr:
    """Tell lanes apart: by name, those without one by logger."""
    name = pl.col("lane_name")
    return pl.when(name == "").then(pl.format("\x1f{}", "logger")).otherwise(name)
