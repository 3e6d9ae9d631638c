"""The row of a run: its name, its summary's figures, its files, its duration and rate."""

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import polars as pl

from export_assets.systems.leadville.event_texts import SUMMARY as SUMMARY_TEXT
from export_assets.systems.leadville.model import Family
from export_assets.systems.leadville.run_lanes import SUMMARY

_SHORT, _LONG = 6, 16
_NAMED_BY: Final = ("lane_name", "start_type", "start_details")
_MICROSECOND = 1e-6


def finish_runs(runs: pl.DataFrame, rows: pl.DataFrame, *, family: Family) -> pl.DataFrame:
    """Return *runs* with the columns of `RUNS` and `numbered_shots`.

    Args:
        runs: One row per run, as `runs` gathers and closes them.
        rows: The events with their `stretch`.
        family: Of the dialects.
    """
    runs = runs.join(_summaries(rows), on="stretch", how="left", maintain_order="left")
    runs = runs.join(_files(rows), on="stretch", how="left", maintain_order="left")
    shots, impacts = pl.col("shots_detected"), pl.col("impacts_detected")
    counted = pl.any_horizontal(
        pl.col("summary_shots") != shots, pl.col("summary_impacts") != impacts
    )
    seconds = (pl.col("end_time") - pl.col("start_time")).dt.total_microseconds() * _MICROSECOND
    return runs.with_columns(
        pl.Series("run_id", _run_ids(runs, family), dtype=pl.String),
        pl.coalesce("summary_seconds", seconds).alias("duration_seconds"),
        pl.when(shots > 0).then(impacts / shots).alias("correlation_success_rate"),
        pl.when(pl.col("summary_shots").is_not_null() | pl.col("summary_impacts").is_not_null())
        .then(counted.fill_null(value=False))
        .alias("summary_mismatch"),
        pl.col("event_id").alias("first_event_id"),
    )


def _summaries(rows: pl.DataFrame) -> pl.DataFrame:
    summaries = rows.filter(pl.col("run") & (pl.col("role") == SUMMARY)).unique(
        "stretch", keep="first", maintain_order=True
    )
    # Summaries of a day are often alike.
    found = [_figures(details) for details in summaries["details"].fill_null("").to_list()]
    counts = {"summary_shots": pl.Int64, "summary_impacts": pl.Int64}
    schema = {"summary_seconds": pl.Float64, **counts}
    figures = pl.DataFrame(found, schema=schema, orient="row")
    return figures.with_columns(summaries["stretch"])


@lru_cache(maxsize=8_192)
def _figures(details: str) -> tuple[float | None, int | None, int | None]:
    found = SUMMARY_TEXT.search(details)
    if found is None:
        return None, None, None
    return float(found["seconds"]), _whole(found["shots"]), _whole(found["impacts"])


def _whole(text: str | None) -> int | None:
    return int(text) if text else None


def _files(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the files of each stretch as a JSON list, in order of name."""
    pairs = (
        rows.filter("belongs")
        .select("stretch", "source_file")
        .unique()
        .sort("stretch", "source_file")
    )
    names = pairs["source_file"].unique()
    quoted = pl.Series([json.dumps(name, ensure_ascii=False) for name in names], dtype=pl.String)
    listed = pairs.with_columns(pl.col("source_file").replace_strict(names, quoted))
    return listed.group_by("stretch", maintain_order=True).agg(
        pl.format("[{}]", pl.col("source_file").str.join(",")).alias("source_files")
    )


def _run_ids(runs: pl.DataFrame, family: Family) -> list[str]:
    """Name each run after its start: the second, and a hash of what the event said and where.

    Nothing of files is in it, so the name stays whatever they are called. Where two names are
    equal, which takes the same second, both are made longer; where they still are, as two timers
    without names began at the same moment, the loggers are taken in.
    """
    stamps = runs["start_time"].dt.strftime("run_%Y%m%dT%H%M%S_").to_list()
    told = list(_told(runs, family))
    hashes = [_hash(*one) for one in told]
    names = [stamp + one[:_SHORT] for stamp, one in zip(stamps, hashes, strict=True)]
    if len(set(names)) == len(names):
        return names
    twice = pl.Series(names).is_duplicated()
    alike = pl.Series(hashes).is_duplicated()
    for row in alike.arg_true():
        hashes[row] = _hash(*told[row], runs["logger"][row])
    return [
        stamp + one[: _LONG if double else _SHORT]
        for stamp, one, double in zip(stamps, hashes, twice, strict=True)
    ]


def _told(runs: pl.DataFrame, family: Family) -> Iterator[tuple[str, ...]]:
    """Yield what each run is named by."""
    micros = runs["start_time"].dt.epoch("us").cast(pl.String).to_list()
    said = (runs[name].fill_null("").to_list() for name in _NAMED_BY)
    for words in zip(micros, *said, strict=True):
        yield family, *words


def _hash(*words: str) -> str:
    return hashlib.blake2b("\x1f".join(words).encode(), digest_size=_LONG // 2).hexdigest()
