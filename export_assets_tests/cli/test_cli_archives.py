"""Archives by commands: matches, offloads, restores, and how list and verify see them."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

import polars as pl
import pytest

from export_assets.systems.leadville.sample import make_logs
from export_assets_tests.archives.forged_zips import Forged, forge
from export_assets_tests.archives.offload_world import flip
from export_assets_tests.cli.conftest import Cli
from export_assets_tests.cli.test_cli_start import loaded
from export_assets_tests.end_to_end.world import World, data, tree

LOGS = Path("data/leadville")
AT_ONCE = "source: leadville\nlog: {offload: {min_idle: 0}%s}\n"
WEB = "source: web\nkind: event_log\nurl: weblogs\nlog: {offload: {min_idle: 0}}\n"


@pytest.fixture
def home(world: World) -> World:
    """A project with three days of logs, which may be moved away as soon as they are old."""
    make_logs(world.home / LOGS, days=3, strings=6)
    configure(world)
    permit(world, "true")
    return world


def configure(world: World, more: str = "") -> None:
    (world.home / "sources").mkdir(exist_ok=True)
    (world.home / "sources" / "leadville.yaml").write_text(AT_ONCE % more, encoding="utf-8")


def permit(world: World, text: str) -> None:
    (world.home / "export_assets.yaml").write_text(f"allow_delete: {text}\n", encoding="utf-8")


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def archives(world: World) -> list[Path]:
    return sorted((world.home / "exports" / "archives").glob("*.zip"))


def exported(world: World) -> dict[str, str]:
    return {
        name: digest
        for name, digest in data(world.home / "exports").items()
        if name.startswith("leadville/") and "_segments" not in name
    }


# ---------------------------------------------------------------------------- matches


def test_a_match_is_archived_with_exports_of_exactly_its_logs(home: World, cli: Cli) -> None:
    done = cli("archive", "--match-id", "final", "--pattern", "*20250902*", "--json")

    [path] = archives(home)
    said = done.document
    assert (said["status"], said["path"], said["chosen_by"]) == ("archived", str(path), "patterns")
    with ZipFile(path) as opened:
        names = opened.namelist()
        runs = opened.read("exports/runs.csv").decode().splitlines()
        events = [json.loads(line) for line in opened.read("exports/events.ndjson").splitlines()]
        with opened.open("exports/events.parquet") as file:
            table = pl.read_parquet(file)
        metadata = json.loads(opened.read("metadata.json"))
    assert [name for name in names if name.startswith("logs/")] == [
        f"logs/{name}" for name in sorted(said["logs"])
    ]
    assert all("20250902" in name for name in said["logs"])
    assert metadata["formats"] == ["csv", "ndjson", "parquet"] == said["formats"]
    assert metadata["counts"] == said["counts"]
    assert metadata["counts"]["events"] == table.height
    assert len([one for one in events if one.get("_type") != "schema"]) == table.height
    assert metadata["counts"]["runs"] == len(runs) - 1
    assert set(table["source_file"]) <= set(said["logs"])
    assert metadata["counts"]["quarantined"] == 2
    assert len(metadata["members"]) == len(names) - 1


def test_an_export_of_a_match_leaves_the_published_exports_alone(home: World, cli: Cli) -> None:
    cli("export", "leadville")
    before = tree(home.home / "exports")

    cli("archive", "--match-id", "final", "--pattern", "*20250902*")

    after = tree(home.home / "exports")
    assert {name: after[name] for name in before} == before
    assert [Path(name).suffix for name in after.keys() - before.keys()] == [".zip"]


def test_equal_content_makes_no_second_archive_unless_asked_for(home: World, cli: Cli) -> None:
    match = ("archive", "--match-id", "final", "--db-path", LOGS / "timer_events.db", "--json")

    first = cli(*match).document
    second = cli(*match)
    forced = cli(*match, "--force").document
    append(home.home / LOGS / "range_main_20250901.csv", b"a line more\r\n")
    changed = cli(*match).document

    assert (second.code, second.document["status"]) == (0, "unchanged")
    assert second.document["path"] == first["path"]
    assert [one["status"] for one in (forced, changed)] == ["archived", "archived"]
    assert len(archives(home)) == 3


def test_logs_that_are_read_otherwise_are_archived_again(home: World, cli: Cli) -> None:
    cli("archive", "--match-id", "final")
    (home.home / "sources" / "leadville.yaml").write_text(
        "source: leadville\nassume_timezone: Europe/Berlin\n", encoding="utf-8"
    )

    exports = cli("archive", "--match-id", "final", "--json").document
    logs = [cli("archive", "--match-id", "final", "--logs-only", "--json") for _ in "ab"]

    assert exports["status"] == "archived"
    assert [one.document["status"] for one in logs] == ["archived", "unchanged"]


@pytest.mark.usefixtures("home")
def test_an_archive_that_is_damaged_is_made_again(cli: Cli) -> None:
    match = ("archive", "--match-id", "final", "--logs-only", "--json")
    first = Path(cli(*match).document["path"])
    flip(first, 200)

    again = cli(*match).document

    assert again["status"] == "archived"
    assert Path(again["path"]) != first


def test_logs_only_leaves_exports_out_and_says_so(home: World, cli: Cli) -> None:
    done = cli("archive", "--match-id", "m", "--logs-only", "--json")

    [path] = archives(home)
    with ZipFile(path) as opened:
        assert {name.partition("/")[0] for name in opened.namelist()} == {"logs", "metadata.json"}
    assert done.document["formats"] == []
    assert done.document["counts"] == {"logs": len(done.document["logs"])}
    assert done.code == 0


def test_a_database_is_put_in_as_of_one_moment_its_log_included(home: World, cli: Cli) -> None:
    path = home.home / "match.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("pragma journal_mode = wal")
        writer.execute("create table hits (n integer)")
        writer.executemany("insert into hits values (?)", [(n,) for n in range(100)])
        writer.commit()
        assert path.with_name("match.db-wal").stat().st_size > 0
        writer.execute("insert into hits values (100)")

        cli("archive", "--match-id", "m", "--db-path", "match.db", "--logs-only")

    [archive] = archives(home)
    with ZipFile(archive) as opened:
        (home.home / "copy.db").write_bytes(opened.read("database/match.db"))
    with closing(sqlite3.connect(home.home / "copy.db")) as copy:
        assert copy.execute("select count(*) from hits").fetchone() == (100,)
        assert copy.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_match_of_the_yaml_is_told_by_its_days_or_its_files(home: World, cli: Cli) -> None:
    configure(
        home,
        ", matches: {opening: {start: 2025-09-02, database: data/leadville/timer_events.db},"
        " closing: {files: ['range_main_20250903.*']}}",
    )

    days = cli("archive", "--match-id", "opening", "--dry-run", "--json").document
    files = cli("archive", "--match-id", "closing", "--dry-run", "--json").document

    names = [one["path"] for one in days["logs"]]
    assert (days["chosen_by"], files["chosen_by"]) == ("days", "files")
    assert list(days["databases"]) == ["timer_events.db"]
    assert {"range_main_20250902.csv", "old/range_debug_20250902_080000.ndjson.gz"} <= set(names)
    assert not [name for name in names if "20250901" in name and "main" in name]
    assert [one["path"] for one in files["logs"]] == [
        "range_main_20250903.csv",
        "range_main_20250903.ndjson",
    ]


def test_a_directory_of_the_match_is_the_match(home: World, cli: Cli) -> None:
    inside = home.home / LOGS / "match_7"
    inside.mkdir()
    for name in ("range_main_20250902.csv", "timer_events.db"):
        (home.home / LOGS / name).rename(inside / name)

    done = cli("archive", "--match-id", "7", "--json").document

    [path] = archives(home)
    with ZipFile(path) as opened:
        names = set(opened.namelist())
    assert done["chosen_by"] == "directory"
    assert done["logs"] == ["match_7/range_main_20250902.csv"]
    assert {"logs/match_7/range_main_20250902.csv", "database/match_7/timer_events.db"} <= names


def test_a_last_line_that_is_not_finished_is_accounted_for(home: World, cli: Cli) -> None:
    log = home.home / LOGS / "range_main_20250902.ndjson"
    before = cli("archive", "--match-id", "m", "--pattern", log.name, "--json").document
    append(log, b'{"datetime":"9/2')

    after = cli("archive", "--match-id", "m", "--pattern", log.name, "--json").document

    assert after["counts"]["quarantined"] == before["counts"]["quarantined"] + 1
    assert after["counts"]["events"] == before["counts"]["events"]


def test_a_general_source_has_its_events_in_every_format(world: World, cli: Cli) -> None:
    (world.home / "weblogs").mkdir()
    (world.home / "weblogs" / "a.jsonl").write_text('{"ts": "2026-01-15T12:00:00Z", "n": 1}\n')
    (world.home / "sources").mkdir()
    (world.home / "sources" / "web.yaml").write_text(WEB, encoding="utf-8")

    done = cli("archive", "--match-id", "m", "--json")

    assert done.code == 0
    assert done.document["source"] == "web"
    with ZipFile(archives(world)[0]) as opened:
        assert [name for name in opened.namelist() if name.startswith("exports/")] == [
            "exports/events.csv",
            "exports/events.ndjson",
            "exports/events.parquet",
        ]


def test_a_dry_run_of_a_match_writes_nothing(home: World, cli: Cli) -> None:
    before = tree(home.home)

    done = cli("archive", "--match-id", "m", "--dry-run")

    assert "exports/runs.csv" in done.out
    assert tree(home.home) == before


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("archive", "--match-id", "../x"), 2, "error: match id '../x': letters"),
        (("archive", "--match-id", "m", "--pattern", "nope*"), 10, "no logs like nope* found in"),
        (("archive", "--match-id", "m", "--db-path", "none.db"), 10, "none.db"),
        (("archive", "shop", "--match-id", "m"), 2, "shop: no such source"),
        (("archive", "theprogram", "--match-id", "m"), 2, "is no source of event logs"),
        (("offload", "--source-dir", "none"), 10, "none: is no directory"),
        (("offload", "--purge", "--source-dir", "none"), 10, "none: is no directory"),
        (("offload", "--delete-source"), 2, "--delete-source: add --yes"),
        (("offload", "--no-grace", "--yes"), 2, "--no-grace: means nothing where logs stay"),
        (("offload", "--purge", "--days-old", "3"), 2, "--purge: only empties the trash"),
        (("offload", "--purge", "--no-grace"), 2, "--no-grace: add --yes"),
        (("offload", "--archive-name", "match_x"), 2, "archive name 'match_x'"),
        (("restore", "none"), 10, "none: no such archive"),
        (("verify", "leadville", "--read-data-subset", "1/2"), 2, "is for archives"),
        (("verify", "archives", "--read-data-subset", "3/2"), 2, "expected K/N"),
        (("verify", "archives", "--deep"), 2, "mean nothing for archives"),
    ],
    ids=str,
)
def test_what_cannot_be_is_one_line_and_its_exit_code(
    home: World, cli: Cli, arguments: tuple[str, ...], code: int, line: str
) -> None:
    done = cli(*arguments)

    assert done.code == code, done.err
    assert line in done.err
    assert len(done.err.splitlines()) == 1
    assert archives(home) == []


@pytest.mark.usefixtures("world")
def test_without_a_log_directory_one_line_says_so(cli: Cli) -> None:
    done = [cli("offload"), cli("archive", "--match-id", "m")]

    assert [one.code for one in done] == [10, 10]
    assert all("data/leadville: is no directory" in one.err for one in done)


# ---------------------------------------------------------------------------- offload


def test_an_offload_by_the_real_program_loses_no_line(home: World) -> None:
    home.run("export", "leadville")
    exports = exported(home)
    logs = tree(home.home / LOGS)
    contents = {
        path.relative_to(home.home / LOGS).as_posix(): path.read_bytes() for path in files(home)
    }

    done = home.run("offload", "--days-old", "1", "--delete-source", "--yes", "--json")
    again = home.run("offload", "--days-old", "1", "--delete-source", "--yes", "--json")
    home.run("offload", "--purge", "--no-grace", "--yes")
    home.run("export", "leadville")

    said = done.document
    assert (done.code, again.code) == (0, 0), done.err
    assert set(said["removed"]) == set(contents) - {"timer_events.db", *stays(said)}
    assert again.document["archive"] is None
    assert again.document["removed"] == []
    assert exported(home) == exports
    with ZipFile(said["archive"]) as opened:
        assert {name: opened.read(name) for name in said["removed"]} == {
            name: contents[name] for name in said["removed"]
        }
    assert [path.name for path in files(home) if ".trash" in path.parts] == []

    back = home.run("restore", Path(said["archive"]).stem, "--json")
    home.run("export", "leadville")

    assert back.code == 0, back.err
    assert tree(home.home / LOGS) == logs
    assert exported(home) == exports


def files(world: World) -> list[Path]:
    return [path for path in sorted((world.home / LOGS).rglob("*")) if path.is_file()]


def stays(said: dict[str, list[dict[str, str]]]) -> set[str]:
    return {one["path"] for one in said["skipped"]}


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-deleted-unproven")
@pytest.mark.parametrize("yaml", ["", "delete: true"])
def test_no_flag_replaces_the_projects_permission(home: World, cli: Cli, yaml: str) -> None:
    permit(home, "false")
    (home.home / "sources" / "leadville.yaml").write_text(
        f"source: leadville\nlog: {{offload: {{min_idle: 0, {yaml}}}}}\n", encoding="utf-8"
    )
    before = tree(home.home)

    done = cli("offload", "--days-old", "1", "--delete-source", "--yes")

    assert done.code == 2
    assert done.err == (
        "error: leadville: to move logs away the project's settings must say `allow_delete: true`\n"
    )
    assert tree(home.home) == before


def test_without_delete_logs_are_archived_and_stay(home: World, cli: Cli) -> None:
    before = tree(home.home / LOGS)

    done = cli("offload", "--days-old", "1", "--archive-name", "september")

    assert done.code == 0
    assert "archived in" in done.out
    assert [path.name for path in archives(home)] == ["september.zip"]
    assert tree(home.home / LOGS) == before


def test_a_dry_run_of_an_offload_writes_nothing(home: World, cli: Cli) -> None:
    before = tree(home.home)

    done = cli("offload", "--days-old", "1", "--delete-source", "--dry-run")

    assert "archive range_main_20250901.csv" in done.out
    assert "nothing was done" in done.out
    assert tree(home.home) == before


def test_logs_that_stay_are_told_with_the_reason(home: World, cli: Cli) -> None:
    (home.home / LOGS / "strange.log").write_bytes(b"nothing we know\n" * 20)

    done = cli("offload", "--days-old", "1")

    assert "stays strange.log: is of no known dialect" in done.out


@pytest.mark.usefixtures("home")
def test_what_is_too_new_is_only_counted(cli: Cli) -> None:
    cli("export", "leadville")
    days = (datetime.now(UTC) - datetime(2025, 9, 2, tzinfo=UTC)) // timedelta(days=1) + 10

    short = cli("offload", "--days-old", days)
    long = cli("offload", "--days-old", days, "-v")

    assert "nothing new with events before" in short.out
    assert "range_main_20250901.csv" not in short.out
    assert "stays range_main_20250901.csv: has events that are too new" in long.out


def test_the_sources_own_directory_by_another_name_is_the_same(home: World, cli: Cli) -> None:
    cli("export", "leadville")
    for log in (home.home / LOGS).glob("*"):
        if log.is_file():
            log.unlink()
    line = b"9/14/24 10:00:00.00am,String,Timer,AA:01,Bay 1,Timer Start Beep\r\n"
    append(
        home.home / LOGS / "range_main_20240914.csv",
        b"Datetime,Type,Device,DeviceID,DevicePosition,Details\r\n" + line,
    )
    (home.home / "link").symlink_to(LOGS)

    done = cli("offload", "--source-dir", "link", "--delete-source", "--yes", "--json")

    assert done.code == 0, done.err
    assert done.document["removed"][-1] == "range_main_20240914.csv"


def test_the_trash_is_emptied_when_it_is_due(home: World, cli: Cli) -> None:
    (home.home / "sources" / "leadville.yaml").write_text(
        "source: leadville\nlog: {offload: {min_idle: 0, grace: 1s}}\n", encoding="utf-8"
    )
    removed = cli("offload", "--days-old", "1", "--delete-source", "--yes", "--json").document
    time.sleep(1.1)

    planned = cli("offload", "--purge", "--dry-run", "--json").document
    done = cli("offload", "--purge", "--json").document

    [due] = planned["due"].values()
    assert sorted(due) == sorted(removed["removed"]) == sorted(done["purged"]["removed"])
    assert not (home.home / LOGS / ".trash").exists()


# ---------------------------------------------------------------------------- restore


@pytest.fixture
def offloaded(home: World, cli: Cli) -> World:
    cli(
        "offload",
        "--days-old",
        "1",
        "--delete-source",
        "--yes",
        "--no-grace",
        "--archive-name",
        "old",
    )
    return home


def test_one_file_and_one_day_come_back_alone(offloaded: World, cli: Cli) -> None:
    one = cli("restore", "old", "--path", "range_main_20250901.csv", "--json").document
    day = cli("restore", "old.zip", "--day", "2025-09-02", "--to", "out", "--json").document

    assert [step["path"] for step in one["files"]] == ["range_main_20250901.csv"]
    assert (offloaded.home / LOGS / "range_main_20250901.csv").is_file()
    assert {"range_main_20250902.csv"} < {step["path"] for step in day["files"]}
    assert (offloaded.home / "out" / "range_main_20250902.csv").is_file()
    assert not (offloaded.home / "out" / "range_main_20250903.csv").exists()


def test_what_was_read_of_a_log_is_mended_once_the_log_is_back(offloaded: World, cli: Cli) -> None:
    cli("export", "leadville")
    exports = exported(offloaded)
    parts = sorted((offloaded.home / "exports/leadville/_segments/parquet").glob("*/part-*"))
    flip(max(parts, key=lambda part: part.stat().st_size), 1000)

    alone = cli("repair", "leadville")
    cli("restore", "old")
    done = cli("repair", "leadville")

    assert alone.code == 24
    assert done.code == 0, done.err
    assert cli("verify", "leadville").code == 0
    cli("export", "leadville", "--full")
    assert exported(offloaded) == exports


def test_other_files_of_the_names_are_kept(offloaded: World, cli: Cli) -> None:
    mine = offloaded.home / LOGS / "range_main_20250901.csv"
    mine.write_text("mine", encoding="utf-8")

    planned = cli("restore", "old", "--dry-run")
    refused = cli("restore", "old")
    done = cli("restore", "old", "--overwrite", "--json")

    assert (planned.code, refused.code, done.code) == (23, 23, 0)
    assert "conflict range_main_20250901.csv" in planned.out
    assert mine.with_name(f"{mine.name}.bak").read_text(encoding="utf-8") == "mine"
    assert done.document["kept"] == {mine.name: f"{mine.name}.bak"}


def test_an_archive_of_nowhere_needs_to_be_told_where_to(
    offloaded: World, cli: Cli, tmp_path: Path
) -> None:
    cli("archive", "--match-id", "m", "--db-path", LOGS / "timer_events.db", "--logs-only")
    (offloaded.home / "sources" / "leadville.yaml").write_text(
        f"source: leadville\nurl: {tmp_path}\n", encoding="utf-8"
    )

    done = cli("restore", "old")
    told = cli("restore", "exports/archives/old.zip", "--to", tmp_path / "there")

    assert done.code == 2
    assert "which is no configured log directory; give --to" in done.err
    assert told.code == 0
    assert (tmp_path / "there" / "range_main_20250901.csv").is_file()


HOSTILE: dict[str, Callable[[Path], Path]] = {
    "climbs out": lambda path: forge(path, [Forged(name=b"../evil.txt")]),
    "absolute": lambda path: forge(path, [Forged(name=b"/tmp/evil.txt")]),
    "drive": lambda path: forge(path, [Forged(name=b"C:evil.txt")]),
    "backslash": lambda path: forge(path, [Forged(name=b"..\\evil.txt")]),
    "link": lambda path: forge(path, [Forged(name=b"link", mode=0o120777)]),
    "twice": lambda path: forge(path, [Forged(name=b"a"), Forged(name=b"A")]),
    "bomb": lambda path: forge(path, [Forged(name=b"bomb", data=bytes(110_000_000))]),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_archives_are_refused_before_anything_is_written(
    world: World, cli: Cli, kind: str
) -> None:
    (world.home / "exports" / "archives").mkdir(parents=True)
    path = HOSTILE[kind](world.home / "exports" / "archives" / "evil.zip")
    before = tree(world.home)

    done = [
        cli("restore", "evil", "--to", "out"),
        cli("restore", path, "--to", "out", "--dry-run"),
        cli("verify", "archives"),
        cli("verify", path),
        cli("list"),
    ]

    assert [one.code for one in done] == [50] * len(done)
    assert all(str(path) in one.err for one in done)
    assert tree(world.home) == before


# ---------------------------------------------------------------------------- list and verify


@pytest.mark.usefixtures("offloaded")
def test_list_shows_archives_beside_what_is_published(cli: Cli) -> None:
    everything = cli("list", "--json").document
    alone = cli("list", "archives", "--json").document
    people = cli("list", "archives")
    source = cli("list", "leadville", "--json")

    [one] = everything["archives"]
    assert (one["name"], one["kind"], one["state"]) == ("old.zip", "offload", "entered")
    assert one["members"] > 5
    assert one["bytes"] < one["unpacked_bytes"]
    assert alone["archives"] == everything["archives"]
    assert "exports" not in alone
    assert "old.zip" in people.out
    assert source.code == 2


@pytest.mark.parametrize("arguments", [("list",), ("list", "archives"), ("verify", "archives")])
def test_archives_are_listed_and_read_without_anything_heavy(
    offloaded: World, arguments: tuple[str, ...]
) -> None:
    names = loaded(offloaded, *arguments)

    assert names & {"polars", "pyarrow", "numpy", "duckdb", "pydantic_settings"} == set()


def test_verify_reads_archives_and_segments(offloaded: World, cli: Cli) -> None:
    cli("export", "leadville")

    done = cli("verify", "--json").document
    [name] = [one["path"] for one in done["archives"]]
    segment = next((offloaded.home / "exports/leadville/_segments/parquet").glob("*/part-*"))
    flip(segment, 100)
    wrong = cli("verify", "leadville")
    everything = cli("verify")

    assert name.endswith("old.zip")
    assert done["exit_code"] == 0
    assert (wrong.code, everything.code) == (24, 24)
    assert str(segment) in wrong.err


@pytest.mark.usefixtures("offloaded")
def test_parts_of_archives_make_the_whole(cli: Cli) -> None:
    parts = [
        cli("verify", "archives", "--read-data-subset", f"{part}/3", "--json").document
        for part in (1, 2, 3)
    ]

    [whole] = cli("verify", "archives", "--json").document["archives"]
    assert sum(one["archives"][0]["members"] for one in parts) == whole["members"] == whole["of"]
    assert all(0 < one["archives"][0]["members"] < whole["of"] for one in parts)


def test_a_damaged_archive_is_found_and_nothing_is_restored_from_it(
    offloaded: World, cli: Cli
) -> None:
    [path] = archives(offloaded)
    flip(path, path.stat().st_size // 3)

    done = [cli("verify", "archives"), cli("verify", path), cli("verify"), cli("restore", "old")]

    assert [one.code for one in done] == [24] * 4
    assert all(str(path) in one.err for one in done)
    assert not list((offloaded.home / LOGS).rglob("*.csv"))


def test_an_archive_that_is_gone_is_told_where_logs_went_because_of_it(
    offloaded: World, cli: Cli
) -> None:
    [path] = archives(offloaded)
    path.unlink()

    done = cli("verify", "archives")

    assert done.code == 24
    assert f"{path}: is gone, and files were removed because it holds them" in done.err
