"""Where a bundle goes from a row: which references it follows, in which direction, how far.

A row met on the way down, from what it refers to, is followed to its children, and with `both` to
its parents too. A row met on the way up, from what refers to it, is followed further up only: its
other children are none of the bundle's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from export_assets.engine.bundle_request import BundleRequest
from export_assets.engine.bundles.relations import Link

Mode = Literal["down", "up"]
MODES: tuple[Mode, Mode] = ("down", "up")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One reference, followed from the rows of one table to those of another."""

    link: Link
    mode: Mode
    """`down` to the rows that refer, `up` to the rows referred to."""

    @property
    def origin(self) -> str:
        """The table it starts from."""
        return self.link.parent if self.mode == "down" else self.link.child

    @property
    def own(self) -> tuple[str, ...]:
        """The columns of `origin` whose values are looked for."""
        return self.link.parent_columns if self.mode == "down" else self.link.child_columns

    @property
    def table(self) -> str:
        """The table it leads to."""
        return self.link.child if self.mode == "down" else self.link.parent

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of `table` that hold those values."""
        return self.link.child_columns if self.mode == "down" else self.link.parent_columns


class Route:
    """The references that one request follows."""

    def __init__(self, links: Sequence[Link], request: BundleRequest) -> None:
        self.root = request.table
        self.start: Mode = "up" if request.follow == "parents" else "down"
        self.depth = request.depth if request.include_related else 0
        left_out = set(request.exclude)
        self._links = [link for link in links if not left_out & {link.child, link.parent}]
        self._upwards = request.follow != "children"

    def steps(self, table: str, mode: Mode) -> tuple[Step, ...]:
        """Return where rows of *table* that were met in *mode* lead to."""
        steps = [
            Step(link=link, mode="down")
            for link in self._links
            if mode == "down" and link.parent == table
        ]
        if self._upwards:
            steps += [Step(link=link, mode="up") for link in self._links if link.child == table]
        return tuple(steps)

    def reaches(self, level: int) -> bool:
        """Whether rows met after *level* references are followed further."""
        return self.depth is None or level < self.depth

    def places(self) -> list[tuple[str, Mode]]:
        """Return every table the route can come to and in which mode, nearest first."""
        found: dict[tuple[str, Mode], None] = {(self.root, self.start): None}
        edge, level = list(found), 0
        while edge and self.reaches(level):
            coming = {
                (step.table, step.mode): None
                for place in edge
                for step in self.steps(*place)
                if (step.table, step.mode) not in found
            }
            found |= coming
            edge, level = list(coming), level + 1
        return list(found)

    def tables(self) -> list[str]:
        """Return every table the route can come to, the root first."""
        return list(dict.fromkeys(table for table, _ in self.places()))

    def walked(self) -> list[Step]:
        """Return every step the route can take, each once."""
        found: dict[Step, None] = {}
        edge: list[tuple[str, Mode]] = [(self.root, self.start)]
        seen, level = set(edge), 0
        while edge and self.reaches(level):
            steps = [step for place in edge for step in self.steps(*place)]
            found |= dict.fromkeys(steps)
            edge = [
                place
                for place in dict.fromkeys((step.table, step.mode) for step in steps)
                if place not in seen
            ]
            seen |= set(edge)
            level += 1
        return list(found)
