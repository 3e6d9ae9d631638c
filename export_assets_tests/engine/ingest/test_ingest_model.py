"""Random lives of logs: no line missing, none twice, and the bytes add up."""

from collections import Counter
from pathlib import Path

import pytest

from export_assets_tests.effort import effort
from export_assets_tests.engine.ingest.log_model import Life
from export_assets_tests.proof.plugin import Proven

LIVES = effort(120, soak=2000)
GROUPS = effort(2, soak=4)


@pytest.mark.suite("log-lives")
@pytest.mark.promise("every-byte")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("truncating", [False, True], ids=["whole", "truncating"])
@pytest.mark.parametrize("group", range(GROUPS))
def test_every_line_is_published_exactly_once(
    truncating: bool,  # noqa: FBT001 - a parameter of the test
    group: int,
    tmp_path: Path,
    proven: Proven,
) -> None:
    happened: Counter[str] = Counter()
    for seed in range(group, LIVES, GROUPS):
        life = Life(tmp_path / str(seed), seed, truncating=truncating)

        life.live()

        published = life.published
        missing = life.written - life.lost - published.keys()
        twice = {number for number, count in published.items() if count > 1}
        assert (seed, missing, twice) == (seed, set(), set())
        happened["lives"] += 1
        happened["missing"] += len(missing)
        happened["twice"] += len(twice)
        for _, manifest, record in life.world.segments:
            told = record.exported_bytes + record.quarantined_bytes + record.blank_bytes
            assert told == record.end - record.start
            assert manifest.counters.exported == manifest.rows
        happened["crashes"] += life.crashes
        happened["truncations"] += life.truncations
        happened["rotated"] += life.rotated
        happened["lost"] += len(life.lost)

    assert min(happened["crashes"], happened["rotated"], happened["lost"]) > 2, happened
    # A log rotated and removed between two passes looks the same, so there are some without.
    assert happened["truncations"] > 5 or not truncating, happened
    proven(
        happened["lives"],
        f"lives of logs {'with' if truncating else 'without'} truncation",
        f"{happened['crashes']} crashes, {happened['rotated']} rotations; {happened['missing']} "
        f"lines missing, {happened['twice']} doubled, {happened['lost']} gone before any look",
    )
