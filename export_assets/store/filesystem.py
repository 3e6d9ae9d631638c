"""The system calls that decide whether a crash is survived, behind one small object.

Tests replace it to inject errors; `EXPORT_ASSETS_CRASH=<point>:<n>` (honoured only together with
`EXPORT_ASSETS_TESTING=1`) makes the process kill itself at the n-th passing of a point. Points are
the names of the operations here and the named steps of `store.local`.
"""

import errno
import os
import shutil
import signal
import stat
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
# What kernels and file systems answer when they know no such flag.
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})

DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Filesystem:
    """Real system calls, each announced to `at` before it happens."""

    def __init__(self) -> None:
        self._passed: Counter[str] = Counter()

    def at(self, point: str) -> None:
        """Pass a named point; where the environment asks for it, die there without a trace."""
        wanted = os.environ.get("EXPORT_ASSETS_CRASH")
        if wanted is None or os.environ.get("EXPORT_ASSETS_TESTING") != "1":
            return
        self._passed[point] += 1
        name, _, count = wanted.partition(":")
        if name == point and self._passed[point] == int(count or 1):
            os.kill(os.getpid(), signal.SIGKILL)

    def open(self, name: str, flags: int, *, dir_fd: int, mode: int = 0o600) -> int:
        """Open *name* below *dir_fd*."""
        self.at("open")
        return os.open(name, flags | os.O_CLOEXEC, mode, dir_fd=dir_fd)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Write some of *data* and return how many bytes."""
        self.at("write")
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        """Make what *fd* refers to durable."""
        self.at("fsync")
        os.fsync(fd)

    def mkdir(self, name: str, *, dir_fd: int, mode: int) -> None:
        """Create the directory *name* below *dir_fd*."""
        self.at("mkdir")
        os.mkdir(name, mode, dir_fd=dir_fd)

    def chmod(self, fd: int, mode: int) -> None:
        """Set the mode of an open file or directory."""
        self.at("chmod")
        os.fchmod(fd, mode)

    def rename(self, old: str, new: str, *, dir_fd: int, from_fd: int | None = None) -> None:
        """Rename *old* to *new*, replacing a file of that name.

        *from_fd* is the directory of *old* where it is not *dir_fd*.
        """
        self.at("rename")
        source = dir_fd if from_fd is None else from_fd
        os.rename(old, new, src_dir_fd=source, dst_dir_fd=dir_fd)

    def rename_new(self, old: str, new: str, *, dir_fd: int, from_fd: int | None = None) -> None:
        """Rename *old* to *new*, which must not exist.

        Raises:
            FileExistsError: *new* exists.
        """
        self.at("rename_new")
        source = dir_fd if from_fd is None else from_fd
        if not _renameat2(source, old, dir_fd, new, _RENAME_NOREPLACE):
            _rename_new_by_hand(source, old, dir_fd, new)

    def exchange(self, one: str, other: str, *, dir_fd: int, from_fd: int | None = None) -> bool:
        """Swap *one* and *other* atomically; False where that cannot be done.

        *from_fd* is the directory of *one* where it is not *dir_fd*.
        """
        self.at("exchange")
        source = dir_fd if from_fd is None else from_fd
        return _renameat2(source, one, dir_fd, other, _RENAME_EXCHANGE)

    def unlink(self, name: str, *, dir_fd: int) -> None:
        """Remove the file *name* below *dir_fd*."""
        self.at("unlink")
        os.unlink(name, dir_fd=dir_fd)

    def remove_tree(self, name: str, *, dir_fd: int) -> None:
        """Remove the file or directory *name* below *dir_fd*; symbolic links are not followed."""
        self.at("remove_tree")
        mode = os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            shutil.rmtree(name, dir_fd=dir_fd)
        else:
            os.unlink(name, dir_fd=dir_fd)


REAL = Filesystem()


@cache
def _libc_renameat2() -> Callable[[int, bytes, int, bytes, int], int] | None:
    import ctypes

    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return None
    function.argtypes = (
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_uint,
    )

    def call(old_fd: int, old: bytes, new_fd: int, new: bytes, flags: int) -> int:
        return ctypes.get_errno() if function(old_fd, old, new_fd, new, flags) else 0

    return call


def _renameat2(old_fd: int, old: str, new_fd: int, new: str, flags: int) -> bool:
    call = _libc_renameat2()
    if call is None:
        return False
    code = call(old_fd, os.fsencode(old), new_fd, os.fsencode(new), flags)
    if code in _UNSUPPORTED:
        return False
    if code:
        raise OSError(code, os.strerror(code), old, None, new)
    return True


def _rename_new_by_hand(old_fd: int, old: str, new_fd: int, new: str) -> None:
    if stat.S_ISDIR(os.stat(old, dir_fd=old_fd, follow_symlinks=False).st_mode):
        # Directories cannot be linked. rename(2) replaces no directory that holds anything, and
        # the caller holds the lock of the name.
        if _exists(new_fd, new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
        os.rename(old, new, src_dir_fd=old_fd, dst_dir_fd=new_fd)
        return
    os.link(old, new, src_dir_fd=old_fd, dst_dir_fd=new_fd, follow_symlinks=False)
    os.unlink(old, dir_fd=old_fd)


def _exists(dir_fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def open_directory(path: Path) -> int:
    """Open the directory at *path*, which must not be a symbolic link."""
    return os.open(path, DIRECTORY_FLAGS)
