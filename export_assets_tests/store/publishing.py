"""Small publications for the tests of the store, and file systems that misbehave on request."""

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from export_assets.store.contents import ColumnRecord
from export_assets.store.filesystem import Filesystem
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets.store.manifest import (
    Counters,
    FileRecord,
    Manifest,
    SnapshotRecord,
    WindowRecord,
)
from export_assets.store.staging import Staging

KEY = ExportKey("shop", "orders", "csv")
MOMENT = datetime(2026, 2, 8, 10, 30, tzinfo=UTC)

OPERATIONS = frozenset(
    {"open", "write", "fsync", "mkdir", "chmod", "rename", "rename_new", "exchange", "remove_tree"}
)


class Choosy(Filesystem):
    """A file system that may be unable to swap two directories."""

    def __init__(self, *, exchanges: bool = True) -> None:
        super().__init__()
        self._exchanges = exchanges

    def exchange(self, one: str, other: str, *, dir_fd: int, from_fd: int | None = None) -> bool:
        if self._exchanges:
            return super().exchange(one, other, dir_fd=dir_fd, from_fd=from_fd)
        self.at("exchange")
        return False


class NoExchange(Choosy):
    """A file system that cannot swap two directories."""

    def __init__(self) -> None:
        super().__init__(exchanges=False)


class Recording(Choosy):
    """Notes which points are passed, in order."""

    def __init__(self, *, exchanges: bool = True) -> None:
        super().__init__(exchanges=exchanges)
        self.order: list[str] = []

    @property
    def points(self) -> Counter[str]:
        return Counter(self.order)

    def at(self, point: str) -> None:
        self.order.append(point)


class Failing(Choosy):
    """Fails the k-th operation with an errno, once."""

    def __init__(self, k: int, code: int, *, exchanges: bool = True) -> None:
        super().__init__(exchanges=exchanges)
        self.failed: str | None = None
        self._left = k
        self._code = code

    def at(self, point: str) -> None:
        if point not in OPERATIONS:
            return
        self._left -= 1
        if self._left == 0:
            self.failed = point
            raise OSError(self._code, "injected")


class ShortWrites(Filesystem):
    """Writes at most three bytes at a time."""

    def write(self, fd: int, data: bytes | memoryview) -> int:
        return super().write(fd, data[:3])


def parts_of(run_id: str, *, parts: int = 2, size: int = 2_000) -> dict[str, bytes]:
    """Contents that tell which run wrote them."""
    return {
        f"part-{number:05}.csv": hashlib.sha256(f"{run_id}/{number}".encode()).digest()
        * (size // 32)
        for number in range(parts)
    }


def manifest_for(files: tuple[FileRecord, ...], *, run_id: str, key: ExportKey = KEY) -> Manifest:
    return Manifest(
        source=key.source,
        table=key.table,
        format=key.format,
        partition="2026-02-08",
        window=WindowRecord(column="at", start=MOMENT, end=None),
        snapshot=SnapshotRecord(kind="test", id="1", taken_at=MOMENT, consistency="snapshot"),
        config_hash="c",
        code_version="v",
        columns=(ColumnRecord(name="naïve \u2028 \x01", logical_type="text", physical_type="str"),),
        files=files,
        row_digest="d",
        digest_algorithm="a",
        counters=Counters(exported=sum(file.rows for file in files)),
        created_at=MOMENT,
        run_id=run_id,
    )


def write_parts(staging: Staging, parts: dict[str, bytes]) -> Manifest:
    """Write *parts* into the staging directory and return the manifest that lists them."""
    for name, content in parts.items():
        path = staging.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    files = tuple(staging.record(name, rows=len(content)) for name, content in parts.items())
    return manifest_for(files, run_id=staging.run_id, key=staging.key)


def publish(
    root: Path,
    run_id: str,
    *,
    key: ExportKey = KEY,
    directory: str = "all",
    parts: dict[str, bytes] | None = None,
    filesystem: Filesystem | None = None,
    timeout: float = 0.0,
) -> Manifest:
    store = LocalStore(root, filesystem=filesystem or Filesystem())
    with store.stage(key, directory, run_id, timeout=timeout) as staging:
        contents = parts_of(run_id) if parts is None else parts
        return staging.publish(write_parts(staging, contents))


def publish_tampered(root: Path, tamper: Callable[[Staging, Manifest], Manifest | None]) -> None:
    """Stage two parts, let *tamper* spoil them or their manifest, publish."""
    with LocalStore(root).stage(KEY, "all", "r1") as staging:
        manifest = write_parts(staging, parts_of("r1"))
        staging.publish(tamper(staging, manifest) or manifest)


def beside(root: Path, key: ExportKey = KEY) -> list[str]:
    """Names of everything beside the partitions of an export, and of what is staged for it."""
    places = (root.joinpath(*key.parts), root.joinpath(".staging", *key.parts))
    return sorted(path.name for place in places if place.exists() for path in place.iterdir())
