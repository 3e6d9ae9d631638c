"""Encrypted archives by commands: who can read them, and what happens without the key."""

import subprocess
import sys
from pathlib import Path

import pytest

from export_assets.systems.leadville.sample import make_logs
from export_assets_tests.archives.keys import (
    IDENTITY,
    OTHER_IDENTITY,
    RECIPIENT,
    opened_by_any_age_program,
)
from export_assets_tests.archives.offload_world import flip
from export_assets_tests.cli.conftest import Cli
from export_assets_tests.end_to_end.world import World, tree

LOGS = Path("data/leadville")
MATCH = ("archive", "--match-id", "final", "--pattern", "*20250902*", "--logs-only")
OFFLOAD = ("offload", "--days-old", "1", "--delete-source", "--yes", "--archive-name", "old")


@pytest.fixture
def home(world: World) -> World:
    """A project whose archives are encrypted, with the identity that opens them."""
    make_logs(world.home / LOGS, days=2, strings=2)
    encrypt(world, f"{{recipients: [{RECIPIENT}]}}")
    identify(world, IDENTITY)
    return world


def encrypt(world: World, text: str) -> None:
    (world.home / "sources").mkdir(exist_ok=True)
    yaml = f"source: leadville\nlog: {{offload: {{min_idle: 0}}, encryption: {text}}}\n"
    (world.home / "sources" / "leadville.yaml").write_text(yaml, encoding="utf-8")


def identify(world: World, identity: str | None) -> None:
    settings = "allow_delete: true\n"
    if identity is not None:
        path = world.home / "identity.txt"
        path.touch(mode=0o600)
        path.write_text(f"{identity}\n", encoding="utf-8")
        settings += "archive_identity_file: identity.txt\n"
    (world.home / "export_assets.yaml").write_text(settings, encoding="utf-8")


def archives(world: World) -> list[Path]:
    return sorted((world.home / "exports" / "archives").glob("*.zip.age"))


def test_logs_go_into_encrypted_archives_and_come_back(home: World, cli: Cli) -> None:
    logs = tree(home.home / LOGS)

    made = [cli(*MATCH), cli(*OFFLOAD, "--json")]
    listed = cli("list", "archives", "--json")
    verified = cli("verify", "archives")

    assert [one.code for one in made] == [0, 0], [one.err for one in made]
    [match, old] = archives(home)
    assert (match.name[:12], match.suffix, old.name) == ("match_final_", ".age", "old.zip.age")
    assert made[1].document["removed"]
    assert opened_by_any_age_program(old.read_bytes(), IDENTITY).startswith(b"PK")
    said = {one["name"]: one for one in listed.document["archives"]}
    assert {one["state"] for one in said.values()} == {"proven, encrypted", "entered, encrypted"}
    assert said[old.name]["recipients"] == [RECIPIENT]
    assert (verified.code, verified.err) == (0, "")
    assert cli("verify", old).code == 0
    back = cli("restore", "old")
    assert back.code == 0, back.err
    assert tree(home.home / LOGS) | logs == tree(home.home / LOGS)


def test_equal_content_makes_no_second_archive_whoever_can_read_it(home: World, cli: Cli) -> None:
    identify(home, None)

    told = [cli(*MATCH, "--json").document["status"] for _ in range(2)]
    encrypt(home, "null")
    told.append(cli(*MATCH, "--json").document["status"])

    assert told == ["archived", "unchanged", "unchanged"]
    assert len(archives(home)) == 1


def test_without_an_identity_logs_are_archived_and_stay(home: World, cli: Cli) -> None:
    identify(home, None)
    logs = tree(home.home / LOGS)

    done = cli(*OFFLOAD)
    verified = cli("verify", "archives")
    listed = cli("list", "archives")

    assert done.code == 3
    [line] = [line for line in done.out.splitlines() if "no identity" in line]
    assert line.startswith("stays: ")
    assert "(is in an encrypted archive that no identity here opens" in line
    assert tree(home.home / LOGS) == logs
    assert verified.code == 0
    assert "old.zip.age: without its key: only as a whole" in verified.err
    assert "encrypted" in listed.out
    identify(home, IDENTITY)
    again = cli("offload", "--days-old", "1", "--delete-source", "--yes", "--json")
    assert (again.code, again.document["archived"]) == (0, [])
    assert again.document["removed"]


def test_the_trash_waits_for_the_identity(home: World, cli: Cli) -> None:
    cli(*OFFLOAD)
    identify(home, None)

    done = cli("offload", "--purge", "--no-grace", "--yes")

    assert done.code == 3
    assert len([line for line in done.out.splitlines() if "no identity here opens" in line]) == 1
    assert "0 logs removed from the trash" in done.out
    identify(home, IDENTITY)
    assert "0 logs" not in cli("offload", "--purge", "--no-grace", "--yes").out


@pytest.mark.suite("security")
@pytest.mark.promise("complete-or-loud")
def test_a_wrong_key_in_a_process_of_its_own_writes_nothing(home: World, cli: Cli) -> None:
    cli(*OFFLOAD)
    identify(home, None)
    nobody = cli("restore", "old", "--to", "out")
    identify(home, OTHER_IDENTITY)
    # A process that has opened nothing yet, whatever this one may have kept of the right key.
    other = subprocess.run(
        home.command("restore", "old", "--to", "out"),
        cwd=home.home,
        env=home.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (nobody.code, other.returncode, other.stdout) == (40, 40, "")
    assert "no identity is configured" in nobody.err
    assert "is encrypted for others" in other.stderr
    assert "AGE-SECRET-KEY" not in other.stderr
    assert not (home.home / "out").exists()
    assert cli("verify").code == 40
    flip(archives(home)[0], 700)
    for identity in (OTHER_IDENTITY, None, IDENTITY):
        identify(home, identity)
        for command in (("verify",), ("restore", "old", "--to", "out")):
            told = cli(*command)
            assert (told.code, "is not the file that was written" in told.err) == (41, True)
    assert not (home.home / "out").exists()


def test_an_identity_may_come_from_the_environment(
    home: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    identify(home, None)
    monkeypatch.setenv("KEY_OF_ARCHIVES", IDENTITY)
    with (home.home / "export_assets.yaml").open("a") as file:
        file.write("archive_identity: ${KEY_OF_ARCHIVES}\n")

    done = cli(*OFFLOAD, "--json")
    shown = cli("validate", "--show", "--json")

    assert (done.code, bool(done.document["removed"])) == (0, True)
    assert shown.code == 0, shown.err
    assert IDENTITY not in shown.out
    assert RECIPIENT in shown.out


def test_without_the_extra_one_line_names_it(
    home: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli(*OFFLOAD)
    monkeypatch.setitem(sys.modules, "pyrage", None)

    for command in (MATCH, OFFLOAD[:-2], ("restore", "old", "--to", "out"), ("verify",)):
        done = cli(*command)

        assert (done.code, done.err.count("\n")) == (2, 1), done.err
        assert "pip install export-assets[crypto]" in done.err
    assert not (home.home / "out").exists()


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("{recipients: [age1nobody]}", "'age1nobody' is no recipient of age"),
        (f"{{recipients: [{RECIPIENT[:-1]}{'q' if RECIPIENT[-1] != 'q' else 'p'}]}}", "recipient"),
        (f"{{recipients: [{OTHER_IDENTITY}]}}", "is an identity, which opens archives"),
        (f"{{recipients: [' {OTHER_IDENTITY}']}}", "is an identity, which opens archives"),
        (f"{{recipients: {OTHER_IDENTITY}}}", "must be a list"),
        (f"{{{OTHER_IDENTITY}: here}}", "log.encryption"),
        (f"{{recipients_file: {OTHER_IDENTITY}}}", "No such file"),
        ("{recipients_file: named.txt}", "named.txt: line 1: is an identity"),
        ("{recipients_file: ~nobody-of-that-name/keys.txt}", "begins with ~ and nobody's name"),
        ('{recipients_file: "team\\0.txt"}', "holds a NUL"),
        ("{}", "names nobody who could read the archives"),
        ("{recipients_file: none.txt}", "none.txt: No such file"),
        ("{recipients_file: bad.txt}", "bad.txt: line 2: 'age1nobody' is no recipient"),
        ("{recipients_file: empty.txt}", "empty.txt: names nobody"),
    ],
    # The keys are others in each process, and tests are told apart by their names.
    ids=[
        *("no key", "a slip", "identity", "identity after a blank", "identity alone"),
        *("identity as key", "identity as file", "identity in it", "no user", "NUL"),
        *("nobody", "no file", "no key in it", "nobody in it"),
    ],
)
def test_recipients_that_are_none_are_one_line(text: str, fact: str, home: World, cli: Cli) -> None:
    (home.home / "bad.txt").write_text(f"{RECIPIENT}\nage1nobody\n", encoding="utf-8")
    (home.home / "empty.txt").write_text("# nobody\n", encoding="utf-8")
    (home.home / "named.txt").write_text(f"key: {OTHER_IDENTITY}\n", encoding="utf-8")
    encrypt(home, text)

    for command in (MATCH, OFFLOAD):
        done = cli(*command)

        assert (done.code, done.err.count("\n")) == (2, 1)
        assert fact in done.err
        assert OTHER_IDENTITY[:30] not in done.err
    assert not (home.home / "exports" / "archives").exists()


def test_recipients_may_be_in_a_file(home: World, cli: Cli) -> None:
    # As Notepad writes it.
    (home.home / "team.txt").write_bytes(b"\xef\xbb\xbf" + f"# us\r\n{RECIPIENT}\r\n".encode())
    encrypt(home, "{recipients_file: team.txt}")

    assert cli(*MATCH).code == 0

    assert opened_by_any_age_program(archives(home)[0].read_bytes(), IDENTITY)


def test_an_identity_in_the_settings_is_refused_and_not_repeated(home: World, cli: Cli) -> None:
    told = {
        "archive_identity": "archive_identity: holds a secret",
        "archive_identity_file": "No such file",
    }
    for setting, fact in told.items():
        (home.home / "export_assets.yaml").write_text(f"{setting}: {IDENTITY}\n")

        done = cli(*MATCH)

        assert done.code == 2
        assert fact in done.err
        assert IDENTITY[:30] not in done.err
