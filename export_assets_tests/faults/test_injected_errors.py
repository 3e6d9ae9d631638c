"""An error of the system at any call of a whole command: the right class, nothing left over.

A fault names the command, the error and its number; `Trying(flow, directory).wrong(fault, k)`
does it again. EXPORT_ASSETS_SOAK=1 tries every error at every call that can give it.
"""

import random
import signal
from pathlib import Path
from types import FrameType

import pytest

from export_assets_tests.archives.conftest import quick
from export_assets_tests.effort import effort
from export_assets_tests.faults.flows import FLOWS, Flow
from export_assets_tests.faults.trying import FAULTS, Trying
from export_assets_tests.proof.plugin import Proven

__all__ = ["quick"]

pytestmark = [
    pytest.mark.suite("injected-errors"),
    pytest.mark.promise("whole-or-absent", "complete-or-loud"),
    pytest.mark.timeout(effort(300, soak=14_400)),
]

SEED = 7
TIMES = effort(1, soak=13)
WORST = 5


@pytest.mark.parametrize("flow", FLOWS, ids=[flow.name for flow in FLOWS])
def test_an_error_at_any_call_has_its_class_and_the_next_run_needs_nobody(
    flow: Flow, quick: Path, proven: Proven
) -> None:
    base = quick / "base"
    base.mkdir()
    trying = Trying(flow, base)
    tried, wrong = 0, list[str]()
    chosen = list(trying.choices(random.Random(f"{SEED} {flow.name}"), flow.each_time * TIMES))

    for fault, k in chosen:
        found = trying.wrong(fault, k)
        tried += found is not None  # threads pass a call more, or less
        wrong += found or []
        if len(wrong) > WORST:
            break

    assert wrong == []
    assert tried >= len(chosen) * 0.6, "faults did not fire"
    proven(tried, "injected errors", f"{len(wrong)} wrong")


def test_each_kind_of_error_can_hit_something(quick: Path) -> None:
    base = quick / "base"
    base.mkdir()
    trying = Trying(FLOWS[0], base)

    assert [fault for fault in FAULTS if not any(map(fault.can_hit, trying.steps))] == []


@pytest.mark.parametrize("name", ["publish", "offload", "one file sqlite"])
def test_calls_that_signals_interrupt_are_made_again(
    name: str, quick: Path, proven: Proven
) -> None:
    """EINTR is what the system says when a signal comes; Python and libraries go on."""
    base = quick / "base"
    base.mkdir()
    flow = next(flow for flow in FLOWS if flow.name == name)
    trying = Trying(flow, base)
    came = 0

    def take(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        came += 1

    before = signal.signal(signal.SIGALRM, take)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        wrong = trying.undisturbed()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert wrong == []
    assert came > 20, "few signals came"
    proven(came, "signals in the middle of calls", f"{len(wrong)} wrong")
