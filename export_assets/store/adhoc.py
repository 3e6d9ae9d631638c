"""Exports into a directory of the user's choice: flat files, whole or absent, with a record.

with DirectoryTarget(directory, stamp, run_id=run_id) as target:
    name = target.file_name("orders", ".csv")
    if not target.skips(name):
        ...                                       write target.staged(name)
        target.publish(name, rows=812, source="shop", table="orders", fmt="csv")
target.outcomes                                   what became of each file
"""

import fcntl
import os
import re
import secrets
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from export_assets.errors import UsageError
from export_assets.store.directory_record import FileEntry, locked, read_record, update_record
from export_assets.store.durable import directory as directory_fd
from export_assets.store.durable import make_directory, put_in_place, sync
from export_assets.store.filesystem import DIRECTORY_FLAGS, REAL, Filesystem
from export_assets.store.hashing import hash_file
from export_assets.store.layout import is_visible, run_name, safe_name
from export_assets.store.manifest import FileRecord
from export_assets.store.space import check_space
from export_assets.store.staging import PRIVATE, SHARED
from export_assets.translate import translating

_STAGING = re.compile(r"\.export_assets\.[A-Za-z0-9_-]{1,40}\.tmp\Z")
_LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one file."""

    path: Path
    status: Literal["written", "replaced", "skipped"]
    """`skipped`: a file of that name exists and may not be replaced."""
    record: FileRecord | None = None
    """None where skipped."""


class DirectoryTarget:
    """One command's exports into one directory. Threads may stage; one at a time publishes.

    Attributes:
        directory: Where the files go; created on entering.
        outcomes: What became of each file, in order of publishing.
    """

    def __init__(
        self,
        directory: Path,
        stamp: datetime,
        *,
        run_id: str,
        overwrite: bool = False,
        estimated_bytes: int = 0,
        filesystem: Filesystem = REAL,
        private: bool = False,
    ) -> None:
        self.directory = directory.resolve()
        self.outcomes: list[Outcome] = []
        self._stamp = stamp.astimezone(UTC)
        self._run_id = run_id
        self._overwrite = overwrite
        self._estimated_bytes = estimated_bytes
        self._filesystem = filesystem
        self._modes = PRIVATE if private else SHARED
        self._entries: list[FileEntry] = []
        # One run may open the same directory twice.
        self._staging = f".export_assets.{run_name(run_id)[:31]}-{secrets.token_hex(4)}.tmp"
        self._open = ExitStack()
        self._dir_fd = -1
        self._staging_fd = -1

    def __enter__(self) -> Self:
        """Create the directory where it is missing, and a place to stage in.

        Raises:
            DestPermission: It cannot be created or written.
            DestConflict: It holds a `_manifest.json` that is no record of ours.
            IntegrityError: Its record is damaged.
            NoSpace: The disk has no room for the estimate.
        """
        with ExitStack() as opening, translating(str(self.directory)):
            make_directory(self.directory)
            self._dir_fd = opening.enter_context(directory_fd(self.directory))
            read_record(self.directory)
            check_space(
                self._dir_fd, subject=str(self.directory), estimated_bytes=self._estimated_bytes
            )
            with locked(self._dir_fd):
                _sweep(self._dir_fd, self._filesystem)
                # Known before it is made, so that an interrupt in between leaves nothing.
                # Removed before it is unlocked, or a sweeper would remove it at the same time.
                opening.callback(self._unhold)
                opening.callback(self._remove, self._staging)
                self._filesystem.mkdir(self._staging, dir_fd=self._dir_fd, mode=0o700)
                self._staging_fd = _hold(self._staging, self._dir_fd)
            self._filesystem.at("adhoc_staged")
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Record what was published, also when the block failed; remove what was not."""
        with self._open:
            if self._entries:
                try:
                    self._record(add=tuple(self._entries))
                except Exception:
                    # The first failure is the one to tell; the files are complete without it.
                    if error is None:
                        raise

    def file_name(self, table: str, suffix: str) -> str:
        """Return `<table>_<YYYYMMDD_HHMMSS><suffix>`, the stamp in UTC."""
        return f"{safe_name(table)}_{self._stamp:%Y%m%d_%H%M%S}{suffix}"

    def skips(self, name: str) -> bool:
        """Whether a file called *name* exists and may not be replaced; notes it as skipped.

        Raises:
            UsageError: *name* is no plain file name.
        """
        path = self.directory / _check_name(name)
        if self._overwrite or not _lexists(path):
            return False
        self.outcomes.append(Outcome(path=path, status="skipped"))
        return True

    def staged(self, name: str) -> Path:
        """Return where to write the file that will be called *name*; nothing is there yet.

        Raises:
            UsageError: *name* is no plain file name.
        """
        return self.directory / self._staging / _check_name(name)

    def publish(self, name: str, *, rows: int, source: str, table: str, fmt: str) -> Outcome:
        """Make the staged file *name* durable and put it in place in one step.

        Raises:
            ExportError: The disk refused; what was there before is still there.
        """
        path = self.directory / name
        with translating(str(path)):
            size, sha256 = hash_file(self.staged(name))
            sync(name, dir_fd=self._staging_fd, mode=self._modes.file, filesystem=self._filesystem)
            self._filesystem.at("adhoc_synced")
            status = self._put(name)
            self._filesystem.at("adhoc_published")
        if status == "skipped":
            return self._note(Outcome(path=path, status=status))
        entry = FileEntry(
            path=name,
            bytes=size,
            rows=rows,
            sha256=sha256,
            source=source,
            table=table,
            format=fmt,
            created_at=self._stamp,
            run_id=self._run_id,
        )
        self._entries.append(entry)
        return self._note(Outcome(path=path, status=status, record=entry))

    def publish_tree(
        self, name: str, files: Sequence[FileRecord], *, source: str, table: str, fmt: str
    ) -> Outcome:
        """Make the staged directory *name*, which holds *files*, durable and put it in place.

        Raises:
            ExportError: The disk refused; what was there before is still there.
        """
        path = self.directory / name
        with translating(str(path)):
            for inner in [f"{name}/{file.path}" for file in files]:
                sync(
                    inner,
                    dir_fd=self._staging_fd,
                    mode=self._modes.file,
                    filesystem=self._filesystem,
                )
            for inner in sorted(_above(name, files), reverse=True):
                sync(
                    inner,
                    dir_fd=self._staging_fd,
                    mode=self._modes.directory,
                    filesystem=self._filesystem,
                )
            self._filesystem.at("adhoc_synced")
            status = self._put(name, tree=True)
            self._filesystem.at("adhoc_published")
        if status == "skipped":
            return self._note(Outcome(path=path, status=status))
        self._entries += [
            FileEntry(
                path=f"{name}/{file.path}",
                bytes=file.bytes,
                rows=file.rows,
                sha256=file.sha256,
                source=source,
                table=table,
                format=fmt,
                created_at=self._stamp,
                run_id=self._run_id,
            )
            for file in files
        ]
        return self._note(Outcome(path=path, status=status))

    def discard(self, name: str) -> None:
        """Remove the staged file or directory *name* where there is one."""
        path = self.staged(name)
        if path.is_dir() and not path.is_symlink():
            self._filesystem.remove_tree(name, dir_fd=self._staging_fd)
        else:
            path.unlink(missing_ok=True)

    def _put(self, name: str, *, tree: bool = False) -> Literal["written", "replaced", "skipped"]:
        fs = self._filesystem
        try:
            fs.rename_new(name, name, dir_fd=self._dir_fd, from_fd=self._staging_fd)
        except FileExistsError:
            if not self._overwrite:
                self.discard(name)
                return "skipped"
            # Between replacing the file and recording it nothing may vouch for the wrong one.
            self._record(forget=self._below(name) if tree else frozenset({name}))
            if tree:
                put_in_place(
                    name,
                    name,
                    f"{name}.old",
                    dir_fd=self._dir_fd,
                    staging_fd=self._staging_fd,
                    filesystem=fs,
                )
            else:
                fs.rename(name, name, dir_fd=self._dir_fd, from_fd=self._staging_fd)
            fs.fsync(self._dir_fd)
            return "replaced"
        fs.fsync(self._dir_fd)
        return "written"

    def _below(self, name: str) -> frozenset[str]:
        """Return the paths on record that *name* is, or is a directory of."""
        record = read_record(self.directory)
        known = [entry.path for entry in record.files] if record is not None else []
        return frozenset(path for path in known if path == name or path.startswith(f"{name}/"))

    def _note(self, outcome: Outcome) -> Outcome:
        self.outcomes.append(outcome)
        return outcome

    def _record(
        self, *, add: tuple[FileEntry, ...] = (), forget: frozenset[str] = frozenset()
    ) -> None:
        with translating(str(self.directory)):
            update_record(
                self.directory,
                add=add,
                forget=forget,
                dir_fd=self._dir_fd,
                filesystem=self._filesystem,
                mode=self._modes.file,
            )

    def _unhold(self) -> None:
        if self._staging_fd >= 0:
            os.close(self._staging_fd)
            self._staging_fd = -1

    def _remove(self, name: str) -> None:
        with suppress(OSError):
            self._filesystem.remove_tree(name, dir_fd=self._dir_fd)


def sweep_below(parent: Path) -> None:
    """Remove what dead runs staged in the directories in *parent*, to which nobody may come back.

    What cannot be looked at, or removed, stays.
    """
    with suppress(OSError), os.scandir(parent) as entries:
        names = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        for name in names:
            with suppress(OSError), directory_fd(Path(name)) as fd, locked(fd):
                _sweep(fd, REAL)


def _sweep(dir_fd: int, filesystem: Filesystem) -> None:
    """Remove staging directories whose run is dead: nobody holds their lock."""
    with os.scandir(dir_fd) as entries:
        names = [entry.name for entry in entries if _STAGING.match(entry.name)]
    for name in names:
        try:
            fd = _hold(name, dir_fd)
        except OSError:
            continue
        with suppress(OSError):
            filesystem.remove_tree(name, dir_fd=dir_fd)
        os.close(fd)


def _hold(name: str, dir_fd: int) -> int:
    """Open and lock a staging directory.

    Raises:
        BlockingIOError: A living run holds it.
    """
    fd = os.open(name, DIRECTORY_FLAGS, dir_fd=dir_fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _check_name(name: str) -> str:
    plain = is_visible(name) and not {"/", "\\", "\0"} & set(name)
    if not name or not plain or len(os.fsencode(name)) > _LONGEST_NAME:
        msg = f"file name {name!r}: not a plain name of at most {_LONGEST_NAME} bytes"
        raise UsageError(msg)
    return name


def _above(name: str, files: Sequence[FileRecord]) -> set[str]:
    """Return the directories that *files* of the directory *name* lie in."""
    found = {name}
    for file in files:
        parts = file.path.split("/")[:-1]
        found |= {"/".join((name, *parts[:end])) for end in range(1, len(parts) + 1)}
    return found


def _lexists(path: Path) -> bool:
    return path.is_symlink() or path.exists()
