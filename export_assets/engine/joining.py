"""The proven file of one table as a part of one file of several."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from export_assets.config.rules import Relation
from export_assets.engine.published import published_schema
from export_assets.formats.base import Format, FormatOptions
from export_assets.formats.joining import Part, part_of
from export_assets.store.manifest import Manifest
from export_assets.tables.digest import Digest
from export_assets.tables.schema import ForeignKey, TableSchema


def references_of(schema: TableSchema, relations: Sequence[Relation]) -> tuple[ForeignKey, ...]:
    """Return the references that a source declares of a table, and those configured."""
    configured = tuple(
        ForeignKey(
            columns=(one.child_column,),
            ref_table=one.parent_table,
            ref_columns=(one.parent_column,),
        )
        for one in relations
        if one.child_table == schema.name
    )
    return (*schema.foreign_keys, *configured)


def proven_part(
    path: Path,
    manifest: Manifest,
    keys: tuple[ForeignKey, ...],
    fmt: Format,
    options: FormatOptions,
) -> Part:
    """Return the file at *path*, which *manifest* was proven of, as a part.

    Raises:
        IntegrityError: It cannot be read.
    """
    schema = replace(published_schema(manifest), foreign_keys=keys)
    if any(column.fidelity == "lossy" for column in manifest.columns):
        # What is recorded is of the source, of which the file holds something else.
        return part_of(fmt, path, schema, options)
    digest = Digest(
        rows=manifest.rows,
        row_digest=manifest.row_digest,
        columns={column.name: column.digest for column in manifest.columns},
    )
    return Part(path=path, schema=schema, digest=digest)
