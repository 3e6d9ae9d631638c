"""From the root rows along the references: the keys by which every row of a bundle is found.

What is kept are keys, never rows: for each table and for each group of its columns, the values
that rows of the bundle refer to. Each value is followed once, so cycles end by themselves.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from export_assets.engine.bundles.keys import coerced, distinct, key_frame, unlike, without
from export_assets.engine.bundles.reader import Reader
from export_assets.engine.bundles.route import Mode, Route, Step
from export_assets.engine.bundles.tables import BundleTable
from export_assets.tables.mismatch import ValueMismatch


@dataclass(frozen=True, kw_only=True)
class Place:
    """Rows of a table by some of its columns, and how they were come by."""

    table: str
    mode: Mode
    columns: tuple[str, ...]


class Walk:
    """Follows one route from the root rows to the end."""

    def __init__(
        self,
        route: Route,
        tables: Mapping[str, BundleTable],
        reader: Reader,
        *,
        settled: Collection[str],
    ) -> None:
        """Prepare to walk; the types of the tables *settled* hold for all their values."""
        self._route = route
        self._tables = tables
        self._reader = reader
        self._settled = settled
        self._known: dict[Place, pl.DataFrame] = {}

    def run(self, columns: tuple[str, ...], keys: pl.DataFrame) -> None:
        """Follow the references of the root rows whose *columns* hold one of *keys*.

        Raises:
            ValueMismatch: A value does not fit its column's type; the walk is to be started over.
        """
        root = Place(table=self._route.root, mode=self._route.start, columns=columns)
        edge = {root: self._add(root, keys)}
        level = 0
        while edge and self._route.reaches(level):
            coming: dict[Place, pl.DataFrame] = {}
            for place, values in edge.items():
                for found, new in self._follow(place, values):
                    coming[found] = pl.concat([coming[found], new]) if found in coming else new
            edge, level = coming, level + 1

    def wanted(self, table: str) -> dict[tuple[str, ...], pl.DataFrame]:
        """Return the keys of the rows of *table* that belong to the bundle."""
        found: dict[tuple[str, ...], pl.DataFrame] = {}
        for place, keys in self._known.items():
            if place.table == table:
                before = found.get(place.columns)
                found[place.columns] = (
                    keys if before is None else distinct(pl.concat([before, keys]))
                )
        return found

    def _follow(self, place: Place, values: pl.DataFrame) -> list[tuple[Place, pl.DataFrame]]:
        """Read the rows that have *values*; return the keys they lead to that are new."""
        steps = self._route.steps(place.table, place.mode)
        if not steps or not values.height:
            return []
        leads: dict[Step, list[pl.DataFrame]] = {step: [] for step in steps}
        for keys in self._reader.keys(self._tables[place.table], {place.columns: values}):
            for step in steps:
                leads[step].append(distinct(key_frame(keys, step.own)))
        found = []
        for step, frames in leads.items():
            if frames:
                target = Place(table=step.table, mode=step.mode, columns=step.columns)
                new = self._add(target, pl.concat(frames))
                if new.height:
                    found.append((target, new))
        return found

    def _add(self, place: Place, keys: pl.DataFrame) -> pl.DataFrame:
        """Note *keys* of *place*; return those that were not known.

        Raises:
            ValueMismatch: A key is of another type than the column, which may hold such values
                nevertheless: nobody has looked at all of them yet.
        """
        dtypes = self._tables[place.table].key_dtypes(place.columns)
        found = coerced(keys, dtypes)
        if place.table not in self._settled and (odd := unlike(keys, found)) is not None:
            raise ValueMismatch(place.table, place.columns[odd], "may hold values of another type")
        keys = distinct(found)
        known = self._known.get(place)
        if known is None:
            self._known[place] = keys
            return keys
        new = without(keys, known)
        self._known[place] = pl.concat([known, new])
        return new
