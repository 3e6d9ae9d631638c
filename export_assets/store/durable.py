"""Making files and directories survive a power loss, and replacing them in one step.

An error of fsync is final: the kernel may already have dropped the pages, so a second fsync that
succeeds proves nothing. The file is discarded instead.
"""

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from export_assets.errors import DestPermission
from export_assets.store.filesystem import DIRECTORY_FLAGS, REAL, Filesystem, open_directory

_UMASK = re.compile(rb"^Umask:\s*([0-7]+)$", re.MULTILINE)
_HEAD_BYTES = 1024

_NO_DIRECTORIES = 2
"""Names of a directory that holds no other: its own and `.`; some file systems always say 1."""


def write_durably(
    path: Path, data: bytes, *, mode: int = 0o640, filesystem: Filesystem = REAL
) -> None:
    """Write *data* to *path* so that, whatever happens, the old or the new content is there.

    Writers of one path take turns. What a killed one leaves beside it, the next one takes over.

    Raises:
        OSError: Nothing was changed, unless it comes from syncing the directory.
    """
    temporary = f".{path.name[:200]}.tmp"
    with directory(path.parent) as dir_fd:
        fd = _open_alone(temporary, dir_fd=dir_fd, filesystem=filesystem)
        try:
            os.ftruncate(fd, 0)
            _fill(fd, data, mode=mode, filesystem=filesystem)
            filesystem.rename(temporary, path.name, dir_fd=dir_fd)
        except BaseException:
            with suppress(OSError):
                filesystem.unlink(temporary, dir_fd=dir_fd)
            raise
        finally:
            os.close(fd)
        filesystem.fsync(dir_fd)


def _open_alone(name: str, *, dir_fd: int, filesystem: Filesystem) -> int:
    """Open the file *name*, made where it is missing, once nobody else holds it."""
    while True:
        fd = filesystem.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, dir_fd=dir_fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_named(fd, name, dir_fd=dir_fd):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _is_named(fd: int, name: str, *, dir_fd: int) -> bool:
    """Whether the open file *fd* still is what *name* leads to; a writer before us renames it."""
    try:
        there = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    mine = os.fstat(fd)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def create(name: str, data: bytes, *, dir_fd: int, mode: int, filesystem: Filesystem) -> None:
    """Create the file *name* below *dir_fd* with *data*, synced; it must not exist."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    fd = filesystem.open(name, flags, dir_fd=dir_fd)
    try:
        _fill(fd, data, mode=mode, filesystem=filesystem)
    finally:
        os.close(fd)


def _fill(fd: int, data: bytes, *, mode: int, filesystem: Filesystem) -> None:
    left = memoryview(data)
    while left:
        left = left[filesystem.write(fd, left) :]
    filesystem.chmod(fd, mode & ~current_umask())
    filesystem.fsync(fd)


def sync(name: str, *, dir_fd: int, mode: int, filesystem: Filesystem) -> None:
    """Give the file or directory *name* its mode, less the umask, and make it durable."""
    fd = filesystem.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=dir_fd)
    try:
        filesystem.chmod(fd, mode & ~current_umask())
        filesystem.fsync(fd)
    finally:
        os.close(fd)


def sync_file(path: Path, *, filesystem: Filesystem = REAL) -> None:
    """Make the content of the file at *path* durable."""
    with directory(path.parent) as dir_fd:
        fd = filesystem.open(path.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=dir_fd)
        try:
            filesystem.fsync(fd)
        finally:
            os.close(fd)


def sync_directory(path: Path, *, filesystem: Filesystem = REAL) -> None:
    """Make creations, renames and removals in the directory at *path* durable."""
    with directory(path) as dir_fd:
        filesystem.fsync(dir_fd)


def exchange(one: Path, other: Path, *, filesystem: Filesystem = REAL) -> bool:
    """Swap two entries of one directory atomically; False where the system cannot."""
    with directory(one.parent) as dir_fd:
        return filesystem.exchange(one.name, other.name, dir_fd=dir_fd)


def rename_new(old: Path, new: Path, *, filesystem: Filesystem = REAL) -> None:
    """Rename *old* to *new* in the same directory.

    Raises:
        FileExistsError: *new* exists.
    """
    with directory(old.parent) as dir_fd:
        filesystem.rename_new(old.name, new.name, dir_fd=dir_fd)


def put_in_place(
    staged: str, target: str, aside: str, *, dir_fd: int, staging_fd: int, filesystem: Filesystem
) -> None:
    """Replace the directory *target* by *staged*; afterwards *staged* names the old one.

    *target* is in *dir_fd*, *staged* and *aside* are in *staging_fd*. Where the system has no
    exchange, *target* is absent between two renames and *aside* names the old one;
    `store.recovery` knows what to do with it after a crash.
    """
    if filesystem.exchange(staged, target, dir_fd=dir_fd, from_fd=staging_fd):
        return
    filesystem.rename_new(target, aside, dir_fd=staging_fd, from_fd=dir_fd)
    filesystem.at("set_aside")
    try:
        filesystem.rename_new(staged, target, dir_fd=dir_fd, from_fd=staging_fd)
    except BaseException:
        filesystem.rename_new(aside, target, dir_fd=dir_fd, from_fd=staging_fd)
        raise
    filesystem.at("replaced")
    # Under the staging name it can be removed in peace: nothing moves a staging directory back.
    filesystem.fsync(dir_fd)
    filesystem.rename_new(aside, staged, dir_fd=staging_fd)


@contextmanager
def directory(path: Path) -> Iterator[int]:
    """Hold the directory at *path* open and give its descriptor."""
    dir_fd = open_directory(path)
    try:
        yield dir_fd
    finally:
        os.close(dir_fd)


@contextmanager
def subdirectory(
    root: Path,
    parts: tuple[str, ...],
    *,
    filesystem: Filesystem,
    create: bool,
    lasting: bool = True,
) -> Iterator[int]:
    """Hold open the directory below *root* that *parts* lead to, following no symbolic link.

    With *create*, missing directories are made, each durable in its parent; without *lasting*, a
    power cut may take them away again.

    Raises:
        OSError: A part is missing, or no real directory.
    """
    fd = open_directory(root)
    try:
        for part in parts:
            if create:
                _make_directory(part, dir_fd=fd, filesystem=filesystem, lasting=lasting)
            inner = _open_real(part, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def make_directory(path: Path) -> None:
    """Make *path* and its parents where they are missing, each durable in its parent.

    Raises:
        DestPermission: It is a file, or the system does not let it be made.
    """
    if path.exists() and not path.is_dir():
        msg = f"{path}: is a file, not a directory"
        raise DestPermission(msg)
    there, *missing = reversed([*_missing(path)])
    try:
        if _may_be_new(there):
            _sync_name(there)
        for made in missing:
            made.mkdir(exist_ok=True)
            _sync_name(made)
    except FileNotFoundError as error:
        # What /proc and the like answer to a name they do not know.
        msg = f"{path}: does not exist and cannot be made there"
        raise DestPermission(msg) from error


def _missing(path: Path) -> Iterator[Path]:
    """Yield *path*, its parent and so on, up to the first that is there."""
    for place in (path, *path.parents):
        yield place
        if place.exists():
            break


def _sync_name(path: Path) -> None:
    """Make the name of the directory at *path* durable."""
    # A directory that may be written but not listed cannot be opened to sync it.
    with suppress(PermissionError):
        sync_directory(path.parent.resolve())


def _may_be_new(path: Path | str, *, dir_fd: int | None = None) -> bool:
    """Whether the directory may have been made by a run that was killed before it was durable.

    Then it is empty: whoever puts something into a directory makes the directory durable first.
    """
    if os.stat(path, dir_fd=dir_fd, follow_symlinks=dir_fd is None).st_nlink > _NO_DIRECTORIES:
        return False
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=dir_fd)
    except OSError:
        return False
    try:
        with os.scandir(fd) as entries:
            return next(entries, None) is None
    finally:
        os.close(fd)


def refuse_links(root: Path, path: Path) -> None:
    """Refuse a *path* below *root* that leads through, or is, a symbolic link.

    Raises:
        OSError: ELOOP, naming the link.
    """
    here = root
    for part in path.relative_to(root).parts:
        here /= part
        if here.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(here))


def _make_directory(name: str, *, dir_fd: int, filesystem: Filesystem, lasting: bool) -> None:
    try:
        if not lasting:
            os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        elif not _may_be_new(name, dir_fd=dir_fd):
            return
    except FileNotFoundError:
        with suppress(FileExistsError):
            filesystem.mkdir(name, dir_fd=dir_fd, mode=0o750)
    if lasting:
        filesystem.fsync(dir_fd)


def _open_real(name: str, *, dir_fd: int) -> int:
    """Open a directory; a symbolic link is ELOOP, where Linux says ENOTDIR for both."""
    try:
        return os.open(name, DIRECTORY_FLAGS, dir_fd=dir_fd)
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from None
        raise


def current_umask() -> int:
    """Return the umask of this process, without the race of setting it to find out."""
    # Unbuffered: it is asked for with every file published, and stands near the beginning.
    with suppress(OSError), Path("/proc/self/status").open("rb", buffering=0) as status:
        found = _UMASK.search(status.read(_HEAD_BYTES))
        if found is not None:
            return int(found[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
