"""What is found of dead runs, and what looking for it costs."""

import os
from pathlib import Path

import pytest

from export_assets.store.recovery import leftovers


def found(staging: Path, partition: str | None = None) -> list[str]:
    staging_fd = os.open(staging, os.O_RDONLY)
    try:
        return [one.name for one in leftovers(staging_fd, partition)]
    finally:
        os.close(staging_fd)


def staged(staging: Path, *names: str) -> None:
    """Make the directories of runs, each a second younger than the one before."""
    for second, name in enumerate(names):
        (staging / name).mkdir()
        os.utime(staging / name, (second, second))


def test_what_is_of_a_partition_is_found_oldest_first_and_nothing_of_others(
    tmp_path: Path,
) -> None:
    staged(tmp_path, "a.second.tmp", "a.first.old", "a.b.run.tmp", "ab.run.tmp", "a.run.else", "a")

    assert found(tmp_path, "a") == ["a.second.tmp", "a.first.old"]
    assert found(tmp_path, "a.b") == ["a.b.run.tmp"]
    assert found(tmp_path) == ["a.second.tmp", "a.first.old", "a.b.run.tmp", "ab.run.tmp"]


def test_partitions_staged_beside_one_are_not_asked_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pass over ten years by day looks 3,650 times, with up to 3,650 staged.
    staged(tmp_path, *(f"day={day}.run.tmp" for day in range(100)))
    asked: list[str] = []

    def stat(path: str, **options: object) -> os.stat_result:
        asked.append(path)
        return real(path, **options)  # type: ignore[arg-type]

    real = os.stat
    monkeypatch.setattr("export_assets.store.recovery.os.stat", stat)

    assert found(tmp_path, "day=1") == ["day=1.run.tmp"]
    assert asked == ["day=1.run.tmp"]
