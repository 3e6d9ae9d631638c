"""A long range of partitions of which some fail, or in which the process is killed."""

import random
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from export_assets_tests.effort import effort
from export_assets_tests.end_to_end.world import Ended, World, leftovers, tree
from export_assets_tests.proof.plugin import Proven
from export_assets_tests.quick_program import quick_program

DAYS = effort(100, soak=1_000)
FAILING = DAYS // 10
SEED = 20260711

pytestmark = [pytest.mark.suite("failing-backfill"), pytest.mark.timeout(300 + 10 * DAYS)]

YAML = """\
source: shop
url: sqlite:///shop.db
formats: [parquet]
tables:
  orders: {partition_by: {column: ordered_at, every: day}}
"""
CREATE = """
create table orders (id integer primary key, ordered_at timestamp, total integer);
insert into orders
  with recursive counted(number) as (
    select 0 union all select number + 1 from counted where number < {rows} - 1
  )
  select number, date('2020-01-01', '+' || (number / 2) || ' days') || 'T10:00:00', number
  from counted;
"""


@pytest.fixture
def days(world: World) -> World:
    """A project whose orders are of many days, two each."""
    with sqlite3.connect(world.home / "shop.db") as connection:
        connection.executescript(CREATE.format(rows=2 * DAYS))
    connection.close()
    world.configure(YAML)
    return world


def export(world: World, env: Mapping[str, str] | None = None) -> Ended:
    done = subprocess.run(
        [str(quick_program()), "export", "shop", "--json"],
        cwd=world.home,
        env=world.environment(env),
        capture_output=True,
        text=True,
        timeout=60 + DAYS,
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def place(world: World) -> Path:
    return world.home / "exports" / "shop" / "orders" / "parquet"


def counts(ended: Ended) -> Counter[str]:
    return Counter(ended.document["counts"])


def test_after_failures_the_next_run_does_exactly_what_failed(days: World, proven: Proven) -> None:
    first_day = date(2020, 1, 1)
    every = [f"day={first_day + timedelta(days=number)}" for number in range(DAYS)]
    guilty = random.Random(SEED).sample(every, FAILING)
    place(days).mkdir(parents=True)
    for name in guilty:
        (place(days) / name).write_bytes(b"in the way")

    first = export(days)
    before = tree(place(days))
    for name in guilty:
        (place(days) / name).unlink()
    second = export(days)
    after = tree(place(days))
    third = export(days)

    assert (first.code, second.code, third.code) == (4, 0, 0), f"seed {SEED}"
    assert counts(first) == {"success": DAYS - FAILING, "failed": FAILING}
    assert counts(second) == {"success": FAILING, "unchanged": DAYS - FAILING}
    assert counts(third) == {"unchanged": DAYS}
    untouched = {name: facts for name, facts in before.items() if name not in guilty}
    assert {name: facts for name, facts in after.items() if name in untouched} == untouched
    assert {name.partition("/")[0] for name in after.keys() - untouched.keys()} == set(guilty)
    assert tree(place(days)) == after
    proven(
        DAYS,
        "partitions exported by a command",
        f"{counts(first)['failed']} failed with exit {first.code}; the next run did "
        f"{counts(second)['success']} with exit {second.code}, the rest unchanged",
    )


@pytest.mark.suite("kills")
@pytest.mark.promise("whole-or-absent")
def test_after_a_kill_the_next_run_does_exactly_the_rest(days: World, proven: Proven) -> None:
    chance, done = random.Random(SEED), []
    for number in range(effort(1, soak=4)):
        exports = {"EXPORT_ASSETS_EXPORTS_DIR": str(days.home / f"exports-{number}")}
        published = place(days).relative_to(days.home / "exports")
        root = days.home / f"exports-{number}" / published
        point = f"published:{chance.randint(2, DAYS - 1)}"

        crash = {"EXPORT_ASSETS_TESTING": "1", "EXPORT_ASSETS_CRASH": point}
        killed = export(days, exports | crash)
        there = {path.parent.name for path in root.glob("day=*/_manifest.json")}
        before = {
            name: facts for name, facts in tree(root).items() if name[: len("day=") + 10] in there
        }
        second = export(days, exports)

        assert killed.code == -signal.SIGKILL, point
        assert 0 < len(there) < DAYS, point
        assert second.code == 0, second.err
        assert counts(second) == {"success": DAYS - len(there), "unchanged": len(there)}, point
        assert before.items() <= tree(root).items(), point
        assert leftovers(root) == []
        done.append(len(there))
    proven(
        len(done),
        f"runs over {DAYS} partitions killed in the middle",
        f"{sum(done)} partitions published by then were left alone, the rest was done",
    )
