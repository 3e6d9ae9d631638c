"""Directories of state files as they are met: whatever lies there has one outcome, none hangs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from export_assets.errors import ContractViolation, SourceMissing, UsageError
from export_assets.sources.base import KeySet, Scan
from export_assets.sources.states.kind import Row, Rows, StateKind, Unreadable
from export_assets.sources.states.listing import look
from export_assets.sources.states.quarantine import QUARANTINE
from export_assets.sources.states.snapshot import StateSnapshot
from export_assets.sources.states.source import StateSource
from export_assets.tables.schema import Column, LogicalType, TableSchema

LONGEST = 1_000
SIZES = TableSchema(
    name="sizes",
    primary_key=("name",),
    columns=(
        Column(name="name", logical=LogicalType.TEXT, nullable=False),
        Column(name="size", logical=LogicalType.INTEGER),
    ),
)


class Sizes(StateKind):
    """Files of anything, with their sizes; `bad` is unreadable."""

    def __init__(self, during: "list[Path] | None" = None) -> None:
        self.during = during or []
        """Files that are written while others are read."""

    def tables(self) -> tuple[TableSchema, ...]:
        return SIZES, QUARANTINE

    def rows(self, name: str, content: bytes) -> Rows:
        while self.during:
            self.during.pop().write_bytes(b"written meanwhile")
        if content == b"bad":
            msg = "is bad"
            raise Unreadable(msg, reason="bad")
        return {"sizes": [(name, len(content))]}


def source_of(
    directory: Path, kind: StateKind | None = None, *, quarantine_max: float | None = None
) -> StateSource:
    return StateSource(
        "sizes",
        directory,
        kind or Sizes(),
        max_file_bytes=LONGEST,
        quarantine_max=quarantine_max,
    )


def rows_of(snapshot: StateSnapshot, table: str = "sizes", **scan: object) -> list[Row]:
    schema = snapshot.describe(table)
    frames = snapshot.scan(Scan(table=table, schema=schema, **scan))  # type: ignore[arg-type]
    return [row for frame in frames for row in frame.rows()]


@contextmanager
def reading(directory: Path, kind: StateKind | None = None) -> Iterator[StateSnapshot]:
    with source_of(directory, kind).snapshot() as snapshot:
        yield snapshot


def test_rows_come_in_the_order_of_the_names(tmp_path: Path) -> None:
    for name in ("b", "a", "a-b", "a.b", "Z", "é", "10", "9"):
        (tmp_path / f"{name}.json").write_bytes(b"1" * len(name.encode()))

    with reading(tmp_path) as snapshot:
        names = [str(row[0]) for row in rows_of(snapshot)]
        assert names == sorted(names)
        assert len(names) == snapshot.count("sizes") == 8
        assert snapshot.info.consistency == "snapshot"
        assert snapshot.remarks().warnings == []


def test_whatever_lies_there_has_one_outcome(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_bytes(b"12345")
    (tmp_path / "bad.json").write_bytes(b"bad")
    (tmp_path / "empty.json").touch()
    (tmp_path / "long.json").write_bytes(b"x" * (LONGEST + 1))
    (tmp_path / "longest.json").write_bytes(b"x" * LONGEST)
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(100_000_000)
    (tmp_path / "link.json").symlink_to(tmp_path / "good.json")
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "directory.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / os.fsdecode(b"odd\xff.json")).write_bytes(b"1")
    for other in ("config.toml", "u-1.json.tmp", ".hidden.json", "noise"):
        (tmp_path / other).write_bytes(b"{}")
    (tmp_path / "older").mkdir()

    with reading(tmp_path) as snapshot:
        refused = {row[1]: row[2] for row in rows_of(snapshot, "quarantine")}
        assert {row[0] for row in rows_of(snapshot)} == {"good", "longest"}
        assert refused == {
            "bad.json": "bad",
            "empty.json": "empty",
            "long.json": "too-long",
            "huge.json": "too-long",
            "link.json": "no-file",
            "dangling.json": "no-file",
            "directory.json": "no-file",
            "pipe.json": "no-file",
            "odd%FF.json": "name",
        }
        remarks = snapshot.remarks()
    assert remarks.warnings == ["quarantine: 9 of 11 state files are unreadable (81.82%)"]
    assert remarks.notes == ["no state files, not read: ….json and 4 more"]


def test_quarantine_says_what_was_read_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_bytes(b"bad")

    with reading(tmp_path) as snapshot:
        (row,) = rows_of(snapshot, "quarantine")
    assert row == ("bad", "bad.json", "bad", "is bad", 3, sha256(b"bad").hexdigest(), "YmFk")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_in_quarantine(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"1")
    (tmp_path / "a.json").chmod(0)

    with reading(tmp_path) as snapshot:
        assert [row[2:4] for row in rows_of(snapshot, "quarantine")] == [
            ("unreadable", "permission denied")
        ]


def test_an_empty_directory_is_tables_without_rows(tmp_path: Path) -> None:
    with reading(tmp_path) as snapshot:
        assert rows_of(snapshot) == rows_of(snapshot, "quarantine") == []
        assert snapshot.count("sizes") == 0


@pytest.mark.parametrize("what", ["missing", "file"])
def test_no_directory_is_no_source(tmp_path: Path, what: str) -> None:
    directory = tmp_path / "states"
    if what == "file":
        directory.write_bytes(b"{}")
    for action in (
        source_of(directory).fingerprint,
        lambda: source_of(directory).snapshot().__enter__(),
    ):
        with pytest.raises(SourceMissing, match=r"states: (no such directory|is no directory)"):
            action()


def test_a_file_rewritten_in_the_same_size_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"1")
    seen = {source_of(tmp_path).fingerprint()}
    before = path.stat()
    path.write_bytes(b"2")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    seen.add(source_of(tmp_path).fingerprint())
    (tmp_path / "a.new").write_bytes(b"3")
    (tmp_path / "a.new").rename(path)
    seen.add(source_of(tmp_path).fingerprint())
    path.chmod(0o600)
    seen.add(source_of(tmp_path).fingerprint())
    path.rename(tmp_path / "b.json")
    seen.add(source_of(tmp_path).fingerprint())

    assert len(seen) == 5
    assert source_of(tmp_path).fingerprint() in seen


def test_what_is_no_state_does_not_change_the_stamp(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"1")
    before = source_of(tmp_path).fingerprint()
    (tmp_path / "a.json.tmp").write_bytes(b"2")

    assert source_of(tmp_path).fingerprint() == before


@pytest.mark.parametrize("what", ["a.json", "b.json", "new.json"])
def test_a_store_that_changes_while_it_is_read_is_no_snapshot(tmp_path: Path, what: str) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_bytes(b"1")

    with reading(tmp_path, Sizes([tmp_path / what])) as snapshot:
        assert snapshot.info.consistency == "best-effort"
        assert snapshot.info.id != source_of(tmp_path).fingerprint()
        assert "changed while they were read" in snapshot.remarks().warnings[0]


def test_a_file_that_vanishes_is_told_and_no_quarantine(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_bytes(b"1")

    class Removing(Sizes):
        def rows(self, name: str, content: bytes) -> Rows:
            (tmp_path / "b.json").unlink(missing_ok=True)
            return super().rows(name, content)

    with reading(tmp_path, Removing()) as snapshot:
        assert rows_of(snapshot) == [("a", 1)]
        assert rows_of(snapshot, "quarantine") == []
        assert snapshot.info.consistency == "best-effort"
        assert snapshot.remarks().notes == ["removed while state files were read: 1"]


def test_too_many_unreadable_files_publish_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"bad")
    (tmp_path / "b.json").write_bytes(b"1")

    with source_of(tmp_path, quarantine_max=0.5).snapshot():
        pass
    with (
        pytest.raises(ContractViolation, match=r"1 of 2 state files are unreadable, more than"),
        source_of(tmp_path, quarantine_max=0.4).snapshot(),
    ):
        pass


def test_scans_filter_order_and_cut(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"n{number}.json").write_bytes(b"1" * (9 - number))

    with reading(tmp_path) as snapshot:
        assert rows_of(snapshot, limit=2, offset=3) == [("n3", 6), ("n4", 5)]
        assert rows_of(snapshot, where={"size": "4"}) == [("n5", 4)]
        assert rows_of(snapshot, order_by=("size",), limit=2) == [("n8", 1), ("n7", 2)]
        keys = KeySet(columns=("name",), values=(("n1",), ("n2",)))
        assert rows_of(snapshot, among=keys) == [("n1", 8), ("n2", 7)]
        with pytest.raises(UsageError, match="did you mean size"):
            rows_of(snapshot, where={"sise": 1})
        with pytest.raises(UsageError, match="state files know no SQL"):
            snapshot.define({"v": "select 1"})


def test_tables_without_a_key_are_ordered_too(tmp_path: Path) -> None:
    for name, content in (("a", b"bad"), ("b", b""), ("c", b"bad")):
        (tmp_path / f"{name}.json").write_bytes(content)

    with reading(tmp_path) as snapshot:
        assert [row[0] for row in rows_of(snapshot, "quarantine")] == ["a", "b", "c"]
        found = rows_of(snapshot, "quarantine", order_by=("length",))
        assert [row[0] for row in found] == ["b", "a", "c"]


def test_many_files_fill_several_batches_in_order(tmp_path: Path) -> None:
    for number in range(9_000):
        (tmp_path / f"{number}.json").touch()
        if number % 3:
            (tmp_path / f"{number}.json").write_bytes(b"1")

    with reading(tmp_path) as snapshot:
        names = [str(row[0]) for row in rows_of(snapshot)]
        assert names == sorted(names)
        assert (len(names), snapshot.count("quarantine")) == (6_000, 3_000)
        assert look(tmp_path).files == 9_000


def test_nothing_is_left_and_nothing_is_touched(tmp_path: Path) -> None:
    directory, temp = tmp_path / "states", tmp_path / "temp"
    directory.mkdir()
    temp.mkdir()
    (directory / "a.json").write_bytes(b"1")
    before = (directory / "a.json").stat()
    source = StateSource("sizes", directory, Sizes(), temp_dir=temp, max_file_bytes=LONGEST)

    with source.snapshot():
        (made,) = temp.iterdir()
        assert made.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o077 for path in made.iterdir()} == {0}
    assert not list(temp.iterdir())
    after = (directory / "a.json").stat()
    assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
