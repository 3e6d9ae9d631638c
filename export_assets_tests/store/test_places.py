"""The directories of an export: made durable once, synced together, alone after an error."""

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from export_assets.store.filesystem import Filesystem
from export_assets.store.local import LocalStore
from export_assets.store.places import SharedSync
from export_assets.store.verify import verify_partition
from export_assets_tests.store.publishing import KEY, Recording, parts_of, write_parts


class Held(Filesystem):
    """Syncs when it is let, and fails as often as it is told."""

    def __init__(self, *, failures: int = 0) -> None:
        super().__init__()
        self.begun, self.let = Event(), Event()
        self.synced: list[int] = []
        self._failures = failures

    def fsync(self, fd: int) -> None:
        self.synced.append(fd)
        self.begun.set()
        self.let.wait(10)
        if len(self.synced) <= self._failures:
            raise OSError(errno.EIO, "injected")
        super().fsync(fd)


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path, os.O_RDONLY)
    yield opened
    os.close(opened)


def sync_at_once(disk: Held, fd: int, *, late: int) -> list[BaseException | None]:
    """Sync in one thread, and in *late* others that ask while it is at it."""
    shared = SharedSync()
    with ThreadPoolExecutor(late + 1) as threads:
        first = threads.submit(shared.sync, fd, disk)
        assert disk.begun.wait(10)
        others = [threads.submit(shared.sync, fd, disk) for _ in range(late)]
        while not all(future.running() for future in others):
            pass
        disk.let.set()
        return [future.exception(10) for future in (first, *others)]


def test_a_sync_serves_nobody_who_asked_after_it_began(fd: int) -> None:
    disk = Held()

    errors = sync_at_once(disk, fd, late=1)

    assert errors == [None, None]
    assert len(disk.synced) == 2


def test_after_an_error_everybody_syncs_alone(fd: int) -> None:
    disk = Held(failures=1)

    errors = sync_at_once(disk, fd, late=4)

    assert [type(error) for error in errors] == [OSError, *[type(None)] * 4]
    assert len(disk.synced) == 5


def test_one_after_the_other_each_has_a_sync_of_its_own(fd: int) -> None:
    disk, shared = Held(), SharedSync()
    disk.let.set()

    for _ in range(3):
        shared.sync(fd, disk)

    assert len(disk.synced) == 3


def test_the_directories_are_made_once_for_all_partitions(tmp_path: Path) -> None:
    recording = Recording()
    store = LocalStore(tmp_path, filesystem=recording)

    with store.places(KEY) as places:
        for name in ("day=1", "day=2"):
            with store.stage(KEY, name, "r1", places=places) as staging:
                staging.publish(write_parts(staging, parts_of("r1")))
            if name == "day=1":
                recording.order.clear()

    assert recording.order[:2] == ["mkdir", "staged"]
    for name in ("day=1", "day=2"):
        assert verify_partition(tmp_path.joinpath(*KEY.parts, name)) == []
