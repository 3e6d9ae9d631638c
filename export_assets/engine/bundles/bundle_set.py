"""The files of one bundle as a set: the tree and a file per table and format, all proven."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from export_assets.engine.bundle_request import BundleRequest
from export_assets.engine.bundles.files import TableFile, describe_bundled, file_stems
from export_assets.engine.bundles.gather import Gathered
from export_assets.engine.bundles.lines import Lines, json_lines
from export_assets.engine.bundles.placement import dangling, place_rows
from export_assets.engine.bundles.proof import read_tree
from export_assets.engine.bundles.tree import Tree
from export_assets.engine.choices import Choices
from export_assets.engine.manifests import worst
from export_assets.errors import IntegrityError
from export_assets.formats.json_values import decode_json
from export_assets.formats.records import RecordEncoder
from export_assets.formats.registry import resolve_formats
from export_assets.store.contents import BundleRecord
from export_assets.store.hashing import hash_file
from export_assets.store.manifest import TREE, FileRecord
from export_assets.tables.schema import Fidelity

Placing = Callable[[str, str], Path]
"""Gives, for the name of a file of the set and its ending, where to write it."""


@dataclass(frozen=True, kw_only=True)
class WrittenSet:
    """A bundle as it was written, not yet visible."""

    record: BundleRecord
    files: tuple[FileRecord, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SetWriter:
    """Writes one bundle."""

    gathered: Gathered
    request: BundleRequest
    choices: Choices
    ids: tuple[str, ...]
    """The ids as they may be shown, and those of them that no row has."""
    missing: tuple[str, ...]
    spool: Path
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the tree says of itself besides what follows from the rows."""

    def write(self, placing: Placing) -> WrittenSet:
        """Write the tree and the tables.

        Raises:
            IntegrityError: A file holds other rows than the snapshot.
            DestinationError: The disk refused.
        """
        files: list[FileRecord] = []
        stems = file_stems(list(self.gathered.rows))
        names: dict[str, dict[str, str]] = {name: {} for name in stems}
        fidelity: dict[str, dict[str, Fidelity]] = {name: {} for name in stems}
        dialects: dict[str, dict[str, str]] = {}
        for name, rows in self.gathered.rows.items():
            for fmt in resolve_formats(self.request.formats):
                options = self.choices.bundled_options(name, fmt)
                one = TableFile(rows=rows, format=fmt, options=options)
                suffix = fmt.suffix(options)
                path = placing(stems[name], suffix)
                for column, found in one.write(path).items():
                    known = fidelity[name].get(column, Fidelity())
                    fidelity[name][column] = worst(known, found)
                names[name][fmt.name] = f"{stems[name]}{suffix}"
                files.append(_file_record(path, names[name][fmt.name], rows.count))
                dialects[fmt.name] = dict(fmt.dialect(options).values)
        path = placing(Path(TREE).stem, Path(TREE).suffix)
        record, warnings = self._tree(path, names, fidelity, dialects)
        files.insert(0, _file_record(path, TREE, record.rows))
        return WrittenSet(record=record, files=tuple(files), warnings=warnings)

    def _tree(
        self,
        path: Path,
        files: Mapping[str, dict[str, str]],
        fidelity: Mapping[str, dict[str, Fidelity]],
        dialects: dict[str, dict[str, str]],
    ) -> tuple[BundleRecord, tuple[str, ...]]:
        """Write the tree and read it back; return what the set is, and what was odd."""
        gathered, rows = self.gathered, self.gathered.rows
        with ExitStack() as stack:
            lines: dict[str, Lines] = {}
            for number, (name, one) in enumerate(rows.items()):
                lines[name] = stack.enter_context(json_lines(one, self.spool / f"{number}.ndjson"))
            placed = place_rows(gathered.route, rows, gathered.roots)
            tree = Tree(
                route=gathered.route, rows=rows, lines=lines, roots=gathered.roots, placed=placed
            )
            with path.open("xb") as file:
                tree.write(file, self.metadata(), pretty=self.request.pretty)
            inside = tree.names()
        record = BundleRecord(
            key=gathered.key,
            ids=self.ids,
            missing=self.missing,
            follow=self.request.follow,
            exclude=tuple(sorted(self.request.exclude)),
            include_related=self.request.include_related,
            depth=self.request.depth,
            computed=self.request.computed,
            tables=tuple(
                describe_bundled(
                    one,
                    fidelity=fidelity[name],
                    nested={nested.name: nested.step.table for nested in inside[name]},
                    files=files[name],
                )
                for name, one in rows.items()
            ),
            dialects=dialects,
        )
        _refuse_different(path, gathered, record, lines)
        nowhere = dangling(placed, rows)
        return record, tuple(
            f"{step.link}: {count} row{'' if count == 1 else 's'} of {step.origin} "
            f"{'refers' if count == 1 else 'refer'} to no row of {step.table}"
            for step, count in nowhere.items()
        )

    def records(self) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
        """Return the root rows, and by table all others, as JSON holds them."""
        roots: list[dict[str, Any]] = []
        related: dict[str, list[dict[str, Any]]] = {}
        chosen = set(self.gathered.roots)
        for name, rows in self.gathered.rows.items():
            encoder = RecordEncoder(rows.schema)
            lines = [
                line for batch in rows.batches() for line in encoder.lines(batch.frame).splitlines()
            ]
            found = [decode_json(line) for line in lines]
            if name != self.request.table:
                related[name] = found
                continue
            roots = [found[number] for number in self.gathered.roots]
            others = [one for number, one in enumerate(found) if number not in chosen]
            if others:
                related[name] = others
        return roots, related

    def metadata(self) -> dict[str, Any]:
        """Return what the tree says of itself: no moment, so that equal rows are equal bytes."""
        request, counts = self.request, self.gathered.counts
        return {
            "source": self.choices.source.name,
            "table": request.table,
            "key": list(self.gathered.key),
            "ids": list(self.ids),
            "missing": list(self.missing),
            "follow": request.follow if request.include_related else None,
            "exclude": sorted(request.exclude),
            "depth": request.depth,
            "counts": counts,
            "rows": sum(counts.values()),
            **self.extra,
        }


def _file_record(path: Path, name: str, rows: int) -> FileRecord:
    size, sha256 = hash_file(path)
    return FileRecord(path=name, bytes=size, rows=rows, sha256=sha256)


def _refuse_different(
    path: Path, gathered: Gathered, record: BundleRecord, lines: Mapping[str, Lines]
) -> None:
    """Compare the tree at *path* with the rows it was made of.

    Raises:
        IntegrityError: It does not hold every row once, as it is.
    """
    found = read_tree(path, gathered.route.root, record)
    for name, rows in gathered.rows.items():
        if found.rows[name] != rows.count:
            msg = f"{TREE}: holds {found.rows[name]} rows of {name}, the snapshot {rows.count}"
            raise IntegrityError(msg)
        if found.totals[name] != lines[name].total:
            msg = f"{TREE}: rows of {name} differ from the snapshot"
            raise IntegrityError(msg)
