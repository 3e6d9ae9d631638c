"""Sample data: an invented database of the application, of any of its generations.

In WAL mode a part of the rows lies in the `-wal` file alone, as it does while the application runs:
nothing is seen of them without it.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from export_assets.systems.labeling.sample_rows import Entities
from export_assets.systems.labeling.sample_values import Invention
from export_assets.systems.labeling.sample_work import Surroundings
from export_assets.systems.labeling.schema import CURRENT, Generation, catalog, create
from export_assets.systems.sqlite_sample import JournalMode, Row, SampleKind, fill_tables

DEFAULT_SEED: Final = 20_250_131
_MARK: Final = 0x1AB0_0000


def sample_kind(generation: Generation) -> SampleKind:
    """Return what tells a sample of *generation* from anybody's data."""
    what = f"sample of a database of {generation} tables"
    return SampleKind(what=what, mark=_MARK + generation, tables=tuple(catalog(generation)))


def make_sample(
    path: Path,
    *,
    generation: Generation = CURRENT,
    journal_mode: JournalMode = "wal",
    projects: int = 5,
    images: int = 20,
    seed: int = DEFAULT_SEED,
) -> dict[str, int]:
    """Make a database of *generation* at *path*, whole or not at all; return rows by table.

    The same arguments give the same rows. A sample of the same generation that is there already
    stays as it is, whatever the other arguments.

    Args:
        path: The file; in WAL mode there is a `-wal` beside it.
        generation: How many tables it has.
        journal_mode: How the application commits.
        projects: How many there are, one at least.
        images: How many a dataset has, about, unless it is one of those that are empty.
        seed: What chance begins with.

    Raises:
        DestConflict: There is a file at *path* that is no sample of *generation*.
    """

    def fill(connection: sqlite3.Connection) -> dict[str, int]:
        invented = (
            (name, [column.name for column in catalog(generation)[name].columns], rows)
            for name, rows in _invented(generation, max(projects, 1), images, seed)
            if name in catalog(generation)
        )
        return fill_tables(connection, create(generation), invented, journal_mode=journal_mode)

    return sample_kind(generation).make(path, fill)


def _invented(
    generation: Generation, projects: int, images: int, seed: int
) -> Iterator[tuple[str, Sequence[Row]]]:
    entities = Entities(invent=Invention(seed))
    for number in range(projects):
        entities.add_project(number, images=images)
    entities.mix_order()
    entities.add_orphans()
    surroundings = Surroundings(invent=entities.invent, entities=entities)
    yield from surroundings.tables(generation)
    yield "projects", entities.projects
    yield "datasets", entities.datasets
    yield "images", entities.images
    yield "annotations", entities.annotations
    yield "labels", entities.labels
