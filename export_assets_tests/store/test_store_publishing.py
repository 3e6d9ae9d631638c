"""Publishing into a local store: what appears, what stays, what is refused."""

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from export_assets.errors import (
    DestConflict,
    DestLocked,
    DestPermission,
    ExportError,
    IntegrityError,
    LimitReached,
    NoSpace,
    UsageError,
)
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets.store.manifest import Manifest
from export_assets.store.reader import open_partition
from export_assets.store.staging import Staging
from export_assets.store.verify import verify_partition
from export_assets_tests.proof.plugin import Proven
from export_assets_tests.store.publishing import (
    KEY,
    Failing,
    NoExchange,
    Recording,
    ShortWrites,
    beside,
    manifest_for,
    parts_of,
    publish,
    publish_tampered,
    write_parts,
)

ERRNOS = {
    errno.ENOSPC: NoSpace,
    errno.EDQUOT: NoSpace,
    errno.EIO: IntegrityError,
    errno.EACCES: DestPermission,
    errno.EROFS: DestPermission,
    errno.EMFILE: LimitReached,
}


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory that other users may pass through."""
    path = Path(tempfile.mkdtemp(prefix="export-assets-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_a_first_publication_is_generation_one(tmp_path: Path) -> None:
    published = publish(tmp_path, "r1")

    assert (published.generation, published.previous_run_id, published.run_id) == (1, None, "r1")
    assert LocalStore(tmp_path).manifest(KEY, "all") == published


def test_a_replacement_names_the_run_before_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    publish(tmp_path, "r1", parts={"part-00000.csv": b"a", "part-00001.csv": b"b"})

    published = publish(tmp_path, "r2", parts={"part-00000.csv": b"c"})

    assert (published.generation, published.previous_run_id) == (2, "r1")
    assert beside(tmp_path) == ["all"]
    names = {path.name for path in tmp_path.joinpath(*KEY.parts, "all").iterdir()}
    assert names == {"_manifest.json", "part-00000.csv"}


@pytest.mark.parametrize("kind", [NoExchange, ShortWrites])
def test_publishing_works_on_poor_file_systems(tmp_path: Path, kind: type[NoExchange]) -> None:
    publish(tmp_path, "r1", filesystem=kind())

    publish(tmp_path, "r2", filesystem=kind())

    assert beside(tmp_path) == ["all"]
    assert verify_partition(tmp_path.joinpath(*KEY.parts, "all")) == []


def test_parts_may_lie_in_subdirectories(tmp_path: Path) -> None:
    publish(tmp_path, "r1", parts={"set/a.csv": b"a", "b.csv": b"b"})

    assert verify_partition(tmp_path.joinpath(*KEY.parts, "all")) == []
    assert tmp_path.joinpath(*KEY.parts, "all", "set").stat().st_mode & 0o777 == 0o750


def test_published_files_are_readable_by_the_group_and_staged_ones_by_nobody(
    tmp_path: Path,
) -> None:
    before = os.umask(0o027)
    try:
        with LocalStore(tmp_path).stage(KEY, "all", "r1") as staging:
            staged = staging.path.stat().st_mode & 0o777
            staging.publish(write_parts(staging, parts_of("r1")))
    finally:
        os.umask(before)

    partition = tmp_path.joinpath(*KEY.parts, "all")
    assert staged == 0o700
    assert partition.stat().st_mode & 0o777 == 0o750
    assert {path.stat().st_mode & 0o777 for path in partition.iterdir()} == {0o640}


@pytest.mark.suite("security")
@pytest.mark.promise("whole-or-absent")
def test_the_umask_takes_away_from_published_files(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        publish(tmp_path, "r1")
    finally:
        os.umask(before)

    partition = tmp_path.joinpath(*KEY.parts, "all")
    assert {path.stat().st_mode & 0o777 for path in partition.iterdir()} == {0o600}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_of_any_kind_removes_what_was_staged(
    tmp_path: Path, error: type[BaseException]
) -> None:
    publish(tmp_path, "r1")

    def fail(staging: Staging, _: Manifest) -> Manifest:
        assert (staging.path / "part-00000.csv").exists()
        raise error

    with pytest.raises(error):
        publish_tampered(tmp_path, fail)

    assert beside(tmp_path) == ["all"]
    assert publish(tmp_path, "r3").previous_run_id == "r1"


def test_a_block_that_publishes_nothing_leaves_nothing(tmp_path: Path) -> None:
    with LocalStore(tmp_path).stage(KEY, "all", "r1") as staging:
        (staging.path / "part-00000.csv").write_bytes(b"never")

    assert beside(tmp_path) == []
    assert LocalStore(tmp_path).manifest(KEY, "all") is None


def test_staged_files_that_the_manifest_does_not_list_are_not_published(tmp_path: Path) -> None:
    def add(staging: Staging, _: Manifest) -> None:
        (staging.path / "stray.csv").write_bytes(b"x")

    with pytest.raises(IntegrityError, match=r"shop/orders/csv/all: .*: stray\.csv"):
        publish_tampered(tmp_path, add)

    assert beside(tmp_path) == []


def test_a_part_that_changed_size_after_hashing_is_not_published(tmp_path: Path) -> None:
    def cut(staging: Staging, _: Manifest) -> None:
        (staging.path / "part-00000.csv").write_bytes(b"x")

    with pytest.raises(IntegrityError, match=r"00000\.csv has 1 bytes, its manifest says 1984"):
        publish_tampered(tmp_path, cut)


def test_a_generation_published_since_the_plan_is_a_conflict(tmp_path: Path) -> None:
    publish(tmp_path, "r2")

    with (
        pytest.raises(DestConflict, match=r"planned on the one of run r1, .* is now by run r2"),
        LocalStore(tmp_path).stage(KEY, "all", "r3", expected_run_id="r1"),
    ):
        pass
    with (
        pytest.raises(DestConflict, match="planned on no generation"),
        LocalStore(tmp_path).stage(KEY, "all", "r3", expected_run_id=None),
    ):
        pass

    with LocalStore(tmp_path).stage(KEY, "all", "r3", expected_run_id="r2") as staging:
        assert staging.previous is not None


def test_files_without_a_manifest_are_never_replaced(tmp_path: Path) -> None:
    foreign = tmp_path.joinpath(*KEY.parts, "all", "notes.txt")
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine", encoding="utf-8")

    with pytest.raises(DestConflict, match="holds files but no manifest"):
        publish(tmp_path, "r1")

    assert foreign.read_text(encoding="utf-8") == "mine"


def test_a_damaged_generation_is_replaced_only_on_request(tmp_path: Path) -> None:
    publish(tmp_path, "r1")
    manifest = tmp_path.joinpath(*KEY.parts, "all", "_manifest.json")
    manifest.write_bytes(b"{")

    with pytest.raises(IntegrityError, match=r"_manifest\.json: not a valid manifest"):
        publish(tmp_path, "r2")
    with LocalStore(tmp_path).stage(KEY, "all", "r3", replace_damaged=True) as staging:
        staging.publish(write_parts(staging, parts_of("r3")))

    assert verify_partition(manifest.parent) == []


def test_an_estimate_that_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with (
        pytest.raises(NoSpace, match=r"shop/orders/csv/all: needs [\d,]+ bytes, the disk has"),
        LocalStore(tmp_path).stage(KEY, "all", "r1", estimated_bytes=1 << 60),
    ):
        pass

    assert beside(tmp_path) == []


def test_a_directory_that_may_not_be_written_is_refused(open_dir: Path) -> None:
    root = open_dir / "exports"
    publish(root, "r1")
    parent = root.joinpath(*KEY.parts)
    for path in (root, *root.rglob("*")):
        path.chmod(path.stat().st_mode | 0o555)
    parent.chmod(0o555)
    nobody = 65534 if os.geteuid() == 0 else os.geteuid()
    root.joinpath(".locks", *KEY.parts, "all.lock").chmod(0o666)

    before = os.geteuid()
    os.seteuid(nobody)
    try:
        with pytest.raises(DestPermission, match="shop/orders/csv/all: permission denied"):
            publish(root, "r2")
    finally:
        os.seteuid(before)
        parent.chmod(0o755)

    assert beside(root) == ["all"]


PART = ["open", "chmod", "fsync"]
UNTIL_COMMIT = [
    *("mkdir", "staged", "open"),
    *(PART * 2),
    *("parts_synced", "open", "write", "chmod", "fsync", "manifest_synced"),
    *("open", "chmod", "fsync", "staging_synced"),
]


@pytest.mark.parametrize(
    ("exchanges", "commit"),
    [
        (True, ["exchange"]),
        (
            False,
            [
                "exchange",
                "rename_new",
                "set_aside",
                "rename_new",
                "replaced",
                "fsync",
                "rename_new",
            ],
        ),
    ],
    ids=["exchange", "two renames"],
)
def test_everything_is_synced_before_it_is_visible_and_visible_before_the_old_is_removed(
    tmp_path: Path, commit: list[str], *, exchanges: bool
) -> None:
    publish(tmp_path, "r1")
    recording = Recording(exchanges=exchanges)

    publish(tmp_path, "r2", filesystem=recording)

    after = ["published", "fsync", "fsync", "parent_synced", "remove_tree", "old_removed"]
    assert recording.order == [*UNTIL_COMMIT, *commit, *after]


def test_what_a_dead_run_renamed_is_synced_before_what_it_replaced_is_removed(
    tmp_path: Path,
) -> None:
    publish(tmp_path, "r1")
    (tmp_path.joinpath(".staging", *KEY.parts) / "all.dead.tmp").mkdir()
    recording = Recording()

    publish(tmp_path, "r2", filesystem=recording)

    assert recording.order[:5] == ["fsync", "fsync", "remove_tree", "fsync", "mkdir"]


def test_a_removal_is_synced_before_the_content_goes(tmp_path: Path) -> None:
    publish(tmp_path, "r1")
    recording = Recording()

    LocalStore(tmp_path, filesystem=recording).remove(KEY, "all", "prune")

    syncs = ["fsync", "fsync"]
    assert recording.order == ["rename_new", "unpublished", *syncs, "remove_tree", "fsync"]


def error_of_publishing(root: Path, failing: Failing) -> ExportError | None:
    try:
        publish(root, "new", filesystem=failing)
    except ExportError as error:
        return error
    return None


# What fails is the same either way; only putting in place differs, so two errnos do for that.
WAYS = [(code, True) for code in ERRNOS] + [(errno.ENOSPC, False), (errno.EIO, False)]


@pytest.mark.suite("injected-errors")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.parametrize(("code", "exchanges"), WAYS)
def test_an_error_at_any_operation_has_its_class_and_leaves_old_or_new(
    tmp_path: Path, proven: Proven, code: int, *, exchanges: bool
) -> None:
    fired, tried = set(), 0

    for k in range(1, 200):
        root = tmp_path / str(k)
        publish(root, "old")
        failing = Failing(k, code, exchanges=exchanges)
        error = error_of_publishing(root, failing)
        if failing.failed is None:
            break
        if failing.failed == "remove_tree":
            assert error is None, "published is published"
            assert beside(root) == ["all"], "an error that passes leaves nothing"
        else:
            assert type(error) is ERRNOS[code], failing.failed
            assert str(error).startswith("shop/orders/csv/all: ")
        fired.add(failing.failed)
        tried += 1
        published = LocalStore(root).manifest(KEY, "all")
        if published is None:
            # Only two renames of which the second, and undoing the first, both fail.
            assert not exchanges
        else:
            assert published.run_id in ("old", "new")
        if published is not None and published.run_id == "old":
            assert beside(root) == ["all"], failing.failed
        publish(root, "next")
        assert beside(root) == ["all"]
        assert verify_partition(root.joinpath(*KEY.parts, "all")) == []

    assert {"open", "write", "fsync", "mkdir", "chmod", "exchange", "remove_tree"} <= fired
    proven(tried, "injected errors", "old or new, the next run converges")


def test_another_run_in_the_same_partition_is_named(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    with store.stage(KEY, "all", "first run"):
        with pytest.raises(DestLocked) as caught, store.stage(KEY, "all", "second"):
            pass
        with store.stage(KEY, "day=2026-02-08", "third"):
            pass

    message = str(caught.value)
    assert message.startswith(f"shop/orders/csv/all: locked by process {os.getpid()} on ")
    assert "(run first run) since 20" in message


def test_a_living_run_is_not_swept(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    with store.stage(KEY, "all", "r1") as staging:
        manifest = write_parts(staging, parts_of("r1"))
        assert store.sweep() == []
        staging.publish(manifest)

    assert verify_partition(staging.target) == []


def test_only_names_of_our_own_are_swept(tmp_path: Path) -> None:
    publish(tmp_path, "r1")
    staging = tmp_path.joinpath(".staging", *KEY.parts)
    foreign = ["all.tmp", "all.a.b.tmp", "allx.run.tmp.bak", "other.run.tmp", "other.txt"]
    for name in foreign:
        (staging / name).mkdir()
    (staging / "all.dead.tmp").mkdir()
    (tmp_path.joinpath(*KEY.parts) / "all.dead.tmp").mkdir()

    publish(tmp_path, "r2")

    assert beside(tmp_path) == sorted(["all", "all.dead.tmp", *foreign])


def test_sweep_brings_back_what_was_set_aside(tmp_path: Path) -> None:
    publish(tmp_path, "r1")
    parent = tmp_path.joinpath(*KEY.parts)
    staging = tmp_path.joinpath(".staging", *KEY.parts)
    (parent / "all").rename(staging / "all.dead.old")
    (staging / "all.dead.tmp").mkdir()

    swept = LocalStore(tmp_path).sweep()

    assert sorted(path.name for path in swept) == ["all.dead.old", "all.dead.tmp"]
    assert beside(tmp_path) == ["all"]
    assert verify_partition(parent / "all") == []


@pytest.mark.suite("security")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.parametrize("level", range(4))
def test_a_symbolic_link_below_the_root_is_refused(tmp_path: Path, level: int) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    link = root.joinpath(*(*KEY.parts, "all")[: level + 1])
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)

    with pytest.raises(DestPermission, match="a symbolic link where none may be"):
        publish(root, "r1")
    with pytest.raises(DestPermission, match="a symbolic link where none may be"):
        LocalStore(root).manifest(KEY, "all")

    assert list(outside.iterdir()) == []


@pytest.mark.suite("security")
@pytest.mark.promise("whole-or-absent")
def test_a_manifest_that_is_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    publish(tmp_path / "root", "r1")
    manifest = (tmp_path / "root").joinpath(*KEY.parts, "all", "_manifest.json")
    manifest.rename(tmp_path / "outside.json")
    manifest.symlink_to(tmp_path / "outside.json")

    with pytest.raises(DestPermission, match="a symbolic link"):
        LocalStore(tmp_path / "root").manifest(KEY, "all")


@pytest.mark.suite("security")
@pytest.mark.promise("whole-or-absent")
def test_locks_are_not_written_through_a_symbolic_link(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    root.mkdir()
    (root / ".locks").symlink_to(outside)

    with pytest.raises(DestPermission, match="a symbolic link"):
        publish(root, "r1")

    assert list(outside.iterdir()) == []


@pytest.mark.suite("security")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.parametrize("place", ["staging", "target"])
def test_a_directory_swapped_for_a_link_between_staging_and_publishing_is_a_conflict(
    tmp_path: Path, place: str
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"

    def swap(staging: Staging, manifest: Manifest) -> None:
        parent = staging.path.parent if place == "staging" else staging.target.parent
        parent.rename(outside)
        (outside / "elsewhere").mkdir()
        parent.symlink_to(outside / "elsewhere")
        staging.path.mkdir(exist_ok=True)
        for record in manifest.files:
            (staging.path / record.path).write_bytes(b"x" * record.bytes)

    with pytest.raises(DestConflict, match="was replaced while it was written"):
        publish_tampered(root, swap)

    assert not (outside / "all").exists()
    assert not (outside / "elsewhere" / "all").exists()


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "disk")

    publish(tmp_path / "root", "r1")

    assert verify_partition(tmp_path.joinpath("disk", *KEY.parts, "all")) == []


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("", encoding="utf-8")

    with pytest.raises(DestPermission, match="root: is a file, not a directory"):
        LocalStore(tmp_path / "root")


@pytest.mark.parametrize("directory", ["../x", "a/b", ".hidden", "_x", "", "x\0", "é", "x" * 201])
def test_a_partition_name_that_is_not_safe_is_refused(tmp_path: Path, directory: str) -> None:
    with pytest.raises(UsageError, match="not a safe directory name"):
        publish(tmp_path, "r1", directory=directory)

    assert list(tmp_path.iterdir()) == []


def test_removing_takes_the_lock_file_and_the_partition(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    publish(tmp_path, "r1")

    removed = store.remove(KEY, "all", "prune")
    again = store.remove(KEY, "all", "prune")

    assert (removed, again) == (True, False)
    assert beside(tmp_path) == []
    assert list((tmp_path / ".locks").rglob("*.lock")) == []
    assert store.remove(ExportKey("no", "such", "csv"), "all", "prune") is False


def test_a_partition_of_another_generation_is_not_removed(tmp_path: Path) -> None:
    publish(tmp_path, "r1")

    with pytest.raises(DestConflict):
        LocalStore(tmp_path).remove(KEY, "all", "prune", expected_run_id="r0")

    assert beside(tmp_path) == ["all"]


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    publish(tmp_path, "r0")
    before = len(list(Path("/proc/self/fd").iterdir()))

    for number in range(20):
        publish(tmp_path, f"r{number}")
        with open_partition(tmp_path.joinpath(*KEY.parts, "all")):
            pass
        with LocalStore(tmp_path).stage(KEY, "all", "given up"):
            pass

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_threads_of_one_process_take_turns(tmp_path: Path) -> None:
    def work(number: int) -> None:
        publish(tmp_path, f"r{number}", timeout=30)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    published = LocalStore(tmp_path).manifest(KEY, "all")
    assert published is not None
    assert published.generation == 8


def test_a_manifest_listing_a_file_twice_is_refused(tmp_path: Path) -> None:
    def double(_: Staging, manifest: Manifest) -> Manifest:
        return manifest_for(manifest.files * 2, run_id="r1")

    with pytest.raises(IntegrityError, match="lists a file twice"):
        publish_tampered(tmp_path, double)
