"""Bad input: one clear line, the right exit code, nothing left behind."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CDLL
from pathlib import Path

import pytest

from export_assets.store.layout import ExportKey, lock_path
from export_assets.store.lock import partition_lock
from export_assets_tests.end_to_end.world import Ended, World, leftovers


def refused(done: Ended, *, code: int, saying: str) -> None:
    assert done.code == code, done
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("error: ")
    assert saying in done.err
    assert "Traceback" not in done.err


def nothing_left(world: World) -> bool:
    exports = world.home / "exports"
    return leftovers(world.home) == [] and not list(exports.rglob("part-*"))


def zero_bytes(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("this is a letter, not a database\n" * 50, encoding="utf-8")


def corrupt_page(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (id integer primary key, v text)")
        connection.executemany("insert into t values (?, ?)", [(i, "x" * 500) for i in range(400)])
    connection.close()
    damaged = bytearray(path.read_bytes())
    damaged[4096 * 5 : 4096 * 6] = os.urandom(4096)
    path.write_bytes(damaged)


def cut_short(path: Path) -> None:
    corrupt_page(path)
    path.write_bytes(path.read_bytes()[:30_000])


@pytest.mark.parametrize("damage", [zero_bytes, text, corrupt_page, cut_short])
def test_a_damaged_database_is_corrupt_and_publishes_nothing(
    world: World, damage: Callable[[Path], None]
) -> None:
    damage(world.home / "shop.db")

    done = world.run("export", "shop.db", "-f", "all")

    assert done.code == 12, done
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err
    assert nothing_left(world)


def test_a_missing_file_is_named(world: World) -> None:
    refused(world.run("export", "gone.db"), code=10, saying="gone.db")
    assert not (world.home / "exports").exists()
    assert not (world.home / "gone.db").exists()


def test_an_unknown_table_is_refused_with_the_nearest_and_all_names(world: World) -> None:
    world.database()

    done = world.run("export", "shop.db", "order")

    refused(
        done,
        code=2,
        saying="Invalid table name 'order'. Did you mean 'orders'? "
        "Valid names: customers, orders, empty, big_orders",
    )
    assert nothing_left(world)


def without_root_override() -> None:
    """Let permissions hold for root too, in a process about to start."""
    drop = 24
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        CDLL(None).prctl(drop, capability, 0, 0, 0)


def test_a_directory_one_may_not_write_is_refused(world: World) -> None:
    world.database()
    target = world.home / "closed"
    target.mkdir(mode=0o500)

    done = world.run("export", "shop.db", "-o", target, preexec_fn=without_root_override)

    refused(done, code=20, saying="permission denied")
    assert list(target.iterdir()) == []


def test_a_full_disk_publishes_nothing(world: World) -> None:
    world.database(rows=30_000)
    program = (
        "import resource, signal, sys; from export_assets.cli.app import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000,) * 2);"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "sys.exit(main(['export', 'shop.db', 'orders', '-f', 'json,ndjson']))"
    )
    limited = [sys.executable, "-c", program]

    done = subprocess.run(
        limited, cwd=world.home, env=world.environment(), capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 21, done
    assert "Traceback" not in done.stderr
    assert nothing_left(world)


def test_a_full_device_under_stdout_is_told(daily: World) -> None:
    daily.run("export", "shop")

    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            daily.command("list"),
            env=daily.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )

    assert done.returncode == 21
    assert done.stderr.count("\n") == 1
    assert "no space left" in done.stderr


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Hold a write lock on *database* in another process."""
    program = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('begin exclusive'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate()


def test_a_database_held_by_another_process_is_busy(daily: World) -> None:
    with held(daily.home / "shop.db"):
        done = daily.run("export", "shop", env={"EXPORT_ASSETS_SOURCES__SHOP__BUSY_TIMEOUT": "0.2"})

    refused(done, code=11, saying="locked")
    assert nothing_left(daily)


def test_a_partition_held_by_another_run_is_locked(daily: World) -> None:
    lock = lock_path(daily.home / "exports", ExportKey("shop", "customers", "csv"), "all")

    with partition_lock(lock, holder="another-run"):
        done = daily.run("export", "shop", "customers", "-f", "csv", "--lock-timeout", "0.1")

    refused(done, code=22, saying="another-run")


def test_every_mistake_of_a_configuration_is_a_line_of_its_own(world: World) -> None:
    world.configure("source: shop\nurl: shop.db\nformts: [csv]\ntabels: {}\n")

    done = world.run("validate", "--json")

    assert done.code == 2
    told = [line.removeprefix("error: ") for line in done.err.splitlines()]
    assert told == done.document["error"].splitlines()
    assert len(done.err.splitlines()) == 2


def test_a_bug_says_so_in_one_line_and_shows_more_on_request(world: World) -> None:
    program = (
        "import sys; from export_assets.cli import project;"
        "project.settings_of = lambda home: 1 // 0;"
        "from export_assets.cli.app import main; sys.exit(main(sys.argv[1:]))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program, "list", *more],
            env=world.environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        for more in ([], ["-v"])
    ]

    assert [run.returncode for run in runs] == [70, 70]
    assert "Traceback" not in runs[0].stderr
    assert "ZeroDivisionError" in runs[0].stderr
    assert runs[0].stderr.count("\n") == 1
    assert "Traceback" in runs[1].stderr
