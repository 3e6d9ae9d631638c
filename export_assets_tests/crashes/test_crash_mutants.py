"""The model finds what is wrong with algorithms that were made faulty on purpose."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export_assets.archives import restore_staging
from export_assets.archives.offload import plan, run
from export_assets.archives.offload.ledger import Ledger
from export_assets.store import durable, local, recovery, staging
from export_assets.store.filesystem import Filesystem
from export_assets_tests.archives.offload_world import FAULTS
from export_assets_tests.crashes.exploring import Case, explore
from export_assets_tests.crashes.log_cases import Ingesting, Offloading, Restoring
from export_assets_tests.crashes.publishing_cases import Delivering, Publishing, Removing
from export_assets_tests.proof.plugin import Proven

pytestmark = [pytest.mark.suite("mutants"), pytest.mark.promise("whole-or-absent")]

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]


def _syncing_only(patch: Patch, wanted: Callable[[int], bool]) -> None:
    real = Filesystem.fsync

    def fsync(self: Filesystem, fd: int) -> None:
        if wanted(fd):
            real(self, fd)

    patch.setattr(Filesystem, "fsync", fsync)


def _is_directory(fd: int) -> bool:
    return stat.S_ISDIR(os.fstat(fd).st_mode)


def no_file_is_synced(patch: Patch) -> None:
    _syncing_only(patch, _is_directory)


def no_directory_is_synced(patch: Patch) -> None:
    _syncing_only(patch, lambda fd: not _is_directory(fd))


def the_ledger_is_not_synced(patch: Patch) -> None:
    _syncing_only(patch, lambda fd: Path(f"/proc/self/fd/{fd}").readlink().suffix != ".jsonl")


def new_directories_are_not_synced(patch: Patch) -> None:
    patch.setattr(durable, "sync_directory", lambda _: None)


def files_are_written_in_place(patch: Patch) -> None:
    def put_in_place(staged: str, target: str, _aside: str, **how: Any) -> None:
        source, place = (Path(f"/proc/self/fd/{how[fd]}") for fd in ("staging_fd", "dir_fd"))
        for path in sorted((source / staged).iterdir()):
            shutil.copyfile(path, place.resolve() / target / path.name)

    patch.setattr(staging, "put_in_place", put_in_place)


def the_old_goes_first(patch: Patch) -> None:
    def put_in_place(staged: str, target: str, _aside: str, **how: Any) -> None:
        filesystem: Filesystem = how["filesystem"]
        filesystem.remove_tree(target, dir_fd=how["dir_fd"])
        filesystem.rename_new(staged, target, dir_fd=how["dir_fd"], from_fd=how["staging_fd"])

    patch.setattr(staging, "put_in_place", put_in_place)


def nothing_is_put_back(patch: Patch) -> None:
    patch.setattr(local, "recover", lambda *_, **__: [])


def what_was_renamed_is_swept_unsynced(patch: Patch) -> None:
    class Unsynced(Filesystem):
        def fsync(self, fd: int) -> None:
            pass

    real = recovery.recover

    def recover(*what: Any, **how: Any) -> object:
        return real(*what, **{**how, "filesystem": Unsynced()})

    patch.setattr(local, "recover", recover)


def logs_go_before_their_archive_is_published(patch: Patch) -> None:
    real = run.prove

    def prove(staged: Any, root: Path, request: Any, report: Any) -> object:
        entry = real(staged, root, request, report)
        for path in report.archived:
            (root / path).unlink()
        durable.sync_directory(root)
        return entry

    patch.setattr(run, "prove", prove)


def archives_are_entered_when_the_logs_are_gone(patch: Patch) -> None:
    patch.setattr(Ledger, "append", Ledger.append)  # so that it is put back
    FAULTS["enter after removing"]()


def what_is_archived_is_archived_again(patch: Patch) -> None:
    patch.setattr(plan, "_archived_in", lambda *_: None)


def what_is_set_aside_is_not_synced(patch: Patch) -> None:
    def set_aside(self: restore_staging.Staging, name: str, *, dir_fd: int) -> str:
        self.filesystem.rename_new(name, f"{name}.bak", dir_fd=dir_fd)
        return f"{name}.bak"

    patch.setattr(restore_staging.Staging, "_set_aside", set_aside)


MUTANTS: tuple[tuple[Mutant, Case], ...] = (
    (no_file_is_synced, Publishing(replace=True)),
    (no_file_is_synced, Ingesting()),
    (no_file_is_synced, Offloading(grace=False)),
    (no_directory_is_synced, Publishing(replace=False)),
    (no_directory_is_synced, Removing()),
    (no_directory_is_synced, Offloading(grace=False)),
    (the_ledger_is_not_synced, Offloading(grace=False)),
    (new_directories_are_not_synced, Publishing(replace=False)),
    (new_directories_are_not_synced, Offloading(grace=False)),
    (files_are_written_in_place, Publishing(replace=True)),
    (files_are_written_in_place, Delivering()),
    (the_old_goes_first, Publishing(replace=True)),
    (nothing_is_put_back, Publishing(replace=True, exchanges=False)),
    (what_was_renamed_is_swept_unsynced, Publishing(replace=True)),
    (logs_go_before_their_archive_is_published, Offloading(grace=True)),
    (archives_are_entered_when_the_logs_are_gone, Offloading(grace=False)),
    (what_is_archived_is_archived_again, Offloading(grace=True)),
    (what_is_set_aside_is_not_synced, Restoring()),
)


@pytest.mark.parametrize(
    ("mutant", "case"), MUTANTS, ids=[f"{m.__name__}-{c.name}" for m, c in MUTANTS]
)
def test_a_faulty_algorithm_is_found(
    mutant: Mutant, case: Case, quick: Path, monkeypatch: Patch, proven: Proven
) -> None:
    mutant(monkeypatch)

    deep = mutant is what_was_renamed_is_swept_unsynced  # seen by crashes of a recovery alone
    explored = explore(case, quick, seeds=range(0 if deep else 4), nested=24 if deep else 1)

    assert explored.faults, f"{mutant.__name__} survives {explored.states} crashes"
    proven(1, "mutants", "found")
