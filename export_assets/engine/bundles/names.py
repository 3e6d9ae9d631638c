"""What the rows that hang on a row are called inside it.

Children are called as their table, `charts`; where a table refers twice, by the columns it does
so with, `flights_by_from_id`. A parent is called as the column that refers to it, without `_id`;
where that says nothing, as its table. A name that a column or another one has already gets `_rows`
or `_row` at its end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from export_assets.engine.bundles.route import Route, Step
from export_assets.tables.schema import TableSchema

_ID = ("_id", "Id", "ID")

METADATA = "metadata"
CONTINUED = "continued"


@dataclass(frozen=True, kw_only=True)
class Nested:
    """One step, and what its rows are called inside the row it starts from."""

    step: Step
    name: str


def nested_names(route: Route, table: str, schema: TableSchema) -> list[Nested]:
    """Return what can stand inside rows of *table*, whose columns are those of *schema*."""
    steps = [step for step in route.walked() if step.origin == table]
    taken = set(schema.names)
    named = []
    for step in steps:
        name = _child_name(step, steps) if step.mode == "down" else _parent_name(step)
        name = free_name(name, taken, "_rows" if step.mode == "down" else "_row")
        taken.add(name)
        named.append(Nested(step=step, name=name))
    return named


def root_name(table: str) -> str:
    """Return what the list of roots is called at the top of the tree."""
    return free_name(table, {METADATA, CONTINUED}, "_rows")


def free_name(name: str, taken: Iterable[str], suffix: str) -> str:
    """Return *name*, with as many *suffix* at its end as it takes to be none of *taken*."""
    others = set(taken)
    while name in others:
        name += suffix
    return name


def _child_name(step: Step, steps: Sequence[Step]) -> str:
    links = {one.link for one in steps if one.mode == "down" and one.table == step.table}
    return step.table if len(links) == 1 else f"{step.table}_by_{'_'.join(step.columns)}"


def _parent_name(step: Step) -> str:
    if len(step.own) == 1:
        for ending in _ID:
            stem = step.own[0].removesuffix(ending)
            if stem and stem != step.own[0]:
                return stem
    return step.table
