"""The content of one state file, read once and whole, whatever lies under its name."""

import os
import stat

from export_assets.sources.states.kind import Unreadable

# Not waiting: a pipe of that name would never end. Not followed: a link leads anywhere.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def read_state(name: bytes, *, dir_fd: int, longest: int) -> bytes | None:
    """Return the content of the file *name* in *dir_fd*; None where it is gone by now.

    Raises:
        Unreadable: It is no regular file, may not be read, is empty, or longer than *longest*.
    """
    try:
        descriptor = os.open(name, _FLAGS, dir_fd=dir_fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unopened(name, error, dir_fd=dir_fd) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            msg = f"is {_kind(status.st_mode)}"
            raise Unreadable(msg, reason="no-file")
        content = _content(descriptor, min(status.st_size, longest) + 1, longest=longest)
    except OSError as error:
        msg = error.strerror or str(error)
        raise Unreadable(msg, reason="unreadable") from error
    finally:
        os.close(descriptor)
    if len(content) > longest:
        msg = f"longer than the {longest:,} bytes that are read at most"
        raise Unreadable(msg, reason="too-long")
    if not content:
        msg = "holds nothing"
        raise Unreadable(msg, reason="empty")
    return content


def head_of(name: bytes, *, dir_fd: int, length: int) -> tuple[int, bytes]:
    """Return size and first bytes of the regular file *name*, nothing of anything else."""
    try:
        descriptor = os.open(name, _FLAGS, dir_fd=dir_fd)
    except OSError:
        return 0, b""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return 0, b""
        return status.st_size, os.read(descriptor, length)
    except OSError:
        return 0, b""
    finally:
        os.close(descriptor)


def _content(descriptor: int, length: int, *, longest: int) -> bytes:
    """Read *length* bytes, and on where a file has grown meanwhile, up to one beyond *longest*."""
    content = os.read(descriptor, length)
    if len(content) < length:
        return content
    parts, total = [content], len(content)
    while total <= longest:
        part = os.read(descriptor, longest + 1 - total)
        if not part:
            break
        parts.append(part)
        total += len(part)
    return b"".join(parts)


def _unopened(name: bytes, error: OSError, *, dir_fd: int) -> Unreadable:
    try:
        mode = os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode
    except OSError:
        mode = stat.S_IFREG
    if not stat.S_ISREG(mode):
        return Unreadable(f"is {_kind(mode)}", reason="no-file")
    return Unreadable((error.strerror or str(error)).lower(), reason="unreadable")


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a pipe"),
    )
    return next((text for is_one, text in kinds if is_one(mode)), "a device or socket")
