"""Every crash of every step that publishes, reads logs, archives, removes or brings back.

Replay one: `pytest export_assets_tests/crashes -k 'purge'`; every state names its step, model and
seed. EXPORT_ASSETS_SOAK=1 draws five times as many.
"""

from pathlib import Path

import pytest

from export_assets_tests.archives.keys import OPENING
from export_assets_tests.crashes.exploring import Case, explore
from export_assets_tests.crashes.log_cases import Ingesting, Offloading, Purging, Restoring
from export_assets_tests.crashes.publishing_cases import Delivering, Publishing, Removing
from export_assets_tests.effort import effort
from export_assets_tests.proof.plugin import Proven

pytestmark = [
    pytest.mark.suite("crash-model"),
    pytest.mark.promise("whole-or-absent"),
    pytest.mark.timeout(effort(300, soak=7200)),
]

CASES: tuple[tuple[Case, int, int, int], ...] = (
    # Seeds of chance, crashes of each recovery, states that there are at least.
    (Publishing(replace=False), 12, 1, 600),
    (Publishing(replace=True), 12, 1, 480),
    (Publishing(replace=True, exchanges=False), 12, 1, 530),
    (Removing(), 40, 2, 600),
    (Delivering(), 2, 0, 230),
    (Ingesting(), 2, 0, 200),
    (Offloading(grace=True), 3, 1, 370),
    (Offloading(grace=False), 3, 1, 500),
    (Offloading(grace=True, keyring=OPENING), 1, 0, 150),
    (Purging(), 30, 2, 700),
    (Restoring(), 30, 2, 1_200),
)
"""5,000 of them, and some more; a test sums them up."""


@pytest.mark.parametrize("row", CASES, ids=[case.name for case, *_ in CASES])
def test_a_crash_at_any_step_loses_nothing_and_the_next_run_goes_on(
    row: tuple[Case, int, int, int], quick: Path, proven: Proven
) -> None:
    case, seeds, nested, least = row
    explored = explore(
        case, quick, seeds=range(effort(seeds, soak=5 * seeds)), nested=effort(nested, soak=4)
    )

    assert explored.faults == []
    assert explored.states >= least, "too few crashes"
    proven(explored.states, "states", f"{len(explored.faults)} faults")
    proven(explored.different, "different trees", f"{len(explored.faults)} faults")


def test_there_are_five_thousand_crashes() -> None:
    assert sum(least for *_, least in CASES) >= 5_000
