"""The store as one file: for programs, on the command line, and at the end of a run."""

import copy
import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from export_assets.cli.app import main
from export_assets.errors import DestConflict, SourceMissing, UsageError
from export_assets.systems.weights import dump_after_run, dump_states
from export_assets.systems.weights.sample import make_sample
from export_assets.systems.weights.tables import LEGACY_COLUMNS, STATES
from export_assets_tests.systems.weights.weights_world import EXAMPLE, KEY, Store, mode

Cli = Callable[..., tuple[int, str, str]]
HEADER = ",".join(STATES.names)


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def as_arrays() -> dict[str, Any]:
    """Return the example as a processor holds it, with NumPy's arrays."""
    state: dict[str, Any] = copy.deepcopy(EXAMPLE)
    for name in ("last_state", "last_covariance"):
        state[name] = np.array(state[name]["data"])
    state["kalman_params"] = {name: np.array(one) for name, one in state["kalman_params"].items()}
    state["last_raw_weight"] = np.float32(80.75)
    return state


def test_states_in_memory_are_dumped_and_left_as_they_are(tmp_path: Path) -> None:
    states = {"u-2": as_arrays(), "u-1": EXAMPLE, "u-3": {}}
    before = repr(states)
    out = tmp_path / "dump.csv"

    assert dump_states(states, out) == 3
    assert repr(states) == before
    rows = rows_of(out)
    assert [row["user_id"] for row in rows] == ["u-1", "u-2", "u-3"]
    assert (rows[0]["last_weight"], rows[0]["weight_change"]) == ("80.5", "0.2")
    assert (rows[1]["last_trend"], rows[1]["last_raw_weight"]) == ("0.02", "80.75")
    assert mode(out) == 0o600


def test_a_directory_and_its_states_in_memory_give_equal_files(tmp_path: Path) -> None:
    make_sample(tmp_path / "states", users=300)
    states = {}
    for path in (tmp_path / "states").glob("*.json"):
        if not path.stem.startswith("u-broken"):
            states[path.stem] = json.loads(path.read_text(encoding="utf-8"))
    for path in (tmp_path / "states").glob("u-broken*"):
        path.unlink()

    for profile in ("default", "legacy"):
        one, other = tmp_path / f"{profile}-1.csv", tmp_path / f"{profile}-2.csv"
        assert dump_states(states, one, profile=profile) == 304
        assert dump_states(str(tmp_path / "states"), str(other), profile=profile) == 304
        assert one.read_bytes() == other.read_bytes()


def test_the_legacy_profile_to_the_byte(tmp_path: Path) -> None:
    states = {
        "u,1": EXAMPLE,
        "u-2": {"last_state": [[80.125, -0.00005]], "last_timestamp": "2024-01-15 10:30:00.5"},
        "u-3": {"last_state": [[80.135, 0.12345]]},
        "u-4": {"last_state": [[float("nan")]], "reset_events": [{}]},
    }
    out = tmp_path / "legacy.csv"
    dump_states(states, out, profile="legacy")

    assert out.read_bytes() == (
        b"user_id,last_timestamp,last_weight,last_trend,has_kalman_params,process_noise,"
        b"measurement_noise,state_reset_count\r\n"
        b'"u,1",2024-01-15T10:30:00,80.50,0.0200,true,0.016,3.49,0\r\n'
        b"u-2,2024-01-15T10:30:00.500000,80.12,-0.0001,false,,,0\r\n"
        b"u-3,,80.14,0.1235,false,,,0\r\n"
        b"u-4,,nan,,false,,,1\r\n"
    )


def test_legacy_numbers_are_rounded_as_python_rounds_them(tmp_path: Path) -> None:
    values = [60 + number / 1000 + 0.0005 for number in range(2_000)]
    states = {f"{n:04d}": {"last_state": [[one, one / 1e4]]} for n, one in enumerate(values)}
    dump_states(states, tmp_path / "legacy.csv", profile="legacy")

    rows = rows_of(tmp_path / "legacy.csv")
    assert [float(row["last_weight"]) for row in rows] == [round(one, 2) for one in values]
    assert [float(row["last_trend"]) for row in rows] == [round(one / 1e4, 4) for one in values]
    assert {len(row["last_weight"].partition(".")[2]) for row in rows} == {2}
    assert tuple(rows[0]) == LEGACY_COLUMNS


def test_states_that_cannot_be_read_are_told_beside(tmp_path: Path) -> None:
    states = {"u-1": EXAMPLE, "u-2": {"last_state": "?"}, "u-3": None, "u-4": {}}
    out = tmp_path / "dump.csv"

    assert dump_states(states, out) == 2
    beside = tmp_path / "dump.csv.quarantine.ndjson"
    told = [json.loads(line) for line in beside.read_text(encoding="utf-8").splitlines()]
    assert [(one["user_id"], one["reason"]) for one in told] == [
        ("u-2", "shape"),
        ("u-3", "no-object"),
    ]
    assert mode(beside) == 0o600


def test_nothing_is_replaced_and_nothing_is_left_behind(tmp_path: Path) -> None:
    out = tmp_path / "dump.csv"
    out.write_bytes(b"mine")
    with pytest.raises(DestConflict, match="exists already"):
        dump_states({}, out)
    with pytest.raises(SourceMissing):
        dump_states(tmp_path / "nowhere", tmp_path / "new.csv")
    with pytest.raises(UsageError, match="default or legacy"):
        dump_states({}, tmp_path / "new.csv", profile="other")  # type: ignore[arg-type]  # as somebody may

    class Failing(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            msg = "no more"
            raise OSError(msg)

    with pytest.raises(Exception, match="no more"):
        dump_states(Failing(a=1), tmp_path / "new.csv")
    assert out.read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["dump.csv"]


def test_a_store_is_never_written_into(tmp_path: Path) -> None:
    store = tmp_path / "states"
    (store / "inner").mkdir(parents=True)
    (store / "u-1.json").write_text(json.dumps(EXAMPLE))
    (tmp_path / "link").symlink_to(store)
    for out in (store / "out.json", store / "inner" / "d.csv", tmp_path / "link" / "d.csv"):
        for given in (store, str(tmp_path / "link")):
            with pytest.raises(UsageError, match=r"lies in the store that is dumped"):
                dump_states(given, out)
    assert sorted(path.name for path in store.iterdir()) == ["inner", "u-1.json"]
    assert dump_states({}, store / "inner" / "d.csv") == 0  # of memory, it may lie anywhere


def test_without_numpy(tmp_path: Path) -> None:
    class Vector:
        """What looks like an array, and has no truth."""

        shape = (1, 2)

        def tolist(self) -> list[list[float]]:
            return [[80.5, 0.02]]

        def __bool__(self) -> bool:
            raise ValueError

    dump_states({"u-1": {"last_state": Vector()}}, tmp_path / "dump.csv")
    (row,) = rows_of(tmp_path / "dump.csv")
    assert (row["last_weight"], row["state_shape"]) == ("80.5", "1x2")


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def cli(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Cli:
    """Run a command in the store's project."""
    monkeypatch.chdir(store.home)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--home", str(store.home)])
        out, err = capsysbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


def test_the_command_says_where_and_how_many(store: Store, cli: Cli) -> None:
    store.put("u-1", EXAMPLE)
    store.put("u-2", {})

    assert cli("dump-db", "--output", "d.csv") == (
        0,
        "Database dump saved to d.csv (2 users)\n",
        "",
    )
    code, out, _ = cli("dump-db")
    (made,) = store.home.glob("db_dump_*.csv")
    assert (code, out) == (0, f"Database dump saved to {made} (2 users)\n")
    assert made.read_bytes() == (store.home / "d.csv").read_bytes()
    assert mode(made) == 0o600


def test_the_command_reads_another_store_and_writes_other_formats(store: Store, cli: Cli) -> None:
    other = store.home / "other"
    other.mkdir()
    (other / "u-9.json").write_text(json.dumps(EXAMPLE))

    assert cli("dump-db", "--source", "other", "--output", "d.parquet")[0] == 0
    assert pl.read_parquet(store.home / "d.parquet")["user_id"].to_list() == ["u-9"]
    assert cli("dump-db", "--source", "other", "--output", "d.out", "--format", "ndjson")[0] == 0
    assert json.loads((store.home / "d.out").read_text())["last_weight"] == 80.5
    assert cli("dump-db", "--source", "other", "--profile", "legacy", "-o", "l.csv")[0] == 0
    assert (store.home / "l.csv").read_bytes().count(b"\r\n") == 2
    code, _, err = cli("dump-db", "--source", "other", "--profile", "legacy", "-o", "l.parquet")
    assert (code, err) == (2, "error: profile: legacy is CSV, not parquet\n")


@pytest.mark.parametrize(
    ("name", "place", "start"),
    [
        ("tsv", 0, b"user_id\t"),
        ("xlsx", 0, b"PK\x03\x04"),
        ("sqlite", 0, b"SQLite format 3"),
        ("duckdb", 8, b"DUCK"),
        ("json", 0, b"["),
    ],
)
def test_an_ending_that_names_a_format_chooses_it(
    store: Store, cli: Cli, name: str, place: int, start: bytes
) -> None:
    store.put("u-1", EXAMPLE)
    assert cli("dump-db", "-o", f"one.{name.upper()}")[0] == 0
    assert cli("dump-db", "-o", "other", "--format", name)[0] == 0
    for made in (f"one.{name.upper()}", "other"):
        assert (store.home / made).read_bytes()[place:].startswith(start)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("-o", "x.foo"),
            "x.foo: its ending names no format; say --format, or end it in one of .parquet",
        ),
        (("-o", "x.csv.gz"), "x.csv.gz: its ending names no format"),
        (("-o", "x.foo", "--profile", "legacy"), "x.foo: its ending names no format"),
        (
            ("-o", "d.xlsx", "--format", "csv"),
            "d.xlsx: its ending says xlsx, and the format is csv",
        ),
        (("-o", "d.CSV", "--format", "json"), "d.CSV: its ending says csv, and the format is json"),
        (("-o", "data/weights/states/o.json"), "data/weights/states/o.json: lies in the store"),
        (("-o", "data/weights/states"), "lies in the store"),
        (("--source", ".", "--overwrite"), "lies in the store"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    store: Store, cli: Cli, arguments: tuple[str, ...], line: str
) -> None:
    store.put("u-1", EXAMPLE)
    before = sorted(store.home.rglob("*"))

    code, out, err = cli("dump-db", *arguments)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert line in err
    assert sorted(store.home.rglob("*")) == before


def test_a_directory_that_is_missing_is_named(store: Store, cli: Cli) -> None:
    (store.home / "file").write_bytes(b"")
    for parent in ("nodir", "file"):
        code, _, err = cli("dump-db", "-o", f"{parent}/k.csv")
        place = store.home / parent
        assert (code, err) == (20, f"error: {place}/k.csv: there is no directory {place}\n")


def test_an_empty_store_is_a_header_and_a_missing_one_is_told(store: Store, cli: Cli) -> None:
    code, out, _ = cli("dump-db", "-o", "d.csv")
    assert (code, out) == (0, "Database dump saved to d.csv (0 users)\n")
    assert (store.home / "d.csv").read_text() == f"{HEADER}\n"
    code, out, err = cli("dump-db", "--source", "nowhere", "-o", "e.csv")
    assert (code, out) == (10, "")
    assert err == f"error: {store.home}/nowhere: no such directory of states\n"
    assert not (store.home / "e.csv").exists()


def test_unreadable_states_are_beside_the_dump_and_the_counts_add_up(
    store: Store, cli: Cli
) -> None:
    for number in range(20):
        store.put(f"u-{number}", EXAMPLE if number % 4 else b"{broken")

    code, out, err = cli("dump-db", "-o", "d.csv", "--json")
    document = json.loads(out)
    assert (code, document["users"], document["refused"]) == (3, 15, 5)
    assert len((store.home / "d.csv").read_text().splitlines()) == 16
    assert len((store.home / "d.csv.quarantine.ndjson").read_text().splitlines()) == 5
    assert "5 states could not be read" in err
    assert mode(store.home / "d.csv.quarantine.ndjson") == 0o600


def test_the_command_replaces_only_when_told(store: Store, cli: Cli) -> None:
    store.put("u-1", EXAMPLE)
    assert cli("dump-db", "-o", "d.csv")[0] == 0
    store.put("u-2", EXAMPLE)
    assert cli("dump-db", "-o", "d.csv")[0] == 23
    assert cli("dump-db", "-o", "d.csv", "--overwrite")[:2] == (
        0,
        "Database dump saved to d.csv (2 users)\n",
    )


def test_what_replaces_a_dump_takes_its_quarantine_away(store: Store, cli: Cli) -> None:
    store.put("u-1", b"{broken")
    assert cli("dump-db", "-o", "d.csv")[0] == 3
    store.put("u-1", EXAMPLE)
    assert cli("dump-db", "-o", "d.csv", "--overwrite")[0] == 0
    assert not (store.home / "d.csv.quarantine.ndjson").exists()


@pytest.mark.parametrize("point", ["mkdir:1", "fsync:1", "rename_new:1", "fsync:2"])
def test_killed_at_any_step_a_dump_is_whole_or_absent(store: Store, cli: Cli, point: str) -> None:
    store.put("u-1", EXAMPLE)
    crash = {"EXPORT_ASSETS_CRASH": point, "EXPORT_ASSETS_TESTING": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "export_assets.cli.app", "dump-db", "-o", "d.csv"],
        cwd=store.home,
        env={**os.environ, **crash, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -9
    out = store.home / "d.csv"
    assert out.exists() is (point == "fsync:2")
    code, _, _ = cli("dump-db", "-o", "d.csv", *(["--overwrite"] if out.exists() else []))
    assert code == 0
    assert len(out.read_text().splitlines()) == 2
    assert {path.name for path in store.home.glob(".*")} == set()


def test_pseudonyms_need_a_key_and_hide_the_broken_ones_too(
    store: Store, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("anna", EXAMPLE)
    store.put("otto", b'{"otto": ')
    code, _, err = cli("dump-db", "-o", "d.csv", "--anonymize")
    assert code == 2
    assert "anonymize needs a key in EXPORT_ASSETS_ANONYMIZE_KEY" in err
    monkeypatch.setenv("EXPORT_ASSETS_ANONYMIZE_KEY", KEY)
    assert cli("dump-db", "-o", "d.csv", "--anonymize")[0] == 3
    assert cli("dump-db", "-o", "e.csv", "--anonymize", "--profile", "legacy")[0] == 3

    for name in ("d.csv", "e.csv", "d.csv.quarantine.ndjson"):
        text = (store.home / name).read_text()
        assert "anna" not in text
        assert "otto" not in text
    first, other = (
        (store.home / name).read_text().splitlines()[1].split(",")[0] for name in ("d.csv", "e.csv")
    )
    assert first == other
    told = json.loads((store.home / "d.csv.quarantine.ndjson").read_text())
    assert (told["sha256"], told["length"], told["reason"]) == (None, None, "json")
    store.environ["EXPORT_ASSETS_ANONYMIZE_KEY"] = KEY
    store.config("source: weights\noptions: {anonymize: true}\n")
    store.export()
    assert [row["user_id"] for row in store.rows("states")] == [first]


def test_the_switch_of_the_inline_dump_does_not_concern_the_command(store: Store, cli: Cli) -> None:
    store.put("u-1", EXAMPLE)
    (store.states / "config.toml").write_text("[data]\nexport_database = false\n")

    assert cli("dump-db", "-o", "d.csv")[0] == 0


# --- at the end of a run ------------------------------------------------------------------------

PROGRAM = """
import argparse, json, logging, sys
from pathlib import Path
from export_assets.systems.weights import add_arguments, dump_after_run

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
parser = argparse.ArgumentParser()
parser.add_argument("states", type=Path)
add_arguments(parser)
options = parser.parse_args()
(options.states / "u-new.json").write_text(json.dumps({"last_state": [[80.0, 0.0]]}))
print("processed")
dump_after_run(options.states, options.db_dump, no_db_dump=options.no_db_dump)
"""


def run_program(store: Store, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = store.home / "process.py"
    script.write_text(PROGRAM)
    return subprocess.run(
        [sys.executable, str(script), str(store.states), *arguments],
        cwd=store.home,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_processing_program_dumps_its_store_at_the_end(store: Store) -> None:
    done = run_program(store)

    (made,) = store.home.glob("db_dump_*.csv")
    assert (done.returncode, done.stdout) == (0, "processed\n")
    assert done.stderr == f"INFO Database dump saved to {made} (1 users)\n"
    assert "u-new" in made.read_text()
    done = run_program(store, "--db-dump", "here.csv")
    assert done.returncode == 0
    assert (store.home / "here.csv").read_text() == made.read_text()


@pytest.mark.parametrize("how", ["flag", "beside", "above"])
def test_the_dump_can_be_switched_off(store: Store, how: str) -> None:
    if how != "flag":
        place = store.states if how == "beside" else store.states.parent
        (place / "config.toml").write_text("[data]\nexport_database = false\n")
    done = run_program(store, *(["--no-db-dump"] if how == "flag" else []))

    assert (done.returncode, done.stdout) == (0, "processed\n")
    assert done.stderr == "INFO database dump: switched off\n"
    assert not list(store.home.glob("db_dump_*"))


@pytest.mark.parametrize("setting", ["[data]\nexport_database = true\n", "[other]\nkey = 1\n"])
def test_any_other_setting_leaves_it_on(
    store: Store, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.home)
    (store.states / "config.toml").write_text(setting)
    store.put("u-1", {})

    dumped = dump_after_run(store.states)
    assert dumped is not None
    assert dumped.users == 1


def test_a_dump_that_fails_leaves_the_run_as_it_was(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    (store.home / "taken.csv").write_bytes(b"mine")
    done = run_program(store, "--db-dump", "taken.csv")
    assert (done.returncode, done.stdout) == (0, "processed\n")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("ERROR database dump failed: ")
    assert "Traceback" not in done.stderr

    (store.states / "config.toml").write_text("[data\n")
    for store_of, output in ((store.states, None), ({"a": {}}, store.home / "no" / "where.csv")):
        assert dump_after_run(store_of, output) is None
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


def test_a_run_does_not_dump_its_store_into_itself(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("u-1", {})
    for output in (store.states, store.states / "d.json"):
        assert dump_after_run(store.states, output) is None
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "lies in the store that is dumped" in caplog.text
    assert [path.name for path in store.states.iterdir()] == ["u-1.json"]


def test_two_dumps_in_one_second_are_two_files(store: Store) -> None:
    made = {dump_after_run({"u-1": {}}, store.home) for _ in range(4)}

    paths = {one.path for one in made if one is not None}
    assert len(paths) == 4
    assert {path.read_text().count("\n") for path in paths} == {2}


def test_csv_is_what_its_reader_expects(tmp_path: Path) -> None:
    dump_states({'a"b': {"last_source": "x\ny"}, "c": {"last_source": ""}}, tmp_path / "d.csv")

    rows = rows_of(tmp_path / "d.csv")
    assert [(row["user_id"], row["last_source"]) for row in rows] == [('a"b', "x\ny"), ("c", "")]
