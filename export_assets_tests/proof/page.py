"""The page docs/reliability.md, from the notes of the last run of every suite."""

import os
import platform
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from export_assets_tests.proof.suites import PROMISES, SUITES, Suite

Note = dict[str, Any]
"""What one test told: `test`, `outcome`, `seconds`, `suite`, `promise`, `proven`."""
Run = dict[str, Any]
"""The last run of a suite: `on`, a date, `where`, a machine, and its `notes`."""

_NUMBER = re.compile(r"\d[\d,]*\d|\d")
LIBRARIES = ("dagster", "polars", "pyarrow", "duckdb", "pandera")
HEAD = """\
# Reliability

What `export_assets` promises, what tries to break each promise, and how often it was tried.
This page is written by `make soak`, which runs every suite below at its full size on real files,
real databases and real processes; `make test` runs a sample of each, the same one every time.

"""
AGAIN = '`make soak SUITES="kills"` runs one suite again.\n\n'
MODEL = """\
A power cut is modelled: real code works on real files, and after each of its calls a model of the
disk says what a crash would leave: everything, only what was synced, every name without content,
or any part of it. From each of these states the next run has to go on, and some of those runs are
crashed as well ([decision 0042](decisions/0042-crashes-are-modelled-beside-real-files.md)).
The harness is tested itself: with algorithms made faulty on purpose, which it has to find.

"""
LEFT_OUT = """\
## What is not promised

- Lines that their writer cut away before they were read (copytruncate) are told and counted, not
  recovered.
- A disk that says it synced and did not.
- File systems without rename or `flock`, as some network file systems are.
"""


@dataclass
class Outcome:
    """What became of one suite."""

    suite: Suite
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    seconds: float = 0.0
    done: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    came_of_it: dict[str, None] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether all of it ran, and nothing was broken."""
        return not self.failed and self.passed > 0

    @property
    def result(self) -> str:
        """In a few words."""
        if self.failed:
            return f"**BROKEN**: {len(self.failed)} of {self.passed + len(self.failed)} tests"
        if not self.passed:
            return "**not run**"
        skipped = f"; {len(self.skipped)} not run here" if self.skipped else ""
        return (
            "; ".join(_summed(self.came_of_it)) + skipped if self.came_of_it else f"held{skipped}"
        )


def _summed(results: Iterable[str]) -> list[str]:
    """Return *results*, those that differ in their numbers alone as one, with the sums."""
    alike: dict[tuple[str, ...], list[list[int]]] = defaultdict(list)
    for result in results:
        numbers = [int(number.replace(",", "")) for number in _NUMBER.findall(result)]
        alike[tuple(_NUMBER.split(result))].append(numbers)
    summed = []
    for texts, many in alike.items():
        sums = [f"{sum(numbers):,}" for numbers in zip(*many, strict=True)]
        summed.append("".join(map("".join, zip(texts, [*sums, ""], strict=True))))
    return summed


def outcomes(notes: Iterable[Note]) -> dict[str, Outcome]:
    """Return what became of every suite, those without a test included."""
    found = {name: Outcome(suite) for name, suite in SUITES.items()}
    for note in notes:
        for name in note["suite"]:
            _add(found[name], note)
    return found


def _add(outcome: Outcome, note: Note) -> None:
    outcome.seconds += note["seconds"]
    if note["outcome"] == "passed":
        outcome.passed += 1
    else:
        getattr(outcome, note["outcome"]).append(note["test"])
    for count, unit, result in note["proven"]:
        outcome.done[unit] += count
        outcome.came_of_it[result] = None


def page(runs: Mapping[str, Run]) -> str:
    """Return the page, from the last run of each suite."""
    rows, notes = [], dict[str, Note]()
    for name in SUITES:
        run: Run = runs.get(name, {"on": "never", "where": "", "notes": []})
        rows.append(_row(outcomes(run["notes"])[name], run["on"]))
        notes |= {note["test"]: note for note in run["notes"]}
    table = ["| what is tried | at least | done | may come of it | came of it | tests | on |"]
    table += ["|---|---|---|---|---|---|---|", *rows, "", ""]
    body = "## The suites\n\n" + "\n".join(table) + MODEL + _promises(notes.values())
    wheres = dict.fromkeys(run["where"] for run in runs.values())
    where = f"The figures are of {'; or of '.join(wheres)}. "
    return HEAD + where + AGAIN + body + LEFT_OUT


def machine() -> str:
    """Return what the figures of a run on this machine hold for."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {libraries}"
    )


def _row(outcome: Outcome, on: str) -> str:
    suite = outcome.suite
    done = ", ".join(f"{count:,} {unit}" for unit, count in outcome.done.items()) or "-"
    tests = f"{outcome.passed + len(outcome.failed):,}"
    cells = (suite.title, suite.promised, done, suite.bound, outcome.result, tests, on)
    return f"| {' | '.join(cells)} |"


def _promises(notes: Iterable[Note]) -> str:
    parts = ["## The promises, and the tests that fail if one is broken\n"]
    for name, promise in PROMISES.items():
        parts.append(f"### {promise.title}\n\n{promise.text}\n")
        guards: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for note in notes:
            if name in note["promise"]:
                path, _, test = note["test"].partition("::")
                guards[path][test.partition("[")[0]] += 1
        for path, tests in sorted(guards.items()):
            parts.append(f"- `{path}`")
            parts += [f"    - `{test}`{_times(times)}" for test, times in tests.items()]
        parts.append("")
    return "\n".join(parts) + "\n"


def _times(times: int) -> str:
    return f", {times} times" if times > 1 else ""
