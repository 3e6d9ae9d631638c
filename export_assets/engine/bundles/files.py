"""The files of a bundle: one per table and format, each read back and compared."""

from dataclasses import dataclass
from pathlib import Path

from export_assets.engine.bundles.rows import BundleRows
from export_assets.engine.manifests import column_record
from export_assets.errors import IntegrityError
from export_assets.formats.base import Format, FormatOptions
from export_assets.store.contents import BundledTable
from export_assets.store.layout import hashed_name, safe_names
from export_assets.store.manifest import TREE
from export_assets.tables.digest import DigestBuilder
from export_assets.tables.schema import Fidelity
from export_assets.translate import translating


@dataclass(frozen=True, kw_only=True)
class TableFile:
    """One file to write: a table in a format, under its options."""

    rows: BundleRows
    format: Format
    options: FormatOptions

    def write(self, path: Path) -> dict[str, Fidelity]:
        """Write every row to *path* and prove what it reads back as.

        Returns:
            What the format could not carry exactly, by column.

        Raises:
            IntegrityError: The file holds other rows than the snapshot.
        """
        schema, name = self.rows.schema, self.rows.table.name
        metadata = {"source_table": name}
        as_it_is = self.format.carried(schema, self.options) is schema
        held = DigestBuilder(schema)
        with translating(f"{name}/{self.format.name}"):
            writer = self.format.open(path, schema, self.options, metadata)
            try:
                for batch in self.rows.batches():
                    writer.write(batch)
                    if not as_it_is:
                        held.update(self.format.carried_rows(batch, schema, self.options))
                writer.close()
            except BaseException:
                writer.abort()
                raise
            found = DigestBuilder(schema)
            for batch in self.format.read(path, schema, self.options, strict=False):
                found.update(batch)
        whole = self.rows.digest.digest(finite=not self.format.carries_nonfinite)
        expected = whole if as_it_is else held.digest()
        if found.digest() != expected:
            different = ", ".join(expected.differing(found.digest())) or "their rows"
            msg = f"{name}/{self.format.name}: the file differs from the snapshot in {different}"
            raise IntegrityError(msg)
        return dict(writer.fidelity())


def file_stems(tables: list[str]) -> dict[str, str]:
    """Return what the files of each table are called, up to the ending."""
    stems = safe_names(tables)
    tree = Path(TREE).stem
    return {
        name: hashed_name(name) if stem.casefold() == tree else stem for name, stem in stems.items()
    }


def describe_bundled(
    rows: BundleRows,
    *,
    fidelity: dict[str, Fidelity],
    nested: dict[str, str],
    files: dict[str, str],
) -> BundledTable:
    """Return the record of one table of a bundle."""
    digest = rows.digest.digest()
    columns = tuple(
        column_record(
            column,
            rows.statistics.of(column.name),
            digest.columns[column.name],
            fidelity.get(column.name),
        )
        for column in rows.schema.columns
    )
    return BundledTable(
        name=rows.table.name,
        rows=digest.rows,
        row_digest=digest.row_digest,
        columns=columns,
        primary_key=rows.table.order,
        nested=nested,
        files=files,
    )
