"""A look at a directory of logs costs names and times, may be made in pieces, and opens nothing."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from export_assets.engine.ingest.listing import list_logs
from export_assets.engine.logs.log_names import names_below
from export_assets.engine.logs.looking import Glimpse, look_at_all
from export_assets.errors import SourceMissing

PATTERNS = ("*.jsonl", "*.log", "*.log.*")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def stamp(root: Path, *, now: datetime | None = None) -> str:
    found = look_at_all(
        names_below(root, PATTERNS),
        now=now or datetime.now(UTC),
        seal_after=timedelta(hours=24),
    )
    assert isinstance(found, str)
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a.jsonl", "b.log", "b.log.1", "deep/er/c.jsonl", ".hidden/d.jsonl", "no.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}\n")
    return tmp_path


def test_the_names_are_those_that_are_listed(root: Path) -> None:
    os.mkfifo(root / "pipe.log")
    (root / "link.log").symlink_to(root / "a.jsonl")
    (root / os.fsdecode(b"bad\xff.log")).write_text("{}\n")

    names = names_below(root, PATTERNS, aside=root / "deep").names

    listed = {one.name for one in list_logs(root, PATTERNS, aside=root / "deep").files}
    assert set(names) - {"pipe.log"} == listed
    assert list(names) == sorted(names)


def test_only_some_logs_are_looked_at_where_only_these_are_read(root: Path) -> None:
    assert names_below(root, PATTERNS, only=("deep/*",)).names == ["deep/er/c.jsonl"]


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_a_look_in_pieces_is_the_look_at_once(tmp_path: Path, seconds: float) -> None:
    for number in range(1_500):
        (tmp_path / f"{number}.log").touch()
    names = names_below(tmp_path, PATTERNS)

    found: str | Glimpse = Glimpse()
    pieces = 0
    while isinstance(found, Glimpse):
        found = look_at_all(
            names,
            now=datetime.now(UTC),
            seal_after=timedelta(hours=24),
            before=found,
            seconds=seconds,
        )
        pieces += 1

    assert found == stamp(tmp_path)
    assert pieces == (6 if seconds == 0.0 else 1)


def test_whatever_happens_to_a_log_changes_the_stamp(root: Path) -> None:
    seen = [stamp(root)]

    with (root / "a.jsonl").open("a") as file:
        file.write("{}\n")
    seen.append(stamp(root))
    os.utime(root / "b.log", ns=(0, 0))
    seen.append(stamp(root))
    (root / "b.log").rename(root / "b.log.2")
    seen.append(stamp(root))
    (root / "a.jsonl-wal").write_text("beside a database")
    seen.append(stamp(root))
    (root / "deep" / "er" / "c.jsonl").unlink()
    seen.append(stamp(root))
    seen.append(stamp(root, now=datetime.now(UTC) + timedelta(hours=25)))

    assert len(set(seen)) == len(seen)
    assert stamp(root) == seen[-2]


def test_what_is_no_log_changes_nothing(root: Path) -> None:
    before = stamp(root)

    (root / "no.txt").write_text("more")
    (root / ".hidden" / "d.jsonl").write_text("more")

    assert stamp(root) == before


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="is no directory"):
        names_below(tmp_path / "none", PATTERNS)
