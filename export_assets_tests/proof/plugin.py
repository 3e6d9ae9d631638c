"""Collects what tests prove, and writes it down where `EXPORT_ASSETS_PROOF` says."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export_assets_tests.proof.suites import PROMISES, SUITES

Proven = Callable[[int, str, str], None]
"""Takes how many, of what, and what came of it: `proven(500, "kills", "0 torn")`."""

_COLLECTED = pytest.StashKey[list[dict[str, Any]]]()


@pytest.fixture
def proven(request: pytest.FixtureRequest) -> Proven:
    """Tell how much a test of a suite did."""
    told: list[tuple[str, object]] = request.node.user_properties

    def tell(count: int, unit: str, result: str) -> None:
        told.append(("proven", (count, unit, result)))

    return tell


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "suite(name): part of a suite of export_assets_tests.proof")
    config.addinivalue_line("markers", "promise(name): fails if that promise is broken")
    config.stash[_COLLECTED] = []
    if "EXPORT_ASSETS_PROOF" in os.environ and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Notes(config.stash[_COLLECTED]), "export_assets_proof")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let reports carry the markers; they reach the process that collects them."""
    for item in items:
        for marker, known in (("suite", SUITES), ("promise", PROMISES)):
            for mark in item.iter_markers(marker):
                for name in mark.args:
                    if name not in known:
                        msg = f"{item.nodeid}: no {marker} is called {name!r}"
                        raise pytest.UsageError(msg)
                    item.user_properties.append((marker, name))


class _Notes:
    """What was reported, by test."""

    def __init__(self, notes: list[dict[str, Any]]) -> None:
        self._notes = notes

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        told: dict[str, list[Any]] = {"suite": [], "promise": [], "proven": []}
        for name, value in report.user_properties:
            if name in told and value not in told[name]:
                told[name].append(value)
        seconds = round(report.duration, 2)
        outcome = report.outcome
        self._notes.append({"test": report.nodeid, "outcome": outcome, "seconds": seconds, **told})

    def pytest_sessionfinish(self) -> None:
        path = Path(os.environ["EXPORT_ASSETS_PROOF"])
        path.write_text(json.dumps(self._notes, indent=1), encoding="utf-8")
