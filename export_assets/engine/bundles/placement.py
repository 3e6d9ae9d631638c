"""Where each row of a bundle stands in its tree: once in full, elsewhere as a reference.

A row stands in full at the place nearest to a root, counted in references; of equally near ones
at the first, in the order of roots, of references and of keys. No row stands inside itself, so a
cycle ends in a reference.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from export_assets.engine.bundles.keys import coerced, key_frame
from export_assets.engine.bundles.route import Mode, Route, Step
from export_assets.engine.bundles.rows import BundleRows

DEEPEST = 60
"""Rows inside one another, at most: readers of JSON give up at some depth. What would stand deeper
stands in the list `continued` of the tree."""

Row = tuple[str, int]
"""A row: its table and its number there."""

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Edges:
    """Which rows one step leads to, from each row it starts at."""

    starts: _Numbers
    """Where the targets of each row begin in `targets`; one more than there are rows."""
    targets: _Numbers
    several: bool
    """Whether any row leads to more than one."""

    def of(self, row: int) -> list[int]:
        """Return the rows that *row* leads to, in order."""
        found: list[int] = self.targets[self.starts[row] : self.starts[row + 1]].tolist()
        return found


def find_edges(step: Step, rows: Mapping[str, BundleRows]) -> Edges:
    """Return where *step* leads among the rows of a bundle."""
    origin, target = rows[step.origin], rows[step.table]
    dtypes = target.table.key_dtypes(step.columns)
    left = coerced(key_frame(origin.keys, step.own), dtypes).with_row_index("origin")
    right = key_frame(target.keys, step.columns).with_row_index("target")
    names = [name for name in right.columns if name != "target"]
    pairs = left.join(right, on=names, how="inner").select("origin", "target")
    pairs = pairs.sort("origin", "target")
    counts = np.bincount(pairs.get_column("origin").to_numpy(), minlength=origin.count)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Edges(
        starts=starts,
        targets=pairs.get_column("target").cast(pl.Int64).to_numpy(),
        several=bool((counts > 1).any()),
    )


@dataclass(kw_only=True)
class Placement:
    """Where every row stands, and what hangs on it there."""

    edges: dict[Step, Edges] = field(default_factory=dict)
    owner: dict[Row, tuple[Row, Step]] = field(default_factory=dict)
    """The row inside which a row stands in full; roots and `continued` rows have none."""
    continued: list[Row] = field(default_factory=list)
    followed: dict[Row, set[Mode]] = field(default_factory=dict)
    """How each row was met, where its references are followed."""

    def nested(self, row: Row, steps: Mapping[Mode, tuple[Step, ...]]) -> Iterator[Step]:
        """Yield the steps whose rows stand inside *row*, each once."""
        seen: set[Step] = set()
        for mode in sorted(self.followed.get(row, ())):
            for step in steps[mode]:
                if step not in seen:
                    seen.add(step)
                    yield step


def place_rows(route: Route, rows: Mapping[str, BundleRows], roots: list[int]) -> Placement:
    """Decide where each row stands, from the *roots* outwards."""
    placed = Placement(edges={step: find_edges(step, rows) for step in route.walked()})
    depths: dict[Row, int] = {(route.root, number): 0 for number in roots}
    waiting = deque((row, route.start, 0) for row in depths)
    met = {(row, route.start) for row in depths}
    while waiting:
        row, mode, level = waiting.popleft()
        if not route.reaches(level):
            continue
        placed.followed.setdefault(row, set()).add(mode)
        for step in route.steps(row[0], mode):
            for number in placed.edges[step].of(row[1]):
                target = (step.table, number)
                if target not in depths:
                    depths[target] = _put(placed, target, (row, step), depths[row] + 1)
                if (target, step.mode) not in met:
                    met.add((target, step.mode))
                    waiting.append((target, step.mode, level + 1))
    return placed


def _put(placed: Placement, target: Row, owner: tuple[Row, Step], depth: int) -> int:
    """Place *target* inside its owner, or at the end where that is too deep; return its depth."""
    if depth < DEEPEST:
        placed.owner[target] = owner
        return depth
    placed.continued.append(target)
    return 0


def dangling(placed: Placement, rows: Mapping[str, BundleRows]) -> dict[Step, int]:
    """Count, by step upwards, the rows that refer to a row that is not there."""
    found: dict[Step, int] = {}
    for step, edges in placed.edges.items():
        if step.mode == "up":
            refers = key_frame(rows[step.origin].keys, step.own)
            whole = ~refers.select(pl.any_horizontal(pl.all().is_null())).to_series().to_numpy()
            nowhere = np.diff(edges.starts) == 0
            followed = np.zeros(len(nowhere), dtype=bool)
            for (table, number), modes in placed.followed.items():
                if table == step.origin and modes:
                    followed[number] = True
            count = int((whole & nowhere & followed).sum())
            if count:
                found[step] = count
    return found
