"""Documents of many annotations, in memory that does not grow with them."""

import subprocess
import sys
from pathlib import Path

import pytest

from export_assets.systems.labeling.sample_large import make_large
from export_assets_tests.effort import SOAK
from export_assets_tests.systems.labeling.labeling_world import Project, environment

MEASURED = """
import sys
from pathlib import Path
from export_assets_tests.peak_memory import peak_kilobytes
from export_assets_tests.systems.labeling.labeling_world import Project
report = Project(Path(sys.argv[1])).export(tables=("project_documents",))
print(sum(one.rows for one in report.records))
print(peak_kilobytes() // 1024)
"""


def measure(home: Path, annotations: int) -> tuple[int, int]:
    """Export that many annotations in a process of its own; return records and its peak in MB."""
    project = Project(home)
    project.database.parent.mkdir(parents=True)
    make_large(project.database, annotations=annotations)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(home)],
        capture_output=True, text=True, env=environment(), timeout=900,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    records, peak = done.stdout.split()
    return int(records), int(peak)


def test_memory_does_not_grow_with_the_annotations(tmp_path: Path) -> None:
    few, small = measure(tmp_path / "few", 25_000)
    many, large = measure(tmp_path / "many", 100_000)
    assert few > 25_000
    assert many > 3.5 * few
    assert large < 1.35 * small


@pytest.mark.skipif(not SOAK, reason="takes a minute; EXPORT_ASSETS_SOAK=1 runs it")
def test_a_million_annotations_need_less_than_400_mb(tmp_path: Path) -> None:
    records, peak = measure(tmp_path / "million", 1_000_000)
    assert records > 1_000_000
    assert peak < 400
