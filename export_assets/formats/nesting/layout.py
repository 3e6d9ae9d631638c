"""What a nested document looks like: levels of records, each inside a record of the level above.

    {"export_info": {…},
     "projects": [{"id": 1, …, "datasets": [{"id": "…", …, "images": [ … ]}]}],
     "summary": {…}}

The records of a level come as lines of JSON, in the order they are written in. Their first members
say where they belong, and are not written: `_position`, the number of the record, where records
are inside it; `_parent`, the number of the record it is inside of, below the uppermost level.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from export_assets.errors import UsageError

POSITION = "_position"
PARENT = "_parent"


@dataclass(frozen=True, kw_only=True)
class Level:
    """Records that stand in one list of the record they belong to."""

    name: str
    """What the list is called there."""
    table: str
    """The table the records are rows of."""
    groups: tuple[str, ...] = ()
    """Members made of several columns: of `g.a` and `g.b` the member `g` is the object of a, b."""
    children: tuple["Level", ...] = ()
    """The lists after its own members, in this order."""

    def walk(self) -> Iterator["Level"]:
        """Yield this level and all below it, each before what is inside of it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, kw_only=True)
class Frame:
    """How the records of a document are laid out."""

    pretty: bool
    """Indented by two, a member a line, like Python's `json.dumps`; else a record a line."""

    def indent(self, depth: int) -> bytes:
        """Return what a line *depth* brackets deep starts with."""
        return b"  " * depth if self.pretty else b""

    @property
    def colon(self) -> bytes:
        """What parts a name from its value."""
        return b": " if self.pretty else b":"


def check_level(level: Level, columns: tuple[str, ...], *, root: bool) -> None:
    """Refuse a table whose rows cannot be records of *level*.

    Raises:
        UsageError: Its first columns are not those that place it, or a column is called as a list.
    """
    places = ((POSITION,) if level.children else ()) + (() if root else (PARENT,))
    own = columns[len(places) :]
    if columns[: len(places)] != places or not own or {POSITION, PARENT} & set(own):
        msg = f"{level.table}: a document needs {', '.join(places)} first, and then its members"
        raise UsageError(msg)
    for child in level.children:
        if child.name in own:
            msg = f"{level.table}.{child.name}: is what the list inside its records is called"
            raise UsageError(msg)
