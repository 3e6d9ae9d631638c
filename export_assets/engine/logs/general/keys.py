"""The keys that events have: of which kinds their values are, and which of them become columns."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from export_assets.engine.ingest.segments import TIME
from export_assets.engine.logs.view import SegmentView
from export_assets.tables.partitions import Window

_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Keys that become columns, and how many others there are."""

    kinds: Mapping[str, frozenset[str]]
    """By key, in order of name, the kinds of its values."""
    others: int = 0


def keys_of(
    view: SegmentView,
    *,
    most: int,
    reserved: frozenset[str],
    published: Callable[[], Sequence[str]],
) -> Keys:
    """Return the keys of all events, *most* of them at most.

    Where there are more, those that are columns already stay so, whatever comes; places that are
    free go to the keys of the earliest events, by name where one event has several.

    Args:
        view: What was read.
        most: Columns there may be.
        reserved: Keys that never become columns.
        published: Returns the columns of the table as it is published, the first to stay.
    """
    kinds: dict[str, frozenset[str]] = {}
    for shape in _shapes(view):
        _add(kinds, shape, reserved)
    others = max(0, len(kinds) - most)
    chosen: Iterable[str] = kinds
    if others:
        stay = [name for name in published() if name in kinds]
        chosen = list(dict.fromkeys((*stay, *_in_order(view, kinds, most=most))))[:most]
    return Keys(kinds={name: kinds[name] for name in sorted(chosen)}, others=others)


def _shapes(view: SegmentView) -> list[str]:
    rows = view.scan(Window(), ["shape"])
    return [] if rows is None else rows.unique().collect(engine="streaming")["shape"].to_list()


def _add(kinds: dict[str, frozenset[str]], shape: str, reserved: frozenset[str]) -> None:
    for name, said in json.loads(shape).items():
        kind = "text" if said == "csv" else said
        before = kinds.get(name, _NOTHING)
        if kind not in before and name not in reserved:
            kinds[name] = _SETS.setdefault(frozenset((*before, kind)), frozenset((*before, kind)))


_SETS: Final[dict[frozenset[str], frozenset[str]]] = {}
"""Each set once: there are few, and many keys have one."""


def _in_order(view: SegmentView, kinds: Mapping[str, object], *, most: int) -> Sequence[str]:
    """Return as many of the keys as may be chosen, those of the earliest events first."""
    rows = view.scan(Window(), ["shape", TIME])
    assert rows is not None  # noqa: S101 - they have keys
    firsts = rows.group_by("shape").agg(pl.col(TIME).min()).sort(TIME, "shape")
    found: dict[str, None] = {}
    for _, same in firsts.collect(engine="streaming").group_by(TIME, maintain_order=True):
        new = {name for shape in same["shape"] for name in json.loads(shape)} & kinds.keys()
        found |= dict.fromkeys(sorted(new - found.keys()))
        if len(found) >= most:
            break
    return list(found)
