"""Seconds from `export-assets list` to the prompt again, over an empty store."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contenders import own_version, program
from benchmarks.measure import run_measured
from benchmarks.report import Bar, Outcome
from benchmarks.rounds import Result


def measure(options: argparse.Namespace) -> Outcome:
    """Time it at least three times; return the verdict on the bar."""
    command = [program(), "list"]
    version = own_version()
    result = Result(job=("list",), contender="export-assets", role="ours", version=version)
    # Nothing is written, so nothing can be compared.
    result.unverified = True
    for _ in range(max(options.rounds, 3)):
        with TemporaryDirectory() as directory:
            usage = run_measured(command, directory=Path(directory), environment={}, timeout=60)
        result.usages.append(usage)
    measured = result.median("wall")
    name = "export-assets list"
    bar = Bar(name=name, measured=measured, limit=0.6, unit=" s", promise="start")
    return Outcome(results=[result], bars=[bar])
