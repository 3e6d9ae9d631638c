"""Encrypted archives: any age program opens them, nobody else does, and nothing goes unproven."""

import random
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import msgspec
import pytest
from pydantic import SecretStr

from export_assets.archives.catalogue import list_archives, verify_archive
from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.archives.encryption.record import read_record, record_path
from export_assets.archives.match import MatchFile, MatchRequest, archive_match, archives_of_match
from export_assets.archives.offload.ledger import read_ledger
from export_assets.archives.offload.purge import PurgeRequest, purge
from export_assets.archives.restore import plan_restore, restore
from export_assets.archives.zip_reader import open_archive
from export_assets.errors import (
    ConfigError,
    DestinationError,
    ExportError,
    IntegrityError,
    Tampered,
    WrongKey,
)
from export_assets.store.filesystem import REAL, Filesystem
from export_assets.store.manifest import encode_document
from export_assets_tests.archives.keys import (
    IDENTITY,
    OPENING,
    OTHER_IDENTITY,
    RECIPIENT,
    SEALING,
    WRONG,
    new_identity,
    opened_by_any_age_program,
    recipient_of,
)
from export_assets_tests.archives.offload_world import NOW, OLD_FILES, World, flip
from export_assets_tests.effort import effort
from export_assets_tests.proof.plugin import Proven

FLIPS = effort(40, soak=300)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, keyring=OPENING).make()


def archive_of(world: World) -> Path:
    [path] = world.archives.glob("*.zip.age")
    return path


def stayed(world: World, keyring: Keyring) -> list[str]:
    report = replace(world, keyring=keyring).offload()
    assert report.removed == []
    assert report.problems == []
    return [one.path for one in report.skipped if one.reason == "no_key"]


def match_request(tmp_path: Path, keyring: Keyring) -> MatchRequest:
    log = tmp_path / "a.jsonl"
    log.write_text('{"secret":"sentinel-in-content"}\n', encoding="utf-8")
    return MatchRequest(
        match_id="final",
        archives=tmp_path / "archives",
        files=[MatchFile(folder="logs", path="sentinel-in-name.jsonl", file=log)],
        keyring=keyring,
        run_id="r1",
        now=NOW,
    )


def test_any_age_program_opens_them_and_finds_a_plain_zip(world: World, tmp_path: Path) -> None:
    content = {path: (world.logs / path).read_bytes() for path in OLD_FILES}

    report = world.offload()

    assert report.archive == archive_of(world)
    assert sorted(report.removed) == sorted(OLD_FILES)
    plain = tmp_path / "plain.zip"
    plain.write_bytes(opened_by_any_age_program(report.archive.read_bytes(), IDENTITY))
    with ZipFile(plain) as opened:
        assert {name: opened.read(name) for name in OLD_FILES} == content


def test_every_recipient_opens_them(tmp_path: Path) -> None:
    other = Keyring(recipients=(RECIPIENT, recipient_of(OTHER_IDENTITY)))
    world = World(tmp_path, keyring=other).make()
    world.offload()

    for identity in (IDENTITY, OTHER_IDENTITY):
        keyring = Keyring(identity=SecretStr(identity))
        assert verify_archive(archive_of(world), None, keyring).members == len(OLD_FILES)


def test_no_name_and_no_content_is_in_the_bytes(tmp_path: Path) -> None:
    sealed = archive_match(match_request(tmp_path, SEALING))
    data = sealed.read_bytes()
    plain = archive_match(match_request(tmp_path, NO_KEYS)).read_bytes()

    assert sealed.name == "match_final_20260208_103000.zip.age"
    assert b"sentinel-in-name" in plain
    inside = opened_by_any_age_program(data, IDENTITY)
    assert b"sentinel-in-name" in inside
    for secret in (b"sentinel", b"logs/", b"metadata.json", b"match", b"PK\x03\x04"):
        assert secret not in data
    assert stat.S_IMODE(record_path(sealed).stat().st_mode) == 0o600


def test_no_file_ever_has_the_plain_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither among the archives nor in the private place, at any write of the whole run."""
    private = tmp_path / "private"
    private.mkdir()
    keyring = replace(OPENING, temp_dir=private)
    world = World(tmp_path / "world", keyring=keyring).make()
    seen: Counter[str] = Counter()
    real = type(REAL).write

    def watched(_: object, fd: int, data: "bytes | memoryview") -> int:
        seen["writes"] += 1
        seen["private"] += len(list(private.iterdir()))
        for path in world.archives.iterdir():
            seen["plain"] += path.read_bytes().startswith(b"PK")
        return real(REAL, fd, data)

    monkeypatch.setattr(type(REAL), "write", watched)

    assert sorted(world.offload().removed) == sorted(OLD_FILES)

    assert seen["writes"] > 5
    assert (seen["private"], seen["plain"]) == (0, 0)


# --------------------------------------------------------------------------- deletion


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
def test_nothing_goes_that_cannot_be_proven_here(world: World) -> None:
    before = world.in_place()

    assert stayed(world, SEALING) == sorted(OLD_FILES)
    assert stayed(world, SEALING) == sorted(OLD_FILES)
    assert stayed(world, WRONG) == sorted(OLD_FILES)

    assert world.in_place() == before
    assert len(list(list_archives(world.archives))) == 1
    assert sorted(world.offload().removed) == sorted(OLD_FILES)
    assert len(list(list_archives(world.archives))) == 1


def test_no_room_to_decrypt_is_not_taken_for_damage(world: World) -> None:
    world.offload(allow_delete=False)
    before = world.in_place()
    cramped = Keyring(identity=SecretStr(IDENTITY), temp_dir=world.root / "gone")

    with pytest.raises(DestinationError, match="gone"):
        replace(world, keyring=cramped).offload()

    assert world.in_place() == before
    assert len(list(list_archives(world.archives))) == 1
    world.offload()
    emptied = PurgeRequest(
        source_dir=world.logs,
        archives=world.archives,
        allow_delete=True,
        keyring=cramped,
        run_id="r",
        now=NOW + timedelta(days=30),
    )
    with pytest.raises(DestinationError, match="gone"):
        purge(emptied)
    assert len(world.in_place()) == len(before)


def test_an_identity_that_opens_nothing_of_ours_makes_no_archive(world: World) -> None:
    wrong = replace(WRONG, recipients=(RECIPIENT,))

    with pytest.raises(WrongKey, match="is encrypted for others"):
        replace(world, keyring=wrong).offload()

    assert world.stray() == []
    assert list(list_archives(world.archives)) == []


def test_switching_encryption_on_and_off_archives_nothing_twice(world: World) -> None:
    plain = replace(world, keyring=NO_KEYS)
    plain.offload(allow_delete=False)

    switched_on = world.offload(allow_delete=False)
    (world.logs / "new.jsonl").write_bytes(b'{"n":1}\n')
    with_new = world.offload(allow_delete=False)
    switched_off = plain.offload(allow_delete=False)

    assert switched_on.archived == []
    assert with_new.archived == ["new.jsonl"]
    assert switched_off.archived == []
    assert switched_off.known["new.jsonl"].endswith(".zip.age")
    assert sorted(world.offload().removed) == sorted([*OLD_FILES, "new.jsonl"])


def purge_request(world: World, keyring: Keyring) -> PurgeRequest:
    return PurgeRequest(
        source_dir=world.logs,
        archives=world.archives,
        allow_delete=True,
        grace=timedelta(days=1),
        keyring=keyring,
        run_id="purge",
        now=NOW + timedelta(days=2),
    )


def test_the_trash_is_emptied_only_with_the_identity(world: World) -> None:
    world.offload()

    for keyring in (NO_KEYS, WRONG):
        kept = purge(purge_request(world, keyring))
        assert (kept.removed, {one.reason for one in kept.skipped}) == ([], {"no_key"})
    flip(archive_of(world), 5000)
    damaged = purge(purge_request(world, NO_KEYS))
    flip(archive_of(world), 5000)

    assert {one.reason for one in damaged.skipped} == {"archive_damaged"}
    assert "is not the file that was written" in damaged.problems[0]
    assert sorted(purge(purge_request(world, OPENING)).removed) == sorted(OLD_FILES)


@pytest.mark.parametrize("keyring", [OPENING, SEALING], ids=["identity", "none"])
def test_an_archive_that_was_never_entered_is_adopted(world: World, keyring: Keyring) -> None:
    world.offload(allow_delete=False)
    [entered] = read_ledger(world.archives, filesystem=REAL).archived()
    (world.archives / ".offload_ledger.jsonl").unlink()

    report = replace(world, keyring=keyring).offload(allow_delete=False)

    [again] = read_ledger(world.archives, filesystem=REAL).archived()
    assert report.adopted == [archive_of(world).name]
    assert report.archived == []
    assert (again.sha256, again.members) == (entered.sha256, entered.members)
    assert again.recipients == entered.recipients == (RECIPIENT,)


def test_an_archive_that_nothing_knows_is_not_adopted_without_its_key(world: World) -> None:
    world.offload(allow_delete=False)
    (world.archives / ".offload_ledger.jsonl").unlink()
    record_path(archive_of(world)).unlink()

    report = replace(world, keyring=SEALING).offload()

    assert report.adopted == []
    assert "has no record" in report.problems[0]
    assert replace(world, keyring=OPENING).offload().adopted


def test_a_damaged_record_of_an_archive_never_entered_ends_no_offload(world: World) -> None:
    world.offload(allow_delete=False)
    (world.archives / ".offload_ledger.jsonl").unlink()
    flip(record_path(archive_of(world)), 300)
    before = world.in_place()

    report = replace(world, keyring=SEALING).offload()

    [problem] = report.problems
    assert "is not the record that was written" in problem
    assert len(report.archived) == len(OLD_FILES)
    assert world.in_place() == before


def test_an_archive_that_has_its_name_keeps_its_record(world: World) -> None:
    class Interrupted(Filesystem):
        def rename_new(
            self, old: str, new: str, *, dir_fd: int, from_fd: int | None = None
        ) -> None:
            super().rename_new(old, new, dir_fd=dir_fd, from_fd=from_fd)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.offload(filesystem=Interrupted())

    assert read_record(archive_of(world)) is not None
    adopted = replace(world, keyring=SEALING).offload()
    assert (len(adopted.adopted), adopted.archived) == (1, [])


def test_records_of_archives_that_never_came_are_swept(world: World) -> None:
    world.offload(allow_delete=False)
    kept = record_path(archive_of(world))
    for name in (".gone.zip.age.json", "..gone.zip.age.json.tmp"):
        (world.archives / name).write_bytes(kept.read_bytes())
    others = world.archives / ".match_final_20260208_103000.zip.age.json"
    others.write_bytes(kept.read_bytes())
    being_written = world.archives / f".{others.name}.tmp"
    being_written.write_bytes(b"{")

    world.offload(allow_delete=False)

    assert kept.is_file()
    assert sorted(world.stray()) == sorted([others.name, being_written.name])
    archive_match(match_request(world.root, SEALING))
    assert not being_written.exists()
    assert read_record(world.archives / "match_final_20260208_103000.zip.age")


# --------------------------------------------------------------------------- reading


def test_without_its_key_an_archive_is_known_as_a_whole(world: World) -> None:
    world.offload()
    path = archive_of(world)

    [listed] = list_archives(world.archives)
    verified = verify_archive(path)

    assert (listed.kind, listed.members, listed.entered) == ("offload", len(OLD_FILES), True)
    assert (listed.encrypted, listed.recipients) == (True, (RECIPIENT,))
    assert (verified.only_whole, verified.members, verified.of) == (True, 0, len(OLD_FILES))
    with pytest.raises(WrongKey, match="no identity is configured"):
        restore(path, world.root / "out", run_id="r")
    with pytest.raises(WrongKey, match="is encrypted for others"):
        verify_archive(path, None, WRONG)
    record_path(path).unlink()
    assert verify_archive(path).only_whole, "the ledger knows it still"
    (world.archives / ".offload_ledger.jsonl").unlink()
    with pytest.raises(WrongKey):
        verify_archive(path)
    assert verify_archive(path, None, OPENING).members == len(OLD_FILES)


@pytest.mark.suite("security")
@pytest.mark.promise("complete-or-loud")
def test_a_wrong_key_restores_nothing(world: World, proven: Proven) -> None:
    world.offload()
    target = world.root / "out"
    path = archive_of(world)

    wrong = [NO_KEYS, WRONG, *(Keyring(identity=SecretStr(new_identity())) for _ in range(8))]
    for keyring in wrong:
        for attempt in (
            lambda keys: plan_restore(path, target, keyring=keys),
            lambda keys: restore(path, target, run_id="r", keyring=keys),
        ):
            with pytest.raises(WrongKey) as refused:
                attempt(keyring)
            assert refused.value.exit_code == 40
    there = list(target.rglob("*")) if target.exists() else []
    assert there == []
    proven(len(wrong), "wrong keys", f"{len(there)} files written")

    report = restore(path, target, run_id="r", keyring=OPENING)
    assert sorted(report.restored) == sorted(OLD_FILES)


def flipped(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def flipped_in_the_header(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(data.index(b"\n---") + 40)] ^= 1 << rng.randrange(8)


def cut_short(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("complete-or-loud")
@pytest.mark.parametrize(
    "damage", [flipped, flipped_in_the_header, cut_short], ids=lambda one: one.__name__
)
@pytest.mark.parametrize("known", [True, False], ids=["with record", "alone"])
def test_damage_restores_nothing_and_is_told(
    damage: Callable[[bytearray, random.Random], None],
    known: bool,  # noqa: FBT001  # a parameter of the test
    world: World,
    proven: Proven,
) -> None:
    """With a record it is always told as damage; alone, some of the header looks like a key's."""
    # More than one chunk of age, so that some of it opens before the damage is met.
    (world.logs / "big.log").write_bytes(random.Random(1).randbytes(200_000))
    world.offload()
    path = archive_of(world)
    sound = path.read_bytes()
    if not known:
        path = world.root / "elsewhere.zip.age"
    target = world.root / "out"
    codes: Counter[int] = Counter()

    for seed in range(FLIPS):
        rng = random.Random(f"{damage.__name__}/{seed}")
        data = bytearray(sound)
        damage(data, rng)
        path.write_bytes(data)
        with pytest.raises((Tampered, WrongKey)) as refused:
            restore(path, target, run_id="r", keyring=OPENING)
        assert list(target.rglob("*")) == [], f"{damage.__name__}, seed {seed}"
        codes[refused.value.exit_code] += 1
        if known:
            # Nor does anybody without the key take it for what was written.
            with pytest.raises(Tampered):
                verify_archive(path)

    assert codes.total() == FLIPS
    if known or damage is not flipped_in_the_header:
        assert codes.keys() == {41} or (not known and codes[41] > codes[40])
    proven(codes.total(), damage.__name__.replace("_", " "), f"all refused: {dict(codes)}")


def test_another_archive_for_the_same_recipient_is_not_taken_for_it(world: World) -> None:
    """Whoever has the public key can encrypt; who wrote an archive is known by its record."""
    world.offload()
    path = archive_of(world)
    other = World(world.root / "other", keyring=SEALING).make(lines=3)
    other.offload()
    path.write_bytes(archive_of(other).read_bytes())

    for keyring in (OPENING, NO_KEYS):
        with pytest.raises(Tampered, match="is not the file that was written"):
            verify_archive(path, None, keyring)
    with pytest.raises(Tampered):
        restore(path, world.root / "out", run_id="r", keyring=OPENING)


def test_a_damaged_record_is_told_and_keeps_nobody_from_restoring(world: World) -> None:
    world.offload()
    flip(record_path(archive_of(world)), 300)

    for keyring in (OPENING, NO_KEYS):
        with pytest.raises(IntegrityError, match="is not the record that was written"):
            verify_archive(archive_of(world), None, keyring)
    report = restore(archive_of(world), world.root / "out", run_id="r", keyring=OPENING)
    assert sorted(report.restored) == sorted(OLD_FILES)


def test_a_record_that_says_other_than_is_inside_is_told(world: World) -> None:
    world.offload()
    path = archive_of(world)
    record = read_record(path)
    assert record is not None
    assert record.offload is not None
    members = record.offload.members[:1]
    other = msgspec.structs.replace(record.offload, members=members, checksum="")
    forged = encode_document(msgspec.structs.replace(record, offload=other, checksum=""))
    record_path(path).write_bytes(forged)

    with pytest.raises(IntegrityError, match="does not say what is in the archive"):
        verify_archive(path, None, OPENING)


def test_a_match_is_known_by_its_record(tmp_path: Path) -> None:
    request = match_request(tmp_path, SEALING)
    path = archive_match(request)
    plain = archive_match(replace(request, keyring=NO_KEYS, now=NOW + timedelta(hours=1)))

    found = list(archives_of_match(request.archives, "final"))

    assert [one for one, _ in found] == [plain, path]
    assert found[1][1].counts == {"logs": 1}
    record_path(path).unlink()
    assert [one for one, _ in archives_of_match(request.archives, "final")] == [plain]
    opened = [one for one, _ in archives_of_match(request.archives, "final", OPENING)]
    assert opened == [plain, path]


def test_a_name_is_taken_by_either_kind(world: World) -> None:
    (world.archives).mkdir()
    first = archive_match(match_request(world.root, SEALING))
    second = archive_match(match_request(world.root, NO_KEYS))

    assert first.name == "match_final_20260208_103000.zip.age"
    assert second.name == "match_final_20260208_103000_2.zip"


MEMORY = """
import sys
from pathlib import Path
from export_assets.archives.catalogue import verify_archive
from export_assets.archives.restore import restore
from export_assets_tests.archives.keys import OPENING
from export_assets_tests.archives.offload_world import World
from export_assets_tests.peak_memory import peak_kilobytes

root = Path(sys.argv[1])
World(root / "small", keyring=OPENING).make().offload()
before = peak_kilobytes()
archive = World(root / "large", keyring=OPENING).offload().archive
assert verify_archive(archive, None, OPENING).bytes > 40_000_000
restore(archive, root / "out", run_id="r", keyring=OPENING)
print(peak_kilobytes() - before)
"""


@pytest.mark.suite("limits")
@pytest.mark.promise("flat-memory")
def test_a_large_archive_needs_no_more_memory(quick: Path, proven: Proven) -> None:
    log = quick / "large" / "logs" / "large.log.gz"  # which is stored as it is, and costs no time
    log.parent.mkdir(parents=True)
    log.write_bytes(bytes(range(256)) * 160_000)

    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(quick)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    more = int(done.stdout)
    assert more < 12_000, f"{more:,} kB more for 41 MB"
    proven(41, "MB encrypted, verified, restored", f"{more:,} kB more than for 2 kB")


# --------------------------------------------------------------------------- keys


def identity_file(path: Path, text: str, mode: int = 0o600) -> Keyring:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return Keyring(identity_file=path)


def test_an_identity_file_may_hold_several_and_comments(world: World, tmp_path: Path) -> None:
    world.offload()
    text = f"# created: today\n{OTHER_IDENTITY}\n\n{IDENTITY}\r\n"

    keyring = identity_file(tmp_path / "keys.txt", text)

    assert verify_archive(archive_of(world), None, keyring).members == len(OLD_FILES)


@pytest.mark.parametrize(
    ("text", "mode", "fact"),
    [
        (IDENTITY, 0o640, "may be read or written by others"),
        (IDENTITY, 0o604, "may be read or written by others"),
        ("", 0o600, "holds no identity"),
        (f"# {IDENTITY}\n", 0o600, "holds no identity"),
        (
            f"{IDENTITY[:-1]}{'Y' if IDENTITY.endswith('X') else 'X'}\n",
            0o600,
            "line 1 is no identity",
        ),
        (f"{RECIPIENT}\n", 0o600, "line 1 is no identity"),
    ],
    ids=["of the group", "of all", "empty", "comment", "a slip", "recipient"],
)
def test_an_identity_file_that_is_none_is_one_line(
    text: str, mode: int, fact: str, tmp_path: Path
) -> None:
    keyring = identity_file(tmp_path / "keys.txt", text, mode)

    with pytest.raises(ConfigError, match=f"^archive_identity_file: .*{fact}") as refused:
        keyring.identities()

    assert refused.value.exit_code == 2
    assert "AGE-SECRET-KEY-1" not in str(refused.value).replace("(AGE-SECRET-KEY-1…)", "")


def test_an_archive_of_no_age_is_told(tmp_path: Path) -> None:
    path = tmp_path / "zip.zip.age"
    path.write_bytes(b"PK\x03\x04 and more")

    with pytest.raises(ExportError) as refused, open_archive(path, OPENING):
        raise AssertionError

    assert refused.value.exit_code == 41
