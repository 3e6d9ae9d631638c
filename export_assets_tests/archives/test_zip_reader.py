"""Archives of an enemy, and damaged ones: refused before anything is written."""

import random
import stat
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from export_assets.archives.catalogue import verify_archive
from export_assets.archives.content import Content
from export_assets.archives.metadata import OffloadMetadata
from export_assets.archives.restore import plan_restore, restore
from export_assets.archives.zip_reader import open_archive
from export_assets.archives.zip_writer import stage_zip
from export_assets.errors import ExportError, IntegrityError, SourceMissing, UnsafeArchive
from export_assets_tests.archives.forged_zips import NOW, Forged, forge, listing
from export_assets_tests.archives.offload_world import flip
from export_assets_tests.effort import effort
from export_assets_tests.proof.plugin import Proven

pytestmark = [pytest.mark.suite("security"), pytest.mark.promise("nothing-changed-silently")]

GOOD = Forged(name=b"a.log")
HOSTILE: dict[str, list[Forged]] = {
    "leads out": [Forged(name=b"../evil")],
    "leads out deeper": [Forged(name=b"a/../../evil")],
    "absolute": [Forged(name=b"/etc/evil")],
    "drive": [Forged(name=b"C:evil")],
    "backslash": [Forged(name=b"..\\evil")],
    "nul": [Forged(name=b"a\0.log")],
    "symbolic link": [Forged(name=b"link", data=b"/etc/passwd", mode=stat.S_IFLNK | 0o777)],
    "device": [Forged(name=b"null", mode=stat.S_IFCHR | 0o666)],
    "directory": [Forged(name=b"dir/", data=b"")],
    "empty part": [Forged(name=b"a//b")],
    "dot part": [Forged(name=b"./a")],
    "twice": [GOOD, GOOD],
    "twice but for case": [GOOD, Forged(name=b"A.LOG")],
    "twice but for normalisation": [
        Forged(name="caf\u00e9".encode()),
        Forged(name="cafe\u0301".encode()),
    ],
    "a file as a directory": [GOOD, Forged(name=b"a.log/b")],
    "two names": [Forged(name=b"a.log", local_name=b"b.log")],
    "two sizes": [Forged(name=b"a.log", local_size=3)],
    "no UTF-8": [Forged(name=b"\xff.log")],
    "newline": [Forged(name=b"a\nb")],
    "encrypted": [Forged(name=b"a.log", flags=0x801)],
    "longer than it claims": [Forged(name=b"a.log", data=b"x" * 100, size=10)],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_hostile_members_are_refused_before_anything_is_written(
    tmp_path: Path, members: list[Forged], proven: Proven
) -> None:
    archive = forge(tmp_path / "a.zip", members)
    target = tmp_path / "target"
    target.mkdir()
    (target / "a.log").write_bytes(b"mine")
    before = shape(tmp_path)

    with pytest.raises(UnsafeArchive, match=r"a\.zip: ") as refused:
        restore(archive, target, run_id="r", overwrite=True)

    assert (refused.value.exit_code, len(str(refused.value).splitlines())) == (50, 1)
    after = shape(tmp_path)
    assert after == before
    proven(len(members), "hostile members", f"{len(after.keys() - before.keys())} files written")


def shape(root: Path) -> dict[str, tuple[int, str]]:
    """Kind, rights and content of everything below *root*; locks of a restore stay empty."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in root.rglob("*")
        if ".locks" not in path.parts
    }


def test_the_forger_can_make_an_honest_zip(tmp_path: Path) -> None:
    archive = forge(tmp_path / "a.zip", [GOOD])

    with open_archive(archive) as opened:
        assert opened.verify() == 1


@pytest.mark.parametrize("path", ["..%2Fevil", "%2Fetc%2Fevil", "a%2F..%2F..%2Fevil", "a%00b"])
def test_a_true_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    listed = [msgspec.structs.replace(listing(GOOD), path=path)]

    with pytest.raises(UnsafeArchive):
        plan_restore(forge(tmp_path / "a.zip", [GOOD], listed=listed), tmp_path / "target")


@pytest.mark.parametrize("listed", [[], ["b.log"], ["a.log", "b.log"]])
def test_members_that_are_not_those_listed_are_refused(tmp_path: Path, listed: list[str]) -> None:
    said = [listing(Forged(name=name.encode())) for name in listed]

    with pytest.raises(UnsafeArchive, match="not those it lists"):
        plan_restore(forge(tmp_path / "a.zip", [GOOD], listed=said), tmp_path)


def test_bytes_that_belong_to_no_member_are_refused(tmp_path: Path) -> None:
    for number, how in enumerate(({"gap": b"hidden"}, {"comment": b"hidden"})):
        with pytest.raises((UnsafeArchive, IntegrityError)):
            plan_restore(forge(tmp_path / f"{number}.zip", [GOOD], **how), tmp_path)  # type: ignore[arg-type]  # both are bytes


def honest_bomb(path: Path) -> Path:
    return forge(path, [Forged(name=b"zeros", data=bytes(101_000_000))])


def overlapping_bomb(path: Path) -> Path:
    core = Forged(name=b"core", data=bytes(1_000_000))
    return forge(
        path,
        [core, *(Forged(name=b"n%d" % n, data=core.data, shares_previous=True) for n in range(50))],
    )


def lying_bomb(path: Path) -> Path:
    return forge(path, [Forged(name=b"small", data=bytes(50_000_000), size=1_000)])


def metadata_bomb(path: Path) -> Path:
    return forge(path, [], metadata=b'{"x":"' + b"0" * 50_000_000 + b'"}')


def crowd(path: Path) -> Path:
    forge(path, [])
    data = bytearray(path.read_bytes())
    data[-14:-10] = b"\xfe\xff\xfe\xff"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "bomb",
    [honest_bomb, overlapping_bomb, lying_bomb, metadata_bomb, crowd],
    ids=lambda b: b.__name__,
)
def test_bombs_are_refused_within_a_second(
    quick: Path, bomb: Callable[[Path], Path], proven: Proven
) -> None:
    archive = bomb(quick / "bomb.zip")
    start = time.process_time()

    with pytest.raises(UnsafeArchive):
        restore(archive, quick / "target", run_id="r")

    seconds = time.process_time() - start
    assert seconds < 1
    written = [path for path in (quick / "target").rglob("*") if path.is_file()]
    assert not written
    proven(1, "bombs", f"refused within {seconds:.1f} s, {len(written)} files written")


def sample(directory: Path) -> Path:
    metadata = OffloadMetadata(created_at=NOW, source_dir="logs", cutoff=NOW)
    contents = [
        Content(path=f"{number}.log", data=random.Random(number).randbytes(40) * number)
        for number in range(4)
    ]
    with stage_zip(directory, contents, metadata, kind="t", run_id="r") as staged:
        return staged.publish(["sample.zip"])


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("nothing-changed-silently")
def test_no_flipped_bit_changes_what_is_read(tmp_path: Path, proven: Proven) -> None:
    archive = sample(tmp_path)
    sound = archive.read_bytes()
    with open_archive(archive) as opened:
        wanted = [b"".join(opened.read(member)) for member in opened.metadata.members]
    unnoticed = 0

    for number in range(300):
        archive.write_bytes(sound)
        flip(archive, random.Random(number).randrange(len(sound) * 8))
        try:
            with open_archive(archive) as opened:
                found = [b"".join(opened.read(member)) for member in opened.metadata.members]
        except ExportError:
            continue
        assert found == wanted
        unnoticed += 1

    # Versions, modes and the like: nothing that is unpacked, and nothing to whoever restores.
    assert unnoticed < 30
    proven(300, "bits of an archive", f"{300 - unnoticed} refused, {unnoticed} without effect")


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("complete-or-loud")
def test_every_flipped_bit_of_an_archive_is_found_without_a_ledger(
    quick: Path, proven: Proven
) -> None:
    metadata = OffloadMetadata(created_at=NOW, source_dir="logs", cutoff=NOW)
    contents = [
        Content(path="a.log", data=b"a line, and another one\n" * 20),
        Content(path="b.csv.gz", data=random.Random(2).randbytes(60)),
        Content(path="c.log", data=b""),
        Content(path="d.log", data="".join(f"{n * n:x}\n" for n in range(90)).encode()),
    ]
    with stage_zip(quick, contents, metadata, kind="t", run_id="r") as staged:
        archive = staged.publish(["sample.zip"])
    sound = archive.read_bytes()
    bits = range(8 * len(sound))
    with open_archive(archive) as opened:
        *_, listed = opened._stored.values()
    missed, named, neutral = [], 0, 0

    for bit in random.Random(5).sample(bits, effort(300, soak=len(bits))):
        damaged = bytearray(sound)
        damaged[bit // 8] ^= 1 << bit % 8
        archive.write_bytes(damaged)
        try:
            verify_archive(archive)
        except ExportError as error:
            named += str(archive) in str(error)
            continue
        # In the packed list itself, for whose bytes nothing else can vouch, are a few bits that
        # change nothing when it is unpacked.
        if listed.start <= bit // 8 < listed.start + listed.packed:
            neutral += 1
        else:
            missed.append(bit)

    assert missed == [], f"bits of {len(sound)} bytes"
    archive.write_bytes(sound)
    assert verify_archive(archive).members == 4
    count = effort(300, soak=len(bits))
    assert named == count - neutral
    assert neutral < 20
    told = f"{named} found and named, {neutral} without effect"
    proven(count, "bits of an archive without a ledger", told)


@pytest.mark.parametrize("where", ["first header", "directory"])
def test_what_no_unpacking_looks_at_is_told_and_no_matter_to_whoever_restores(
    tmp_path: Path, where: str
) -> None:
    archive = sample(tmp_path)
    data = bytearray(archive.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[4 if where == "first header" else central + 38] ^= 1  # what a member needs; its mode
    archive.write_bytes(data)

    restore(archive, tmp_path / "back", run_id="r")

    assert len(list((tmp_path / "back").iterdir())) == 4
    with pytest.raises(IntegrityError, match=r"not as it was written|are not as written"):
        verify_archive(archive)


def test_an_archive_of_earlier_programs_is_sound_without_a_sum_of_its_packed_bytes(
    tmp_path: Path,
) -> None:
    assert verify_archive(forge(tmp_path / "a.zip", [GOOD])).members == 1


def test_whatever_is_changed_only_errors_of_ours_come_out(quick: Path) -> None:
    archive = sample(quick)
    sound = archive.read_bytes()
    chance = random.Random(20260208)
    refused = 0

    for _ in range(2_000):
        broken = bytearray(sound)
        for _ in range(chance.choice((1, 2, 8))):
            at = chance.randrange(len(broken))
            value = chance.choice((b"\xff" * 8, b"\0" * 8, b"\x7f", chance.randbytes(4)))
            broken[at : at + len(value)] = value
        archive.write_bytes(broken)
        try:
            with open_archive(archive) as opened:
                opened.verify()
        except ExportError:
            refused += 1

    assert refused > 1_900


@pytest.mark.parametrize("change", [{"mtime_ns": 2**64}, {"bytes": -1}, {"sha256": "0" * 64}])
def test_a_list_that_says_the_impossible_is_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    listed = [msgspec.structs.replace(listing(GOOD), **change)]

    with pytest.raises((IntegrityError, UnsafeArchive)):
        restore(forge(tmp_path / "a.zip", [GOOD], listed=listed), tmp_path / "t", run_id="r")

    assert not (tmp_path / "t" / "a.log").exists()


@pytest.mark.parametrize("share", [0, 1, 10, 50, 90, 99])
def test_a_torn_archive_is_incomplete(tmp_path: Path, share: int) -> None:
    archive = sample(tmp_path)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) * share // 100])

    with pytest.raises(IntegrityError, match="not a complete archive"):
        plan_restore(archive, tmp_path)


def test_an_archive_that_is_missing_or_a_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "link.zip").symlink_to(sample(tmp_path))

    for name in ("gone.zip", "link.zip"):
        with pytest.raises(SourceMissing, match=name):
            plan_restore(tmp_path / name, tmp_path)
