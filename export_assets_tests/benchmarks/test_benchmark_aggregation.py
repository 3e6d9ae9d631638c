"""The aggregation that is measured is of all events of the log."""

from argparse import Namespace
from pathlib import Path

from benchmarks import aggregation


def test_aggregation_is_measured_beside_reading(tmp_path: Path) -> None:
    outcome = aggregation.measure(Namespace(rows=2_000, rounds=1, work=tmp_path))

    [bar] = outcome.bars
    assert [len(part.seconds) for part in outcome.parts] == [3, 3]
    assert (bar.promise, bar.met) == ("aggregation", True)
    assert not (tmp_path / "aggregation").exists()
