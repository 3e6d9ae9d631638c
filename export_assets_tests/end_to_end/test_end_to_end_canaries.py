"""No secret in a byte that any command writes or says, whether it succeeds or fails."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import click
import psycopg
import pytest

from export_assets.cli.app import main, program
from export_assets.systems.leadville.sample import make_logs
from export_assets.systems.weights.sample import make_states
from export_assets_tests.canaries import Canary, found_in, leaks
from export_assets_tests.effort import SOAK
from export_assets_tests.end_to_end.world import Ended, World
from export_assets_tests.postgres_server import Database, postgres, postgres_server
from export_assets_tests.proof.plugin import Proven

__all__ = ["postgres", "postgres_server"]

pytestmark = [pytest.mark.suite("security"), pytest.mark.promise("no-secrets")]

PG, FAR, ASKED, MY, OTHER = map(Canary, ("pg", "far", "asked", "my", "other"))
HOOK, SLACK, MAIL, KEY, KEY_FILE = map(Canary, ("hook", "slack", "mail", "key", "key file"))
CLOUD, TYPED, PRIVATE, TOKEN = map(Canary, ("cloud", "typed", "private", "token"))
EVERY = [
    *(PG, FAR, ASKED, MY, OTHER, HOOK, SLACK, MAIL, KEY, KEY_FILE, CLOUD, TYPED, PRIVATE, TOKEN)
]

SETTINGS = """\
allow_delete: true
anonymize_key: ${THE_KEY}
notify:
  - {kind: webhook, url: "${HOOK}", timeout: 1}
  - {kind: slack, url: "${SLACK}", timeout: 1}
  - {kind: email, host: 127.0.0.1, port: 1, user: me, password: "${MAIL}", from: a@b.c, to: [d@e.f],
     timeout: 1}
"""
SOURCES = {
    "shop": """\
url: shop.db
formats: [parquet, csv, ndjson, json, xlsx, sqlite, duckdb]
tables:
  people: {redact: [note], anonymize: [name], keep: {daily: 30},
           partition_by: {column: seen, every: day}}
  "*": {}
""",
    "pg": "url: ${PG_URL}\nformats: [parquet, csv]\ntables: {people: {redact: [note, name]}}\n",
    "far": "url: ${FAR_URL}\n",
    "asked": "url: ${ASKED_URL}\n",
    "my": "url: ${MY_URL}\n",
    "gone": "url: gone.db\n",
    "leadville": "log: {offload: {min_idle: 0}}\n",
    "weights": "",
}
COLUMNS = "id integer primary key, seen timestamp, name text, note text, api_token text"
PEOPLE = f"create table people ({COLUMNS})"
TYPED_URL = f"postgresql://me:{TYPED.value}@127.0.0.1:1/shop"
MATCH = ("archive", "leadville", "--match-id", "final")

# What is run of each command: as it should be, then as it should not.
RUNS: dict[str, list[tuple[str, ...]]] = {
    "validate": [("validate",), ("validate", "--show"), ("validate", "--show", "--json", "-v")],
    "export": [
        ("export", "shop", "-v"),
        ("export", "pg", "--json"),
        ("export", "leadville"),
        ("export", "shop", "-f", "all", "-o", "out", "--json"),
        ("export", "shop", "--one-file", "-f", "xlsx", "-o", "one", "-v"),
        ("export", "pg", "-o", "out", "-f", "sqlite,duckdb", "-v"),
        *(("export", name, "-v") for name in ("far", "asked", "my", "gone")),
        ("export", "shop", "none", "--json"),
        ("export", "shop", "people", "--where", f"note={PRIVATE.value}", "-o", "out2"),
        ("export", TYPED_URL, "-o", "out2", "-v"),
        ("export", "pg", "--source", TYPED_URL, "--json"),
    ],
    "init": [
        ("init", "${PG_URL}", "--name", "found"),
        ("init", "${PG_URL}", "-o", "-"),
        ("init", "${FAR_URL}", "--name", "far_off", "-v"),
        ("init", TYPED_URL, "--json"),
    ],
    "inspect": [("inspect", "pg", "--json"), ("inspect", "shop"), ("inspect", "far", "-v")],
    "plan": [("plan", "pg", "--compare"), ("plan", "shop", "--json"), ("plan", "asked", "--json")],
    "list": [("list", "--partitions", "--json"), ("list", "pg"), ("list", "far")],
    "query": [
        ("query", "from shop.people", "--json"),
        ("query", "show all tables"),
        ("query", "from read_text('/proc/self/environ')", "-v"),
        ("query", f"attach '{TYPED_URL}' as x (type postgres)", "-v"),
    ],
    "verify": [
        ("verify", "--deep", "-v"),
        ("verify", "pg", "--source", "--json"),
        ("verify", "pg", "--source", "--url", TYPED_URL, "-v"),
    ],
    "repair": [
        ("repair", "pg", "--against-source", "--json"),
        ("repair", "pg", "--against-source", "--url", TYPED_URL, "-v"),
    ],
    "bundle": [
        ("bundle", "shop", "people", "--id", "1", "-f", "csv", "-v"),
        ("bundle", "pg", "people", "--id", "1", "--json"),
        ("bundle", "far", "people", "--id", "1", "-v"),
    ],
    "archive": [MATCH, ("archive", "leadville", "--match-id", "../x", "-v")],
    "offload": [
        ("offload", "leadville", "--days-old", "0", "--delete-source", "--yes", "-v"),
        ("offload", "shop", "--json"),
    ],
    "restore": [
        ("restore", "*", "--to", "back", "-v"),
        ("restore", "none.zip", "--json"),
    ],
    "prune": [("prune", "shop", "--yes", "--json"), ("prune", "none", "-v")],
    "watch": [
        ("watch", "shop", "--for", "0.2", "--json"),
        ("watch", "far", "--for", "0.2", "-v"),
        ("watch", "shop", "--source", TYPED_URL, "--for", "0.2"),
    ],
    "notify": [("notify", "-v"), ("notify", "--json")],
    "demo": [("demo", "--dir", "sample"), ("demo", "--nothing")],
    "dev": [("dev", "--host", "0.0.0.0", "-v"), ("dev", "--help")],
    "dump-db": [
        ("dump-db", "--anonymize", "-o", "dump.csv"),
        ("dump-db", "--source", "nowhere", "-v"),
    ],
}
MAY_ALL_FAIL = {"notify"}
"""Its targets refuse: that is what is tried."""


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A project full of secrets, and what was said in it."""

    world: World
    secrets: Mapping[str, str]
    temp: Path
    ended: dict[tuple[str, ...], Ended] = field(default_factory=dict)

    def run(self, *arguments: str, **more: str) -> Ended:
        env = {**self.secrets, "TMPDIR": str(self.temp), **more}
        self.ended[(*arguments, *more)] = done = self.world.run(*arguments, env=env)
        return done


def people(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(PEOPLE)
        connection.executemany("insert into people values (?, ?, ?, ?, ?)", ROWS)


ROWS = [
    (n, f"2026-02-0{1 + n % 3} 10:00:00", PRIVATE.value, PRIVATE.value, TOKEN.value)
    for n in range(9)
]


def urls(postgres: Database) -> dict[str, str]:
    return {
        "PG_URL": postgres.server.url(postgres.name, password=f"{PG.value}/p@ss:w%rd"),
        "FAR_URL": f"postgresql://me:{FAR.value}@127.0.0.1:1/shop?connect_timeout=2",
        "ASKED_URL": f"postgresql://127.0.0.1:1/shop?user=me&password={quote(ASKED.value)}",
        "MY_URL": f"mysql://me:{MY.value}@127.0.0.1:1/shop",
        "HOOK": f"http://127.0.0.1:1/{HOOK.value}",
        "SLACK": f"http://127.0.0.1:1/services?token={SLACK.value}",
        "MAIL": MAIL.value,
        "THE_KEY": KEY.value,
        "AWS_SECRET_ACCESS_KEY": CLOUD.value,
    }


@pytest.fixture
def guarded(world: World, tmp_path: Path, postgres: Database) -> Guarded:
    people(world.home / "shop.db")
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(PEOPLE.encode())
        connection.cursor().executemany("insert into people values (%s, %s, %s, %s, %s)", ROWS)
    (world.home / "export_assets.yaml").write_text(SETTINGS, encoding="utf-8")
    (world.home / "sources").mkdir()
    for name, text in SOURCES.items():
        path = world.home / "sources" / f"{name}.yaml"
        path.write_text(f"source: {name}\n{text}", encoding="utf-8")
    (tmp_path / "temp").mkdir()
    return Guarded(world=world, secrets=urls(postgres), temp=tmp_path / "temp")


def test_no_command_writes_or_says_a_secret(
    guarded: Guarded, tmp_path: Path, proven: Proven
) -> None:
    home = guarded.world.home
    make_logs(home / "data" / "leadville", days=1, strings=2)
    make_states(home / "data" / "weights" / "states", users=3)
    (home / "sample").mkdir()
    # Samples of systems take their time, and hold nothing of ours.
    systems = "[theprogram]" if SOAK else "[]"
    text = f"{SETTINGS}systems: {systems}\n"
    (home / "sample" / "export_assets.yaml").write_text(text, encoding="utf-8")
    commands = program()
    assert isinstance(commands, click.Group)
    assert list(RUNS.keys() ^ commands.commands.keys()) == [], "say here how it is run"

    for command, runs in RUNS.items():
        for arguments in runs:
            archives = sorted((guarded.world.home / "exports" / "archives").glob("match_*.zip"))
            guarded.run(*(str(archives[0]) if one == "*" else one for one in arguments))
        mine = [end for given, end in guarded.ended.items() if given[0] == command]
        codes = [end.code for end in mine]
        told = "\n".join(f"{end.code} {end.out[-300:]} {end.err}" for end in mine)
        assert 0 in codes or 3 in codes or command in MAY_ALL_FAIL, f"{command}: {told}"
        assert set(codes) - {0, 3} or command in {"validate"}, f"{command}: {told}"
        assert 70 not in codes, told

    said = {
        given: found
        for given, end in guarded.ended.items()
        if (found := found_in(EVERY, end.out + end.err))
    }
    assert said == {}
    written = leaks(EVERY, tmp_path, but=[guarded.world.home / "shop.db"])
    assert written == []
    assert len(list((guarded.world.home / "exports").rglob("*.parquet"))) > 5
    proven(len(guarded.ended), "commands amid secrets", f"{len(said) + len(written)} leaks")


BROKEN = {
    "sources/a.yaml": f"source: a\nurl: postgresql://me:{OTHER.value}@127.0.0.1/shop\n",
    "sources/b.yaml": f"source: b\nurl: ${{FAR_URL}}\nformats: [{{{OTHER.value}: 1}}]\n",
    "sources/d.yaml": "source: d\nurl: shop.db\nformats: ['${THE_KEY}']\n",
    "sources/e.yaml": "source: e\nurl: 'nonsense://me:${MAIL}@x/y'\n",
    "export_assets.yaml": f"anonymize_key: {OTHER.value}\n",
    "./export_assets.yaml": f"notify: [{{kind: slack, url: 'https://x/{OTHER.value}'}}]\n",
    "././export_assets.yaml": "anonymize_key_file: ${THE_KEY}\nallow_delete: ${MAIL}\n",
}


@pytest.mark.parametrize("file", BROKEN)
def test_no_broken_configuration_says_a_secret(guarded: Guarded, file: str, proven: Proven) -> None:
    (guarded.world.home / file).write_text(BROKEN[file], encoding="utf-8")
    name = Path(file).stem

    ended = [
        guarded.run(*run)
        for run in (
            ("validate", "--json"),
            ("validate", "--show", "--json"),
            ("export", name if len(name) == 1 else "shop", "-v"),
        )
    ]

    # The name of a format or a file is no secret, wherever it comes from; its value is the user's.
    excused = {"sources/d.yaml": {"key"}, "././export_assets.yaml": {"key", "mail"}}
    said = {one for end in ended for one in found_in(EVERY, end.out + end.err)}
    assert said - excused.get(file, set()) == set()
    assert ended[-1].code not in {0, 70}, ended
    proven(len(ended), "commands with a broken configuration", f"{len(said)} leaks")


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_key_file_and_an_address_laid_over_are_said_nowhere(
    guarded: Guarded, mode: int, tmp_path: Path
) -> None:
    key = guarded.world.home / "the.key"
    key.write_text(KEY_FILE.value, encoding="utf-8")
    key.chmod(mode)
    text = SETTINGS.replace("anonymize_key: ${THE_KEY}", "anonymize_key_file: the.key")
    (guarded.world.home / "export_assets.yaml").write_text(text, encoding="utf-8")
    over = f"postgresql://me:{OTHER.value}@127.0.0.1:1/shop"

    ended = [
        guarded.run("export", "shop", "--json"),
        guarded.run("validate", "--show", "--json", EXPORT_ASSETS_SOURCES__SHOP__URL=over),
        guarded.run("export", "shop", "-v", EXPORT_ASSETS_SOURCES__SHOP__URL=over),
    ]

    assert (ended[0].code == 2) is (mode == 0o644), ended[0].err
    assert [end for end in ended if found_in(EVERY, end.out + end.err)] == []
    assert leaks(EVERY, tmp_path, but=[key, guarded.world.home / "shop.db"]) == []


@pytest.mark.parametrize(
    ("command", "verbose"), [("export", ("-v",)), ("inspect", ("-v",)), ("plan", ())]
)
def test_a_library_that_quotes_its_address_is_masked(
    guarded: Guarded,
    command: str,
    verbose: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address = guarded.secrets["FAR_URL"]

    def fails(*_: object, **__: object) -> None:
        msg = f"driver: cannot connect to {address} (password={FAR.value})"
        raise RuntimeError(msg) from OSError(f"no answer from {address}")

    for name, value in guarded.secrets.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("EXPORT_ASSETS_HOME", str(guarded.world.home))
    monkeypatch.setattr("export_assets.sources.postgres.PostgresSource._connect", fails)

    code = main([command, "far", *verbose])

    said = capsys.readouterr()
    assert code == 70, said.err
    assert "driver: cannot connect to postgresql://me:***@127.0.0.1:1/shop" in said.err
    assert ("Traceback" in said.err) is bool(verbose)
    assert found_in(EVERY, said.out + said.err) == []
