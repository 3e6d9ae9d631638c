"""Several tables of a set in one file: a database, or a workbook."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from export_assets.engine.joining import proven_part, references_of
from export_assets.engine.sets.spec import Moment, SetFile, SetJoined
from export_assets.engine.sets.tables import SetTables
from export_assets.formats.base import FormatOptions
from export_assets.formats.joiners import joiner_of
from export_assets.formats.joining import Origin
from export_assets.formats.registry import format_named
from export_assets.store.contents import BundledTable
from export_assets.store.hashing import hash_file
from export_assets.store.layout import safe_names
from export_assets.store.manifest import FileRecord, Manifest


def write_joined(
    joined: SetJoined, tables: SetTables, moment: Moment, directory: Path
) -> tuple[FileRecord, list[BundledTable]]:
    """Write the file into *directory*, and return what it holds.

    Raises:
        IntegrityError: It holds something else than its tables.
        SetFailed: A table of it could not be written.
    """
    fmt, options = format_named(joined.format), FormatOptions()
    name = f"{joined.stem}{fmt.suffix(options)}"
    joiner = joiner_of(fmt.name)
    joiner.check(joined.tables, described=True)
    spool = tables.spool / f"{joined.stem}-{fmt.name}"
    spool.mkdir()
    parts, records = {}, []
    for table, stem in safe_names(joined.tables).items():
        file = SetFile(stem=stem, table=table, format=fmt.name)
        manifest = tables.write(table, [file], spool)[fmt.name]
        keys = references_of(tables.plan(table).schema, tables.source.config.relations)
        part = spool / f"{stem}{fmt.suffix(options)}"
        parts[table] = proven_part(part, manifest, keys, fmt, options)
        record = bundled(table, {fmt.name: manifest})
        records.append(_in_file(record, fmt.name, name))
    origin = Origin(source=moment.source, taken_at=moment.taken_at, exported_at=moment.taken_at)
    path = directory / name
    joiner.join(path, parts, options, origin=origin)
    joiner.prove(path, parts, options, origin=origin)
    for part in spool.iterdir():
        part.unlink()
    size, sha256 = hash_file(path)
    rows = sum(part.digest.rows for part in parts.values())
    return FileRecord(path=name, bytes=size, rows=rows, sha256=sha256), records


def _in_file(record: BundledTable, fmt: str, name: str) -> BundledTable:
    return msgspec.structs.replace(record, files={fmt: name})


def bundled(table: str, proven: Mapping[str, Manifest]) -> BundledTable:
    """Return the record of one table from what was proven of its files."""
    first = next(iter(proven.values()))
    return BundledTable(
        name=table,
        rows=first.rows,
        row_digest=first.row_digest,
        columns=first.columns,
        primary_key=first.primary_key,
        files={fmt: manifest.files[0].path for fmt, manifest in proven.items()},
    )
