"""One log after another, pass by pass: what is read, under which identity, and what is told."""

import gzip
import os
import socket
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from export_assets.engine.ingest.policy import Policy
from export_assets.engine.ingest.prefix import survey
from export_assets.engine.ingest.segments import SegmentsKey
from export_assets.errors import DestLocked
from export_assets.sources.logs.judge import Rejected
from export_assets.sources.logs.reading import Batch
from export_assets.store.layout import lock_path
from export_assets.store.local import LocalStore
from export_assets.store.lock import partition_lock
from export_assets.store.verify import verify_partitions, verify_tree
from export_assets_tests.engine.ingest.ingest_world import SOURCE, Numbers, World, line, lines


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_was_read_is_not_read_again_and_what_was_appended_is(world: World) -> None:
    world.log("a.jsonl", lines(1, 2))

    first, second = world.tick(), world.tick()
    world.append("a.jsonl", lines(3))
    third = world.tick()

    assert [(one.start, one.end) for one in first.published] == [(0, 18)]
    assert (second.published, second.unchanged) == ([], ["a.jsonl"])
    assert [(one.start, one.end, one.first_line) for one in third.published] == [(18, 27, 3)]
    assert third.published[0].identity == first.published[0].identity
    assert world.numbers == [1, 2, 3]


def test_a_file_cut_at_any_byte_gives_every_line_once(tmp_path: Path) -> None:
    content = lines(1, 22, 333)
    for cut in range(len(content) + 1):
        world = World(tmp_path / str(cut))
        world.log("a.jsonl", content[:cut])

        report = world.tick()
        world.append("a.jsonl", content[cut:])
        world.tick()

        assert report.pending_bytes == len(content[:cut].rpartition(b"\n")[2])
        assert world.numbers == [1, 22, 333], cut


def test_bytes_add_up_and_refused_lines_are_kept_with_their_reason(world: World) -> None:
    world.log("a.jsonl", line(1) + b"\n" + line(-5) + b"{oops}\n" + line(2) + b'{"n":')

    world.tick()

    ((_, manifest, record),) = world.segments
    told = [record.exported_bytes, record.quarantined_bytes, record.blank_bytes]
    assert told == [18, len(line(-5)) + 7, 1]
    assert (sum(told), record.pending_bytes) == (record.end - record.start, 5)
    assert manifest.counters.quarantined == {"negative": 1, "malformed": 1}
    assert [(one["reason"], one["line"]) for one in world.refused] == [
        ("negative", 3),
        ("malformed", 4),
    ]


def test_an_idle_file_gives_its_last_line_without_a_line_feed(world: World) -> None:
    world.log("a.jsonl", line(1) + line(2)[:-1])

    fresh, idle = world.tick(), world.tick(late=True)

    assert [one.sealed for one in (*fresh.published, *idle.published)] == [False, True]
    assert world.numbers == [1, 2]


def test_a_renamed_file_goes_on_under_its_identity(world: World) -> None:
    world.log("a.jsonl", lines(1))
    first = world.tick()
    world.append("a.jsonl", lines(2))
    (world.logs / "a.jsonl").rename(world.logs / "a.jsonl.1")
    world.log("a.jsonl", lines(3, 4, 5, 6))

    second = world.tick()

    assert {one.file: one.start for one in second.published} == {"a.jsonl": 0, "a.jsonl.1": 9}
    assert second.truncations == []
    assert first.published[0].identity in {one.identity for one in second.published}
    assert world.numbers == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("grown", [lines(7), lines(7, 8, 9, 10)], ids=["smaller", "larger"])
def test_a_truncated_file_starts_anew_and_is_told_of_once(world: World, grown: bytes) -> None:
    world.log("a.jsonl", lines(1, 2) + b'{"n"')
    first = world.tick()
    world.log("a.jsonl", grown)

    second, third = world.tick(), world.tick()

    assert [(one.file, one.read_bytes, one.unread_bytes) for one in second.truncations] == [
        ("a.jsonl", 18, 4)
    ]
    assert second.published[0].follows == first.published[0].identity
    assert third.truncations == []
    assert world.numbers[:3] == [1, 2, 7]


def test_an_emptied_file_is_told_of(world: World) -> None:
    world.log("a.jsonl", lines(1, 2))
    world.tick()
    world.log("a.jsonl", b"")

    assert [one.read_bytes for one in world.tick().truncations] == [18]


def test_files_that_begin_alike_are_different_files(world: World) -> None:
    head = b'{"n":0,"schema":"1.0"}\n'
    world.log("a.jsonl", head + line(1))
    world.log("b.jsonl", head + line(2))

    report = world.tick()

    assert len({one.identity for one in report.published}) == 2
    assert world.numbers == [0, 0, 1, 2]


def test_copies_are_told_of_and_not_read_twice(world: World) -> None:
    world.log("a.jsonl", lines(1, 2))
    world.log("b.jsonl", lines(1, 2))

    reports = world.tick(), world.tick()

    assert [one.duplicates for one in reports] == [{"b.jsonl": "a.jsonl"}] * 2
    assert world.numbers == [1, 2]


def test_a_copy_made_while_the_original_grew_gives_no_line_twice(world: World) -> None:
    world.log("a.jsonl", lines(1))
    world.tick()
    world.append("a.jsonl", lines(2))
    world.log("z.jsonl", (world.logs / "a.jsonl").read_bytes())
    world.append("a.jsonl", lines(3))

    world.tick()

    assert world.numbers == [1, 2, 3]


def test_an_earlier_copy_of_what_was_read_since_is_told_of(world: World) -> None:
    world.log("a.jsonl", lines(1, 2, 3))
    world.tick()
    world.log("a.bak", lines(1, 2))

    report = world.tick()

    assert report.duplicates == {"a.bak": "a.jsonl"}
    assert world.numbers == [1, 2, 3]


def test_copies_that_grow_apart_share_what_they_share(world: World) -> None:
    world.log("a.jsonl", lines(1))
    world.tick()
    world.log("b.jsonl", lines(1, 22, 33, 44))
    world.append("a.jsonl", lines(5))

    world.tick()
    world.append("a.jsonl", lines(6))
    world.append("b.jsonl", lines(7))
    world.tick()

    assert world.numbers == [1, 5, 6, 7, 22, 33, 44]


@pytest.mark.parametrize("header", [line(-1), line(0)], ids=["refused", "read"])
def test_a_log_that_begins_like_one_that_held_nothing_else_grows_by_itself(
    tmp_path: Path, header: bytes
) -> None:
    """As the CSV of each day begins with the header that all of them have."""
    world = World(tmp_path, policy=Policy())
    world.log("a.jsonl", header)
    world.tick()
    world.log("b.jsonl", header + lines(1))
    world.append("a.jsonl", lines(11))
    world.tick()

    for number in (2, 3):
        world.append("a.jsonl", lines(10 + number))
        world.append("b.jsonl", lines(number))
        world.tick()

    assert [one for one in world.numbers if one] == [1, 2, 3, 11, 12, 13]
    assert sorted(record.start for _, _, record in world.segments) == [0, len(header)]


def test_a_packed_log_goes_on_where_the_plain_one_was_read(world: World) -> None:
    world.log("a.jsonl", lines(1))
    world.tick()
    (world.logs / "a.jsonl").unlink()
    world.log("a.jsonl.1.gz", gzip.compress(lines(1, 2) + line(3)[:-1]))

    report = world.tick()

    assert [(one.start, one.sealed) for one in report.published] == [(9, True)]
    assert world.numbers == [1, 2, 3]


def test_a_log_being_packed_is_read_to_its_last_whole_line(world: World) -> None:
    content = b"".join(line(number * 7919 % 100_003) for number in range(5000))
    packed = gzip.compress(content)
    world.log("a.gz", packed[: len(packed) // 2])

    world.tick()
    half = len(world.numbers)
    world.log("a.gz", packed)
    world.tick()

    assert 0 < half < 5000
    assert len(world.numbers) == 5000
    assert world.refused == []


def test_a_cut_gzip_file_gives_its_good_part_and_one_refusal(world: World) -> None:
    packed = gzip.compress(b"".join(line(number * 7919 % 100_003) for number in range(5000)))
    world.log("a.gz", packed[: len(packed) // 2])

    world.tick(late=True)

    assert world.refused[-1]["reason"] == "gzip_truncated"
    assert len(world.numbers) > 100


def test_beyond_its_limit_a_fingerprint_is_of_both_ends(world: World) -> None:
    world.policy = Policy(whole_bytes=20, grow_bytes=0)
    world.log("a.jsonl", lines(1, 2, 3))
    world.tick()
    world.append("a.jsonl", lines(4))

    report = world.tick()
    with (world.logs / "a.jsonl").open("rb") as file:
        plain = survey(file.fileno(), 36, (9, 27), name="a", whole=20)
        # What a gzip file holds is passed from front to back; both ways must tell the same.
        packed = world.log("b.gz", gzip.compress((world.logs / "a.jsonl").read_bytes()))
        with packed.open("rb") as other:
            size = packed.stat().st_size
            rolled = survey(other.fileno(), size, (9, 27), name="b", whole=20)

    assert report.published[0].prefix.startswith("ends:")
    assert report.published[0].start == 27
    assert plain.prints == rolled.prints
    assert [plain.prints[end][:5] for end in (9, 27, 36)] == ["full:", "ends:", "ends:"]


def test_what_is_no_log_is_listed_with_the_reason(world: World, tmp_path: Path) -> None:
    world.patterns = ("*.jsonl",)
    outside = tmp_path / "outside.jsonl"
    outside.write_bytes(lines(9))
    inside = world.log("sub/inside.log", lines(1))
    (world.logs / "dir.jsonl").mkdir()
    os.mkfifo(world.logs / "pipe.jsonl")
    (world.logs / "out.jsonl").symlink_to(outside)
    (world.logs / "in.jsonl").symlink_to(inside)
    (world.logs / "none.jsonl").symlink_to(world.logs / "nothing")
    world.log(".trash/x.jsonl", lines(8))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(world.logs / "s.jsonl"))

    report = world.tick()

    assert report.ignored == {
        "dir.jsonl": "directory",
        "none.jsonl": "symbolic link that leads nowhere",
        "out.jsonl": "symbolic link that leads out of the directory",
        "pipe.jsonl": "named pipe",
        "s.jsonl": "socket",
    }
    assert world.numbers == [1]


def test_names_may_be_any_bytes(world: World) -> None:
    name = os.fsdecode(b"b\xff%\n.jsonl")
    world.log(name, lines(1) + b"x\n")

    report = world.tick()

    assert report.published[0].file == "b%FF%25\n.jsonl"
    assert world.refused[0]["file"] == "b%FF%25\n.jsonl"
    assert world.tick().unchanged == ["b%FF%25\n.jsonl"]


def test_a_file_removed_after_listing_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.log("a.jsonl", lines(1))
    doomed = world.log("b.jsonl", lines(2, 3))
    original = LocalStore.stage

    def stage(*args: object, **options: object) -> object:
        doomed.unlink(missing_ok=True)
        return original(*args, **options)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(LocalStore, "stage", stage)

    report = world.tick()

    assert report.gone == ["b.jsonl"]
    assert world.numbers == [1]


def test_segments_are_sound_and_no_table_of_theirs_is_seen(world: World) -> None:
    world.log("a.jsonl", lines(1) + b"x\n")
    world.log("b.jsonl", b"\n\n")
    world.tick()

    verdicts = list(verify_partitions(world.paths, count_rows=lambda _path, _manifest: 1))

    assert len(verdicts) == 2
    assert [finding for verdict in verdicts for finding in verdict.findings] == []
    assert list(verify_tree(world.store.root)) == []
    assert list(world.store.manifests()) == []
    assert {path.name for path in world.paths[0].parents[2].iterdir()} == {"_segments"}


def test_two_runs_at_once_do_not_read_the_same_logs(world: World) -> None:
    world.log("a.jsonl", lines(1))
    lock = lock_path(world.store.root, SegmentsKey(SOURCE), "ingest")

    with partition_lock(lock, holder="other"), pytest.raises(DestLocked, match="run other"):
        world.tick()


def test_a_file_rewritten_while_it_is_read_waits_for_the_next_pass(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = world.log("a.jsonl", lines(1, 2))
    world.log("b.jsonl", lines(3, 4, 5))
    original = Numbers.frame

    def frame(self: Numbers, batch: Batch) -> tuple[pl.DataFrame, Sequence[Rejected]]:
        if batch.file.name == "a.jsonl":
            log.write_bytes(lines(8, 9))
        return original(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(Numbers, "frame", frame)
        report = world.tick()
    before = world.numbers
    world.tick()

    assert str(report.failed["a.jsonl"]) == "a.jsonl: was rewritten while it was read"
    assert before == [3, 4, 5]
    assert world.numbers == [3, 4, 5, 8, 9]


@pytest.mark.parametrize("modified", [0, 2**33], ids=["1970", "2242"])
def test_times_of_modification_seal_nothing(world: World, modified: int) -> None:
    log = world.log("a.jsonl", lines(1) + b'{"n"')
    os.utime(log, (modified, modified))

    report = world.tick()
    world.append("a.jsonl", b":2}\n")
    world.tick()

    assert report.pending_bytes == 4
    assert world.numbers == [1, 2]


def test_a_row_says_which_line_it_is_from(world: World) -> None:
    content = lines(1) + b"x\n" + line(-1) + b"\n" + lines(22)
    world.log("a.jsonl", b"\xef\xbb\xbf" + content)
    world.tick()

    ((path, _, record),) = world.segments
    rows = pl.read_parquet(path / "part-00000.parquet").rows()

    assert rows == [(1, record.identity, 0, 12, 1), (22, record.identity, 25, 10, 5)]


def test_equal_logs_give_equal_bytes(tmp_path: Path) -> None:
    files = []
    for name in "one", "other":
        world = World(tmp_path / name, runs=len(name))
        world.log(f"{name}.jsonl", lines(1, 2))
        world.tick()
        files.append(
            {path.name: (path / "part-00000.parquet").read_bytes() for path in world.paths}
        )

    assert files[0] == files[1]
