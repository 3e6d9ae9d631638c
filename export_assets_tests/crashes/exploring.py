"""Crashes a piece of work after each of its steps, in every manner, and lets the next run go on.

explored = explore(Publishing(...), directory, seeds=range(4), nested=5)
assert explored.faults == []
"""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from export_assets_tests.crashes.calls import Step, watching
from export_assets_tests.crashes.disk import Disk
from export_assets_tests.crashes.durability import MODELS, Memory, Tree

PLACE = "disk"
"""Where all of it happens: files name other files by their whole path."""
WORST = 5
"""Faults that are told, of many."""


class Case(Protocol):
    """Work that may crash, and what has to hold of it."""

    @property
    def name(self) -> str:
        """What it is called in a fault."""

    def prepare(self, root: Path) -> None:
        """Make what is there, and durable, before the work."""

    def work(self, root: Path) -> None:
        """Do what may crash."""

    def recover(self, root: Path) -> None:
        """Do what the next run does."""

    def at_once(self, root: Path, *, finished: bool) -> list[str]:
        """Return what is wrong right after the crash; *finished*: the work had returned."""

    def in_the_end(self, root: Path) -> list[str]:
        """Return what is wrong after the next run."""


@dataclass
class Explored:
    """What was tried.

    Attributes:
        states: Crashes: one for each step, model, seed, and crash of a recovery.
        different: How many of them left another tree.
        steps: The steps of the work that changed something or made it durable.
        faults: What was wrong, with how to come there again.
    """

    states: int = 0
    different: int = 0
    steps: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _State:
    """What one crash left."""

    name: str
    tree: Tree
    finished: bool
    memory: Memory | None = None
    """Of a machine that went on: what is durable of the tree, and what is not."""

    @property
    def durable(self) -> object:
        """Equal for states of which the same is durable."""
        return self.memory and self.memory.crash("strict", random.Random()).key


class _Recorder(Disk):
    """Crashes after every step, on paper."""

    def __init__(self, root: Path, seeds: range, memory: Memory | None = None) -> None:
        super().__init__(root, memory)
        self.states: list[_State] = []
        self._seeds = seeds
        self.note()

    @property
    def last(self) -> str:
        """Which step was the last."""
        return f"step {len(self.steps)} ({self.steps[-1] if self.steps else 'start'})"

    def after(self, step: Step) -> None:
        before = len(self.steps)
        super().after(step)
        if len(self.steps) > before:
            self.note()

    def note(self, *, finished: bool = False) -> None:
        """Take down what a crash would leave now."""
        for model in MODELS:
            tree = self.memory.crash(model, random.Random())
            memory = self.memory.copy() if model == "kill" else None
            self.states.append(_State(f"{self.last}, {model}", tree, finished, memory))
        for seed in self._seeds:
            tree = self.memory.crash("random", random.Random(seed * 1_000_003 + len(self.steps)))
            self.states.append(_State(f"{self.last}, random:{seed}", tree, finished))


class _Sampler(_Recorder):
    """Crashes after a few steps, each as likely as the others, in one manner each."""

    def __init__(self, root: Path, memory: Memory | None, many: int, chance: random.Random) -> None:
        self._many = many
        self._chance = chance
        self._seen = 0
        super().__init__(root, range(0), memory)

    def note(self, *, finished: bool = False) -> None:
        """Take down one crash, or not."""
        self._seen += 1
        place = len(self.states)
        if place == self._many:
            place = self._chance.randrange(self._seen)
        if place < self._many:
            model = self._chance.choice((*MODELS, "random", "random"))
            tree = self.memory.crash(model, self._chance)
            self.states[place : place + 1] = [_State(f"{self.last}, {model}", tree, finished)]


def explore(case: Case, directory: Path, *, seeds: range, nested: int = 0) -> Explored:
    """Try every crash of *case*; *nested* crashes of each recovery as well.

    Args:
        case: The work.
        directory: An empty directory, on a disk that is fast.
        seeds: Of the model that leaves any part of what is not durable.
        nested: How many crashes of the recovery from each different state.
    """
    trying = _Trying(case, directory, nested)
    recorded = trying.record(seeds)
    trying.explored.steps = recorded.steps
    for state in reversed(recorded.states):  # most of what is lost is lost in the end
        trying.state(state)
        if len(trying.explored.faults) >= WORST:
            break
    trying.explored.different = len(trying.seen)
    return trying.explored


class _Trying:
    """One case, and which trees were tried."""

    def __init__(self, case: Case, directory: Path, nested: int) -> None:
        self.explored = Explored()
        self.seen: set[object] = set()
        self._case = case
        self._directory = directory
        self._nested = nested

    def record(self, seeds: range) -> _Recorder:
        """Do the work once, without a crash."""
        root = self._directory / PLACE
        root.mkdir()
        self._case.prepare(root)
        recorder = _Recorder(root, seeds)
        with watching(root, recorder):
            self._case.work(root)
        recorder.note(finished=True)
        shutil.rmtree(root)
        return recorder

    def state(self, state: _State, *, deep: bool = True) -> None:
        """Go on from *state*; where *deep*, crash on the way, and go on from there, too."""
        self.explored.states += 1
        key = (state.tree.key, state.finished, state.durable)
        if key in self.seen:
            return
        self.seen.add(key)
        again: list[_State] = []
        found: list[str] = []
        with _on_disk(state.tree, self._directory) as root:
            try:
                found += self._case.at_once(root, finished=state.finished)
                again = self._recover(root, state, deep=deep)
                found += self._case.in_the_end(root)
                found += self._second(root)
            except Exception as error:  # noqa: BLE001  # whatever it is, nothing may end so
                found.append(f"{type(error).__name__}: {error}")
        self.explored.faults += [f"{self._case.name}: {state.name}: {fault}" for fault in found]
        for crashed in again if not found else []:
            name = f"{state.name}; recovery: {crashed.name}"
            self.state(_State(name, crashed.tree, state.finished), deep=False)

    def _recover(self, root: Path, state: _State, *, deep: bool) -> list[_State]:
        """Let the next run go on; return crashes on its way."""
        if not deep or not self._nested:
            self._case.recover(root)
            return []
        chance = random.Random(state.name)
        sampler = _Sampler(root, state.memory, self._nested, chance)
        with watching(root, sampler):
            self._case.recover(root)
        return sampler.states

    def _second(self, root: Path) -> list[str]:
        """Return what the run after the next changed, which has nothing to do."""
        before = Disk(root).memory.crash("kill", random.Random())
        self._case.recover(root)
        after = Disk(root).memory.crash("kill", random.Random())
        return [] if before.key == after.key else ["the second run changed something"]


@contextmanager
def _on_disk(tree: Tree, directory: Path) -> Iterator[Path]:
    """Give a directory that holds *tree*."""
    root = directory / PLACE
    tree.write(root)
    try:
        yield root
    finally:
        shutil.rmtree(root)
