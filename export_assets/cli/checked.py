"""What `verify` looks at: names below the exports, a partition, an output directory, a tree."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from export_assets.errors import DestConflict, IntegrityError, UsageError

if TYPE_CHECKING:
    from export_assets.store.verify import Finding, ValueComparer

NAMES = ("source", "table", "fmt")


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A partition or an output directory, and in what it differs from its record."""

    path: Path
    files: int
    bytes: int
    findings: "tuple[Finding, ...]"


def check(what: str | None, root: Path, compare: "ValueComparer | None") -> Iterator[Checked]:
    """Compare *what* with its manifests: names below *root* first, else a path.

    Raises:
        UsageError: There is nothing of that name.
    """
    if what is None:
        yield from _tree(root, {}, compare)
        yield from _segments(root, None)
        return
    names = names_of(what)
    found = False
    for checked in _published(root, names, compare) if names else ():
        found = True
        yield checked
    if found:
        return
    path = Path(what)
    if not path.exists():
        msg = f"{what}: nothing of that name is published, and there is no such path"
        raise UsageError(msg)
    for checked in _path(path, root, compare):
        found = True
        yield checked
    if not found:
        msg = f"{what}: holds nothing that was exported"
        raise UsageError(msg)


def names_of(what: str) -> dict[str, str]:
    """Return *what* as names of source, table and format; empty where it is none of these."""
    parts = what.split("/")
    plain = all(parts) and len(parts) <= len(NAMES) and parts[0] not in {".", "..", "~"}
    return dict(zip(NAMES, parts, strict=False)) if plain else {}


def _published(
    root: Path, names: dict[str, str], compare: "ValueComparer | None"
) -> Iterator[Checked]:
    """Check what is published under *names*; of a source also what was read of its logs."""
    from export_assets.engine.ingest.segments import SEGMENTS

    if names.get("table") != SEGMENTS:
        yield from _tree(root, names, compare)
    if names.get("table", SEGMENTS) == SEGMENTS and names.get("fmt", "parquet") == "parquet":
        yield from _segments(root, names["source"])


def _segments(root: Path, source: str | None) -> Iterator[Checked]:
    """Check the segments of event logs below *root*."""
    from export_assets.engine.ingest.segments import segment_paths
    from export_assets.store.layout import ARCHIVES, is_visible
    from export_assets.store.local import LocalStore
    from export_assets.store.verify import verify_partitions

    sources = [source] if source is not None else []
    if source is None and root.is_dir():
        inside = (path for path in root.iterdir() if is_visible(path.name))
        sources = sorted(path.name for path in inside if path.is_dir())
    store = LocalStore(root)
    paths = [path for name in sources if name != ARCHIVES for path in segment_paths(store, name)]
    for verdict in verify_partitions(paths):
        yield Checked(
            path=verdict.path, files=verdict.files, bytes=verdict.bytes, findings=verdict.findings
        )


def _path(path: Path, root: Path, compare: "ValueComparer | None") -> Iterator[Checked]:
    from export_assets.store.manifest import MANIFEST_NAME

    inside, top = path.resolve(), root.resolve()
    if (path / MANIFEST_NAME).exists():
        yield _directory(path, compare)
    elif inside.is_relative_to(top):
        names = dict(zip(NAMES, inside.relative_to(top).parts, strict=False))
        yield from _tree(root, names, compare)
    else:
        yield from _tree(path, {}, compare)


def _tree(root: Path, names: dict[str, str], compare: "ValueComparer | None") -> Iterator[Checked]:
    from export_assets.store.verify import verify_tree

    found = verify_tree(
        root,
        source=names.get("source"),
        table=names.get("table"),
        fmt=names.get("fmt"),
        compare_values=compare,
        placed=True,
    )
    for verdict in found:
        yield Checked(
            path=verdict.path, files=verdict.files, bytes=verdict.bytes, findings=verdict.findings
        )


def _directory(path: Path, compare: "ValueComparer | None") -> Checked:
    """Check one directory, by the kind of record it holds."""
    from export_assets.store.directory_record import read_record
    from export_assets.store.verify import verify_directory, verify_partitions

    files = size = 0
    try:
        record = read_record(path)
    except DestConflict:
        verdict = next(verify_partitions([path], compare_values=compare))
        return Checked(
            path=path, files=verdict.files, bytes=verdict.bytes, findings=verdict.findings
        )
    except IntegrityError:
        record = None
    if compare is not None:
        msg = f"{path}: the record of an output directory does not say how to read its files; "
        msg += "leave out --deep"
        raise UsageError(msg)
    if record is not None:
        files, size = len(record.files), sum(entry.bytes for entry in record.files)
    findings = tuple(verify_directory(path))
    return Checked(path=path, files=files, bytes=size, findings=findings)
