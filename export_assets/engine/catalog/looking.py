"""Looking at what is published: which partitions there are, and how each is read.

A directory of an export whose stamp is the one seen last is not listed again, a partition whose
stamp is as it was is not read again. A stamp that was taken within a tick of the file system's
clock may stand for two states of the directory, and is not believed.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from export_assets.engine.catalog.seen import Partition, SeenExport, Shape, Stamp, stamp_of
from export_assets.store.layout import is_visible
from export_assets.store.manifest import MANIFEST_NAME, FileRecord, decode_document
from export_assets.store.placement import misplaced
from export_assets.store.tree import scan_exports
from export_assets.translate import one_line

_TICK = 40_000_000
"""Nanoseconds after which a file system gives another change another time."""
_COARSE_TICK = 2_000_000_000
"""The same where it counts in seconds."""
_SECOND = 1_000_000_000


class _Column(msgspec.Struct, frozen=True):
    name: str
    logical_type: str
    physical_type: str


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """What views need of a manifest."""

    source: str
    table: str
    format: str
    partition: str
    columns: tuple[_Column, ...]
    files: tuple[FileRecord, ...]
    created_at: datetime
    dialect: dict[str, str] = {}
    segment: dict[str, Any] | None = None


msgspec.json.Decoder(_Head)


def look(
    root: Path, before: Mapping[str, SeenExport], *, thorough: bool = False
) -> dict[str, SeenExport]:
    """Return what is published below *root*, by directory `<source>/<table>/<format>`.

    Args:
        root: The root of the exports, resolved.
        before: What was seen last; what has not changed since is taken from it.
        thorough: Whether to look at every partition, for what was changed in its place, too.
    """
    found: dict[str, SeenExport] = {}
    for path in scan_exports(root):
        name = path.relative_to(root).as_posix()
        known = before.get(name)
        stamp = stamp_of(path)
        if stamp is None:
            continue
        if known is not None and not thorough and _is_settled(known) and known.stamp == stamp:
            found[name] = known
            continue
        seen = _listed(path, stamp, known)
        # That it was looked at is no news, and what is not new is not written down again.
        same = known is not None and seen.partitions == known.partitions and _is_settled(known)
        found[name] = known if known is not None and same and known.stamp == stamp else seen
    return found


def settling(seen: Mapping[str, SeenExport]) -> float:
    """Return after how many seconds the stamps of what was *seen* would be believed."""
    missing = (_settled_at(one.stamp) - one.looked_at for one in seen.values())
    return max((0, *missing)) / _SECOND


def _settled_at(stamp: Stamp) -> int:
    last = max(stamp[1:])
    return last + (_TICK if last % _SECOND else _COARSE_TICK)


def _is_settled(seen: SeenExport) -> bool:
    # Whatever is replaced in the directory changes its own stamp too.
    return seen.looked_at > _settled_at(seen.stamp)


def _listed(path: Path, stamp: Stamp, known: SeenExport | None) -> SeenExport:
    book = _Shapes(list(known.shapes) if known is not None else [])
    before = {one.name: one for one in known.partitions} if known is not None else {}
    looked_at = time.time_ns()
    believed = known.looked_at if known is not None else 0
    partitions = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if not is_visible(entry.name) or not entry.is_dir(follow_symlinks=False):
                    continue
                there = entry.stat(follow_symlinks=False)
                own = (there.st_ino, there.st_mtime_ns, there.st_ctime_ns)
                old = before.get(entry.name)
                if old is not None and old.stamp == own and _settled_at(own) < believed:
                    partitions.append(old)
                else:
                    partitions.append(_read(path / entry.name, own, book))
    except OSError:
        partitions = []
    partitions.sort(key=lambda one: one.name)
    return book.trimmed(stamp, looked_at, partitions)


@dataclass
class _Shapes:
    """The shapes of one export, each once."""

    known: list[Shape] = field(default_factory=list)

    def number(self, shape: Shape) -> int:
        """Return the place of *shape*, adding it where it is new."""
        if shape not in self.known:
            self.known.append(shape)
        return self.known.index(shape)

    def trimmed(self, stamp: Stamp, looked_at: int, partitions: list[Partition]) -> SeenExport:
        """Return the export with the shapes that partitions have, and no others."""
        used = sorted({one.shape for one in partitions if one.shape >= 0})
        places = {number: place for place, number in enumerate(used)} | {-1: -1}
        if len(used) < len(self.known):
            partitions = [
                msgspec.structs.replace(one, shape=places[one.shape]) for one in partitions
            ]
        return SeenExport(
            stamp=stamp,
            looked_at=looked_at,
            shapes=tuple(self.known[number] for number in used),
            partitions=tuple(partitions),
        )


def _read(path: Path, stamp: Stamp, book: _Shapes) -> Partition:
    """Read what the manifest of one partition says; nothing is shown without a sound one."""
    nothing = Partition(name=path.name, stamp=stamp, shape=-1)
    try:
        head = decode_document((path / MANIFEST_NAME).read_bytes(), _Head)
    except (FileNotFoundError, NotADirectoryError):
        return nothing
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        remark = f"{path / MANIFEST_NAME}: {one_line(error)}"
        return msgspec.structs.replace(nothing, remark=remark)
    if head.segment is not None:
        return nothing
    wrong = misplaced(path, head)
    if wrong is not None:
        return msgspec.structs.replace(nothing, remark=f"{path}: {wrong}")
    shape = Shape(
        source=head.source,
        table=head.table,
        format=head.format,
        columns=tuple((one.name, one.logical_type, one.physical_type) for one in head.columns),
        dialect=head.dialect,
    )
    return Partition(
        name=path.name,
        stamp=stamp,
        shape=book.number(shape),
        files=tuple(file.path for file in head.files),
        created=int(head.created_at.timestamp() * 1_000_000),
    )
