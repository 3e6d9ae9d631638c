"""The calls by which Python changes files, told to a watcher before and after they happen.

    with watching(root, watcher):
        ...             real work on real files below root

Everything that the project itself changes goes through these: `os`, `open`, and `renameat2` of
`store.filesystem`. What libraries write into files from C is not seen; that they wrote is seen in
the files.
"""

import builtins
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

from export_assets.store import filesystem

Call = Callable[..., Any]


@dataclass(frozen=True)
class Step:
    """One call: its name, and where it acts, as absolute paths.

    Attributes:
        name: As in `os`; `exchange` and `rename_new` for the two uses of renameat2.
        path: The file or directory, or the old name.
        other: The new name.
        writes: It opened a file for writing.
    """

    name: str
    path: str
    other: str | None = None
    writes: bool = False


class Watcher(Protocol):
    """Who is told."""

    def before(self, step: Step) -> None:
        """Called before it happens; what this raises happens instead."""

    def after(self, step: Step) -> None:
        """Called after it went well."""


@contextmanager
def watching(root: Path, watcher: Watcher) -> Iterator[None]:
    """Tell *watcher* of every call that acts below *root*, one at a time."""
    told = _Telling(os.fspath(root.resolve()), watcher)
    with ExitStack() as stack:
        for name in ("write", "fsync", "fdatasync", "ftruncate", "fchmod"):
            stack.enter_context(patch.object(os, name, told.by_descriptor(name)))
        for name in ("open", "mkdir", "unlink", "remove", "rmdir", "chmod", "truncate", "utime"):
            stack.enter_context(patch.object(os, name, told.by_path(name)))
        for name in ("rename", "replace", "link"):
            stack.enter_context(patch.object(os, name, told.by_two_paths(name)))
        opened = told.by_path("open", call=io.open)
        stack.enter_context(patch.object(io, "open", opened))
        stack.enter_context(patch.object(builtins, "open", opened))
        exchanged = told.by_renameat2(filesystem._renameat2)
        stack.enter_context(patch.object(filesystem, "_renameat2", exchanged))
        yield


class _Telling:
    """Wraps calls; those that a watcher makes itself, and those elsewhere, pass untold."""

    def __init__(self, root: str, watcher: Watcher) -> None:
        self._root = root
        self._watcher = watcher
        self._lock = threading.RLock()
        self._busy = threading.local()

    def by_descriptor(self, name: str) -> Call:
        real = getattr(os, name)

        def call(fd: Any, *more: Any) -> Any:
            path = _place_of(fd) if isinstance(fd, int) else os.fspath(fd)
            return self._tell(Step(name, path), lambda: real(fd, *more))

        return call

    def by_path(self, name: str, call: Call | None = None) -> Call:
        real = getattr(os, name) if call is None else call

        def told(path: Any, *more: Any, dir_fd: int | None = None, **options: Any) -> Any:
            if dir_fd is not None:
                options["dir_fd"] = dir_fd
            how = more[0] if more else options.get("mode", options.get("flags"))
            step = Step(name, _absolute(path, dir_fd), writes=name == "open" and _writes(how))
            return self._tell(step, lambda: real(path, *more, **options))

        return told

    def by_two_paths(self, name: str) -> Call:
        real = getattr(os, name)

        def call(old: Any, new: Any, **options: Any) -> Any:
            one = _absolute(old, options.get("src_dir_fd"))
            other = _absolute(new, options.get("dst_dir_fd"))
            return self._tell(Step(name, one, other), lambda: real(old, new, **options))

        return call

    def by_renameat2(self, real: Call) -> Call:
        def call(old_fd: int, old: str, new_fd: int, new: str, flags: int) -> Any:
            name = "exchange" if flags == filesystem._RENAME_EXCHANGE else "rename_new"
            step = Step(name, _absolute(old, old_fd), _absolute(new, new_fd))
            return self._tell(step, lambda: real(old_fd, old, new_fd, new, flags))

        return call

    def _tell(self, step: Step, real: Callable[[], Any]) -> Any:
        inside = step.path == self._root or step.path.startswith(self._root + os.sep)
        if not inside or getattr(self._busy, "now", False):
            return real()
        with self._lock:
            self._aside(self._watcher.before, step)
            result = real()
            self._aside(self._watcher.after, step)
            return result

    def _aside(self, tell: Callable[[Step], None], step: Step) -> None:
        """Let the watcher look at files itself without being told of that."""
        self._busy.now = True
        try:
            tell(step)
        finally:
            self._busy.now = False


def _absolute(path: Any, dir_fd: int | None) -> str:
    if isinstance(path, int):
        return _place_of(path)
    name = os.fsdecode(path)
    if name.startswith(os.sep):
        return os.path.normpath(name)
    base = Path.cwd() if dir_fd is None else _place_of(dir_fd)
    return os.path.normpath(f"{base}/{name}")


def _writes(how: str | int | None) -> bool:
    """Whether a file is opened for writing by the flags of `os.open` or the mode of `open`."""
    if isinstance(how, int):
        return bool(how & (os.O_WRONLY | os.O_RDWR)) and not how & getattr(os, "O_TMPFILE", 0)
    return how is not None and not set(how).isdisjoint("wax+")


def _place_of(fd: int) -> str:
    """Return where an open file is; what has no name any more says so behind it."""
    return os.fspath(Path(f"/proc/self/fd/{fd}").readlink())
