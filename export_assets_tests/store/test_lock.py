"""Locks: one holder, named; gone with its process; never lost to an unlink."""

import os
import re
import threading
import time
from pathlib import Path

import pytest

from export_assets.errors import DestLocked
from export_assets.store import lock
from export_assets.store.lock import partition_lock, read_holder


def test_a_held_lock_is_signed_and_a_free_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "all.lock"

    with partition_lock(path, holder="r1"):
        holder = read_holder(path)
    free = read_holder(path)

    assert holder is not None
    assert (holder.pid, holder.run) == (os.getpid(), "r1")
    assert holder.since.tzinfo is not None
    assert free is None
    assert path.exists()


def test_a_second_taker_is_told_who_and_since_when(tmp_path: Path) -> None:
    path = tmp_path / "all.lock"

    with (
        partition_lock(path, holder="r1"),
        pytest.raises(DestLocked) as caught,
        partition_lock(path, holder="r2", subject="shop/orders/csv/all"),
    ):
        pass

    assert re.fullmatch(
        rf"shop/orders/csv/all: locked by process {os.getpid()} on \S+ \(run r1\)"
        r" since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC",
        str(caught.value),
    )


def test_waiting_ends_when_the_lock_comes_free(tmp_path: Path) -> None:
    path = tmp_path / "all.lock"
    held = threading.Event()

    def hold() -> None:
        with partition_lock(path, holder="r1"):
            held.set()
            time.sleep(0.2)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    begun = time.monotonic()
    with partition_lock(path, timeout=10, holder="r2"):
        waited = time.monotonic() - begun
    holder.join()

    assert 0.05 < waited < 2


def test_waiting_ends_at_the_timeout(tmp_path: Path) -> None:
    path = tmp_path / "all.lock"

    with partition_lock(path, holder="r1"):
        begun = time.monotonic()
        with pytest.raises(DestLocked), partition_lock(path, timeout=0.2, holder="r2"):
            pass

    assert 0.2 <= time.monotonic() - begun < 2


def test_a_holder_may_retire_the_file_and_still_nobody_shares_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "all.lock"
    inside = 0
    most = 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(25):
            with partition_lock(path, timeout=30, holder="r") as held_lock:
                with guard:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.0005)
                with guard:
                    inside -= 1
                held_lock.retire()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 1


def test_a_file_retired_between_opening_and_locking_is_not_mistaken_for_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "all.lock"
    really_open = lock._open
    opened: list[int] = []

    def open_then_lose(path: Path) -> int:
        opened.append(really_open(path))
        if len(opened) == 1:
            path.unlink()
        return opened[-1]

    monkeypatch.setattr(lock, "_open", open_then_lose)

    with (
        partition_lock(path, holder="r1"),
        pytest.raises(DestLocked),
        partition_lock(path, holder="r2"),
    ):
        pass

    assert len(opened) == 3


def test_an_error_inside_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "all.lock"

    with pytest.raises(KeyboardInterrupt), partition_lock(path, holder="r1"):
        raise KeyboardInterrupt
    with partition_lock(path, holder="r2"):
        pass


def test_an_unreadable_signature_still_is_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "all.lock"

    with partition_lock(path, holder="r1"):
        path.write_bytes(b"not json")
        with (
            pytest.raises(DestLocked, match="locked by another process"),
            partition_lock(path, holder="r2"),
        ):
            pass
