"""A run killed anywhere as it follows a cursor leaves nothing behind that the next one misses."""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from export_assets_tests.engine.edit_model import in_database, published
from export_assets_tests.engine.engine_world import World, leftovers, shop
from export_assets_tests.proof.plugin import Proven

YAML = """
source: shop
url: shop.db
tables:
  orders: {partition_by: {column: at}, cursor: updated_at, lag: 0, tombstones: true}
"""
CREATE = """
create table orders (id integer primary key, at timestamp, total integer, note text,
                     updated_at timestamp);
insert into orders values
  (1, '2026-02-01T10:00:00', 1, 'a', '2026-02-01T10:00:00'),
  (2, '2026-02-01T11:00:00', 2, 'a', '2026-02-01T11:00:00'),
  (3, '2026-02-02T10:00:00', 3, 'a', '2026-02-02T10:00:00'),
  (4, '2026-02-03T10:00:00', 4, 'a', '2026-02-03T10:00:00');
"""
EDITS = """
update orders set total = 10, updated_at = '2026-02-04T01:00:00' where id = 2;
update orders set total = 30, updated_at = '2026-02-04T02:00:00' where id = 3;
insert into orders values (5, '2026-02-04T10:00:00', 5, 'a', '2026-02-04T03:00:00');
delete from orders where id = 1;
"""

KILLED = """
import os, signal, sys
from pathlib import Path
from export_assets.store.filesystem import Filesystem
from export_assets.store.local import LocalStore
from export_assets_tests.engine.engine_world import World

class Dying(Filesystem):
    left = int(sys.argv[3])

    def at(self, name):
        if name == sys.argv[2]:
            Dying.left -= 1
            if Dying.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

exporter = World(Path(sys.argv[1])).exporter(tables=("orders",))
exporter.workspace.__dict__["store"] = LocalStore(
    exporter.workspace.project.settings.exports_dir, filesystem=Dying()
)
exporter.export()
"""


@pytest.mark.suite("crash-points")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.parametrize(
    ("point", "times"),
    [("manifest_synced", 1), ("published", 1), ("published", 2), ("published", 3)],
)
def test_the_next_run_finds_what_a_killed_one_left_undone(
    tmp_path: Path, point: str, times: int, proven: Proven
) -> None:
    world = shop(tmp_path, YAML, CREATE)
    world.export(tables=("orders",))
    world.sql(EDITS)
    root = Path(__file__).parents[2]

    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), point, str(times)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    world.now += timedelta(minutes=1)
    world.export(tables=("orders",))

    assert done.returncode == -signal.SIGKILL, done.stderr
    assert published(world, "parquet") == in_database(world)
    assert _dead(world) == ['{"id":1}']
    left = leftovers(world.exports)
    assert left == []
    proven(1, "kill at a point of a run that follows a cursor", f"{len(left)} left over")


def _dead(world: World) -> list[str]:
    found = sorted(world.exports.glob("shop/orders/parquet/*/_tombstones.ndjson"))
    lines = [line for path in found for line in path.read_text(encoding="utf-8").splitlines()]
    return [line.partition('"key":')[2].partition(',"deleted')[0] for line in lines]
