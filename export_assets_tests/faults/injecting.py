"""An error of the system instead of a call: at the k-th call that can give it, once or for good.

    injecting = Injecting(Fault("ENOSPC"), k=7)
    with faults_below(root, injecting):
        ...             real work on real files below root
    assert injecting.fired

Calls are those of `crashes.calls`, and besides what Python's own file objects and `shutil` write.
"""

import builtins
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final
from unittest.mock import patch

from export_assets_tests.crashes.calls import Step, watching

WRITES: Final = frozenset({"write", "ftruncate", "truncate"})
SYNCS: Final = frozenset({"fsync", "fdatasync"})
RENAMES: Final = frozenset({"rename", "replace", "link", "exchange", "rename_new"})
REMOVES: Final = frozenset({"unlink", "remove", "rmdir"})
MODES: Final = frozenset({"chmod", "fchmod", "utime"})
REMOVING: Final = frozenset({"rmtree", "remove_tree"})
"""Functions that remove: what fails in them may stay where it is."""


@dataclass(frozen=True)
class Fault:
    """An error, and which calls can give it.

    Attributes:
        name: Of the errno; `SHORT` lets a write take half of what it is given.
        lasting: Whether every such call after the k-th fails, too, as on a disk that stays full.
    """

    name: str
    lasting: bool = False

    @property
    def code(self) -> int:
        """The errno."""
        return int(getattr(errno, self.name))

    def __str__(self) -> str:
        """How a replay names it."""
        return f"{self.name}{'+' if self.lasting else ''}"

    def can_hit(self, step: Step) -> bool:
        """Whether a system gives this error for that call."""
        grows = step.name in WRITES or (step.name == "open" and step.writes)
        match self.name:
            case "SHORT":
                return step.name == "write"
            case "EFBIG":
                return step.name in WRITES
            case "ENOSPC" | "EDQUOT":
                return grows or step.name in SYNCS | RENAMES or step.name == "mkdir"
            case "EMFILE" | "ENFILE":
                return step.name == "open"
            case "EROFS":
                return grows or step.name in RENAMES | REMOVES | MODES or step.name == "mkdir"
            case "EACCES" | "EPERM":
                return step.name in RENAMES | REMOVES | MODES | {"open", "mkdir"}
        return True


class Injecting:
    """A watcher of `watching` that lets the k-th call fail; with k = 0 it only counts.

    Attributes:
        fired: The calls that failed.
        may_leave: Whether one of them was to remove something, or to make durable that what was
            replaced may be removed.
        passed: Every call that could have failed.
        halves: Whether the write that comes now takes half of what it is given.
    """

    def __init__(self, fault: Fault, k: int = 0) -> None:
        self.fired: list[Step] = []
        self.may_leave = False
        self.passed: list[Step] = []
        self.halves = False
        self._fault = fault
        self._k = k

    def before(self, step: Step) -> None:
        """Fail, where it is time to."""
        if not self._fault.can_hit(step):
            return
        self.passed.append(step)
        number = len(self.passed)
        if number != self._k and not (self._fault.lasting and 0 < self._k < number):
            return
        self.fired.append(step)
        self.may_leave |= step.name in REMOVES | SYNCS or _is_removing()
        if self._fault.name == "SHORT":
            self.halves = True
        else:
            raise OSError(self._fault.code, os.strerror(self._fault.code), step.path)

    def after(self, step: Step) -> None:
        """Do nothing: what went well is none of a fault."""


def _is_removing() -> bool:
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_name not in REMOVING:
        frame = frame.f_back
    return frame is not None


@contextmanager
def faults_below(root: Path, injecting: Injecting) -> Iterator[None]:
    """Let *injecting* decide over every call below *root*."""
    write, untold = os.write, io.open

    def write_some(fd: int, data: Any) -> int:
        whole = memoryview(data).cast("B")
        halves, injecting.halves = injecting.halves, False
        return write(fd, whole[: max(1, len(whole) // 2)] if halves else whole)

    with ExitStack() as stack:
        stack.enter_context(patch.object(os, "write", write_some))
        stack.enter_context(patch.object(os, "sendfile", _send_by_writing))
        stack.enter_context(watching(root, injecting))
        opened = _opening_told(io.open, untold)
        stack.enter_context(patch.object(io, "open", opened))
        stack.enter_context(patch.object(builtins, "open", opened))
        yield


class _Told(io.FileIO):
    """A file that writes by `os.write`, which is told; the one of Python writes from C."""

    def write(self, data: Any) -> int:
        """Write some of *data*."""
        return os.write(self.fileno(), data)


def _opening_told(real: Callable[..., Any], untold: Callable[..., Any]) -> Callable[..., Any]:
    def opened(file: Any, mode: str = "r", buffering: int = -1, *text: Any, **more: Any) -> Any:
        if isinstance(file, int):  # is open already: the system is not asked
            return untold(file, mode, buffering, *text, **more)
        if "b" not in mode or set(mode).isdisjoint("wxa"):
            return real(file, mode, buffering, *text, **more)
        with real(file, mode, 0, *text, **more) as plain:
            raw = _Told(os.dup(plain.fileno()), mode.replace("x", "w"))
        raw.name = os.fspath(file)
        if buffering == 0:
            return raw
        return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)

    return opened


def _send_by_writing(out: int, source: int, offset: int | None, count: int) -> int:
    data = os.pread(source, min(count, 1 << 20), offset or 0)
    return os.write(out, data) if data else 0
