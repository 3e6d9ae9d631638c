"""Logs that hold lines of several dialects: each line is read by the one that knows it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from export_assets.sources.logs.blocks import LineBlock
from export_assets.sources.logs.judge import Rejected
from export_assets.sources.logs.moments import LocalTime
from export_assets.sources.logs.reading import Batch
from export_assets.systems.leadville.dialects.base import Dialect, Normalised
from export_assets.systems.leadville.dialects.registry import DIALECTS

Rows = npt.NDArray[np.int64]


def normalise_each(batch: Batch, clock: LocalTime, *, dialect: Dialect) -> Normalised:
    """Turn the records of *batch* into events, in order.

    They are read by *dialect*, which is that of the log. Of those that are no events in it, or of
    which it does not know what they mean, it is looked whether another dialect knows them.
    """
    own = dialect.normalise(batch, clock)
    if not dialect.of_objects:
        return own
    refused = [one.index for one in own.rejected]
    there = np.delete(np.arange(len(batch)), refused)
    doubted = there[dialect.doubts(own.events).to_numpy()]
    others: dict[str, list[int]] = {}
    for row in [*refused, *doubted.tolist()]:
        other = _other_dialect(dialect, batch.lines[row], batch.records[row])
        if other is not None:
            others.setdefault(other.name, []).append(row)
    if not others:
        return own
    return _merged(own, there, batch, clock, others)


def _other_dialect(dialect: Dialect, line: bytes, record: dict[str, Any]) -> Dialect | None:
    if dialect.recognises(line, record):
        return None
    knowing = (one for one in DIALECTS.values() if one.of_objects and one.recognises(line, record))
    return next(knowing, None)


def _merged(
    own: Normalised, there: Rows, batch: Batch, clock: LocalTime, others: dict[str, list[int]]
) -> Normalised:
    """Put events that other dialects make of some rows in the places of *own*."""
    taken = np.zeros(len(batch), dtype=np.bool_)
    for found in others.values():
        taken[found] = True
    stays = ~taken[there]
    frames, places = [own.events.filter(pl.Series(stays))], [there[stays]]
    rejected = [one for one in own.rejected if not taken[one.index]]
    for name, found in others.items():
        rows = np.sort(np.array(found, dtype=np.int64))
        made = DIALECTS[name].normalise(_part(batch, rows), clock)
        frames.append(made.events)
        places.append(np.delete(rows, [one.index for one in made.rejected]))
        rejected += _moved(made.rejected, rows)
    order = np.argsort(np.concatenate(places), kind="stable")
    events = pl.concat(frames)[order]
    return Normalised(events=events, rejected=sorted(rejected, key=lambda one: one.index))


def _moved(rejected: Sequence[Rejected], rows: Rows) -> list[Rejected]:
    return [replace(one, index=int(rows[one.index])) for one in rejected]


def _part(batch: Batch, rows: Rows) -> Batch:
    lines = batch.lines
    return Batch(
        file=batch.file,
        lines=lines.take(rows) if isinstance(lines, LineBlock) else [lines[row] for row in rows],
        records=[batch.records[row] for row in rows.tolist()],
        offsets=batch.offsets[rows],
        lengths=batch.lengths[rows],
        numbers=batch.numbers[rows],
    )
