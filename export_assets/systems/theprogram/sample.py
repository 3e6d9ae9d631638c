"""Sample data: an invented database of the application, left as a running application leaves it.

The file is in WAL mode, and a part of the rows lies in the `-wal` file alone, as it does while the
application runs: nothing is seen of them without it.
"""

import sqlite3
from pathlib import Path
from typing import Final

from export_assets.systems.sqlite_sample import SampleKind, fill_tables
from export_assets.systems.theprogram.sample_rows import Inventor
from export_assets.systems.theprogram.schema import CREATE, Generation, catalog, create_triggers

DEFAULT_SEED: Final = 20_260_301
_MARKS: Final[dict[Generation, int]] = {1: 0x7E50_0001, 2: 0x7E50_0002}


def make_sample(
    path: Path, *, generation: Generation = 1, seed: int = DEFAULT_SEED
) -> dict[str, int]:
    """Make a database of *generation* at *path*, whole or not at all; return rows by table.

    The same arguments give the same rows. A sample of the same generation that is there already
    stays as it is.

    Raises:
        DestConflict: There is a file at *path* that is no sample of *generation*.
    """
    tables = catalog(generation)
    kind = SampleKind(
        what=f"sample of generation {generation}",
        mark=_MARKS[generation],
        tables=[name for name, one in tables.items() if one.kind == "table"],
    )

    def fill(connection: sqlite3.Connection) -> dict[str, int]:
        invented = (
            (name, [column.name for column in tables[name].columns], rows)
            for name, rows in Inventor(seed).tables()
            if name in tables
        )
        return fill_tables(connection, CREATE[generation] + create_triggers(generation), invented)

    return kind.make(path, fill)
