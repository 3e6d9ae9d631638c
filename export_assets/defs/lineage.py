"""From which columns a column is made: of the table an export shows, of what a table is made of.

Only what is known is said. A column without an entry is made of what has no columns (a log file,
the clock), or nobody has said of what.
"""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from export_assets.defs.names import source_table_key
from export_assets.defs.shapes import TableShape
from export_assets.engine.sets.spec import ExportSet
from export_assets.engine.workspace import ConfiguredSource
from export_assets.formats.nesting.layout import Level

KEY = "dagster/column_lineage"
Origin = tuple[str, str]
"""Table and column."""


def lineage_of_export(source: str, shape: TableShape) -> dict[str, dg.TableColumnLineage]:
    """Return the metadata of an export: each column is that of its table."""
    return _metadata(source, {column.name: [(shape.name, column.name)] for column in shape.shown})


def lineage_of_table(
    source: ConfiguredSource, shape: TableShape
) -> dict[str, dg.TableColumnLineage]:
    """Return the metadata of a table that the system of *source* makes of others."""
    made_of = source.system.lineage().get(shape.name, {}) if source.system is not None else {}
    known = {column.name for column in shape.shown}
    return _metadata(
        source.name,
        {name: origins for name, origins in made_of.items() if not known or name in known},
    )


def lineage_of_set(
    source: str, one: ExportSet, columns_of: Mapping[str, Sequence[str]]
) -> dict[str, dg.TableColumnLineage]:
    """Return the metadata of a set: columns of its files, as `file.column`, or `file.list.member`.

    Args:
        source: The source's name.
        one: The set.
        columns_of: The columns of the source's tables, as far as they are known.
    """
    parts = [(file.stem, file.table) for file in one.files]
    for document in one.documents:
        parts += _lists(document.root, document.name)
    found: dict[str, list[Origin]] = {}
    for stem, table in parts:
        view = one.views.get(table)
        if view is not None:
            found |= {f"{stem}.{name}": [origin] for name, origin in view.origins.items()}
        else:
            found |= {f"{stem}.{name}": [(table, name)] for name in columns_of.get(table, ())}
    return _metadata(source, found)


def _lists(level: Level, above: str) -> Iterator[tuple[str, str]]:
    """Yield what the members of each list of a document are called by, and its table."""
    name = f"{above}.{level.name}"
    yield name, level.table
    for child in level.children:
        yield from _lists(child, name)


def _metadata(
    source: str, origins: Mapping[str, Sequence[Origin]]
) -> dict[str, dg.TableColumnLineage]:
    deps = {
        name: [
            dg.TableColumnDep(asset_key=source_table_key(source, table), column_name=column)
            for table, column in of
        ]
        for name, of in origins.items()
    }
    return {KEY: dg.TableColumnLineage(deps)} if deps else {}
