"""Runs a flow with one error of the system in it, and says what is wrong afterwards."""

import gc
import os
import random
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from export_assets_tests.crashes.calls import Step
from export_assets_tests.end_to_end.world import Ended
from export_assets_tests.faults.flows import Flow, run
from export_assets_tests.faults.injecting import Fault, Injecting, faults_below
from export_assets_tests.faults.seen import empty, lines_of, names, seen, torn

FAULTS = tuple(
    Fault(name, lasting)
    for name, lasting in (
        *((name, False) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EACCES", "EPERM")),
        *((name, False) for name in ("EROFS", "EMFILE", "ENFILE", "SHORT")),
        *((name, True) for name in ("ENOSPC", "EROFS", "EMFILE")),
    )
)
NO_SPACE, PERMISSION, MISSING, USAGE, CORRUPT, INTEGRITY, LIMIT = 21, 20, 10, 2, 12, 24, 70
CODES = {
    **{key: {NO_SPACE} for key in ("ENOSPC", "EDQUOT", "EFBIG")},
    **{key: {PERMISSION, MISSING} for key in ("EACCES", "EPERM", "EROFS")},
    "EIO": {INTEGRITY, CORRUPT},
    **{key: {LIMIT} for key in ("EMFILE", "ENFILE")},
    "SHORT": set[int](),
}
"""Exit codes of an error on the destination's side, and on the source's."""


@dataclass
class Trying:
    """One flow in a directory: how it goes well, and how it goes with an error.

    Attributes:
        flow: What is run.
        base: Holds the project and its directory for temporary files, and nothing else.
        steps: The calls of the flow when it goes well.
    """

    flow: Flow
    base: Path
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home.mkdir()
        self._temporary.mkdir()
        with self._inside():
            self.flow.prepare()
            shutil.copytree(self.home, self._template, symlinks=True)
            self._old, self._old_names = seen(self.home), names(self.home)
            self._lines, self._torn = lines_of(self.home), torn(self.home)
            counting = Injecting(Fault("EIO"))
            with faults_below(self.base, counting):
                done = self._run()
            self.steps = counting.passed
            self._new, self._new_names = seen(self.home), names(self.home)
            again = self._run()
            self._end, self._end_names = seen(self.home), names(self.home)
        assert (done.code, again.code) == (0, 0), (done, again)

    @property
    def home(self) -> Path:
        """The project."""
        return self.base / "home"

    @property
    def _temporary(self) -> Path:
        return self.base / "tmp"

    @property
    def _template(self) -> Path:
        return self.base.with_name(f"{self.base.name}-template")

    def choices(self, chance: random.Random, most: int) -> list[tuple[Fault, int]]:
        """Return *most* errors, each kind as often as the others; all where there are no more."""
        all_of = {fault: range(1, 1 + sum(map(fault.can_hit, self.steps))) for fault in FAULTS}
        if most >= sum(map(len, all_of.values())):
            return [(fault, k) for fault, every in all_of.items() for k in every]
        kinds = [fault for fault, every in all_of.items() if every]
        chance.shuffle(kinds)
        chosen = [kinds[number % len(kinds)] for number in range(most)]
        return [(fault, chance.choice(all_of[fault])) for fault in chosen]

    def wrong(self, fault: Fault, k: int) -> list[str] | None:
        """Run with one error; return what is wrong afterwards, None where nothing failed."""
        self._begin()
        injecting = Injecting(fault, k)
        with self._inside():
            open_before, threads = _open_below(self.base), threading.active_count()
            with faults_below(self.base, injecting):
                done = self._run()
            if not injecting.fired:
                return None
            found = _of_the_answer(done, fault, injecting.fired[0])
            found += self._of_the_files(done, injecting)
            if _open_below(self.base) != open_before:
                gc.collect()
                found += [f"open: {path}" for path in _open_below(self.base) - open_before]
            if threading.active_count() > threads:
                found.append(f"threads: {threading.enumerate()}")
            found += self._next(injecting)
        step = injecting.fired[0]
        where = step.path.removeprefix(f"{self.base}/")
        replay = f"{self.flow.name}: {fault} at {k}: {step.name} {where}"
        return [f"{replay}: {one} [exit {done.code}: {done.err.strip()[:300]}]" for one in found]

    def undisturbed(self) -> list[str]:
        """Run without an error of ours; return what is wrong afterwards."""
        self._begin()
        injecting = Injecting(Fault("EIO"))
        with self._inside():
            done = self._run()
            found = [] if done.code == 0 else [f"exit {done.code}: {done.err}"]
            return found + self._of_the_files(done, injecting) + self._next(injecting)

    def _begin(self) -> None:
        for place in (self.home, self._temporary):
            shutil.rmtree(place)
        self._temporary.mkdir()
        shutil.copytree(self._template, self.home, symlinks=True)

    def _of_the_files(self, done: Ended, injecting: Injecting) -> list[str]:
        now, found = seen(self.home), self._newly_torn()
        if done.code in (0, 3) and not _same(now, self._new) and not _tells_what_stayed(done):
            found.append(f"not complete: {sorted(_differing(now, self._new))[:3]}")
        for name, digests in now.items():
            known = (
                self._old.get(name, set()) | self._new.get(name, set()) | self._end.get(name, set())
            )
            if not digests <= known:
                found.append(f"half-written: {name}")
        if not injecting.may_leave:
            known = self._old_names | self._new_names | self._end_names
            left = _strange(names(self.home) - known) | names(self._temporary)
            found += [f"left: {sorted(left)[:3]}"] if left else []
        if self.flow.lines and not found:
            found += [f"lost: {line!r}" for line in self._lines - lines_of(self.home)]
        return found

    def _newly_torn(self) -> list[str]:
        return [one for one in torn(self.home) if one not in self._torn]

    def _next(self, injecting: Injecting) -> list[str]:
        """Run without an error; return what is not as it would be without the one before."""
        for made in (*self._temporary.iterdir(), *self.home.glob("exports/.held/*")):
            os.utime(made, (0, 0))  # what looks as if just made is not swept
        done = self._run()
        found = [] if done.code == 0 else [f"the next run: exit {done.code}: {done.err.strip()}"]
        now, there = seen(self.home), names(self.home)
        if not (_same(now, self._new) or _same(now, self._end)):
            found.append(f"after the next run: {sorted(_differing(now, self._new))[:3]}")
        left = _strange(there - self._new_names - self._end_names)
        if injecting.may_leave:
            # An empty directory that could not be removed is in nobody's way.
            left -= empty(self.home)
        found += [f"left after the next run: {sorted(left)[:3]}"] if left else []
        found += [f"in the directory of temporary files: {left}" for left in names(self._temporary)]
        if self.flow.lines and not torn(self.home):
            found += [f"lost: {line!r}" for line in self._lines - lines_of(self.home)]
        return found + torn(self.home)

    def _run(self) -> Ended:
        return run(*self.flow.command, "--json")

    @contextmanager
    def _inside(self) -> Iterator[None]:
        before, temporary = Path.cwd(), tempfile.tempdir
        os.chdir(self.home)
        tempfile.tempdir = str(self._temporary)
        try:
            yield
        finally:
            os.chdir(before)
            tempfile.tempdir = temporary


def _strange(left: set[str]) -> set[str]:
    """Return what nobody comes back to.

    What is in the trash is emptied when it is due, and what is to be written to the state the next
    time has the same name again.
    """
    return {name for name in left if not name.startswith(("logs/.trash", "exports/.state/._"))}


def _tells_what_stayed(done: Ended) -> bool:
    """Whether the answer names what was left as it is, and why."""
    document = done.document
    return bool(document.get("skipped") or document.get("unread") or document.get("warnings"))


def _of_the_answer(done: Ended, fault: Fault, step: Step) -> list[str]:
    """Return what is wrong with what a person is told."""
    found = ["a traceback"] if "Traceback" in done.err else []
    if "a bug of" in done.err:
        found.append("called a bug")
    wanted = set(CODES[fault.name])
    if step.path.endswith(".yaml"):
        wanted.add(USAGE)
    if step.path.endswith(".zip") or "/_segments/" in step.path:
        wanted.add(INTEGRITY)  # nothing is removed for which no archive and no segment vouches
    codes = set(_codes_of_failures(done.document)) if done.code == 4 else {done.code}
    if done.code not in (0, 3) and not (codes and codes <= wanted):
        found.append(f"exit code {done.code} of {sorted(codes)}, not {sorted(wanted)}")
    if done.code not in (0, 3, 4) and not any(
        line.startswith("error: ") for line in done.err.splitlines()
    ):
        found.append("nothing is said")
    return found


def _codes_of_failures(document: Any) -> Iterator[int]:
    """Yield the exit codes of what failed, wherever in *document* it is told."""
    if isinstance(document, list):
        for one in document:
            yield from _codes_of_failures(one)
    elif isinstance(document, dict):
        code = document.get("exit_code")
        if document.get("error") and isinstance(code, int):
            yield code
        for one in document.values():
            yield from _codes_of_failures(one)


def _same(one: dict[str, set[str]], other: dict[str, set[str]]) -> bool:
    return not _differing(one, other)


def _differing(one: dict[str, set[str]], other: dict[str, set[str]]) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


def _open_below(base: Path) -> set[str]:
    """Return what this process holds open below *base*, with its descriptor."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            place = str(descriptor.readlink())
        except OSError:
            continue  # the one that lists them
        if place.startswith(str(base)):
            found.add(f"{descriptor.name} {place}")
    return found
