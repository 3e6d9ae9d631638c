"""Whatever a person, a row or a file is called: nothing is written outside the project for it."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from export_assets.archives.match import check_match_id
from export_assets.cli.app import main
from export_assets.errors import ExportError, UsageError
from export_assets.store.below import check_directory_name, make_directory_below
from export_assets.store.layout import ExportKey, hive_value, lock_path, partition_dir, safe_name
from export_assets.systems.leadville.sample import make_logs
from export_assets_tests.effort import SOAK, effort
from export_assets_tests.end_to_end.world import World
from export_assets_tests.proof.plugin import Proven

pytestmark = [pytest.mark.suite("security"), pytest.mark.promise("whole-or-absent")]

HOSTILE = (
    *("..", "../x", "../../x", "../../../../../../tmp/x", "a/../../x", "./../x", "a/..", "/x"),
    *("/etc/passwd", "//x", "\\x", "..\\x", "..\\..\\x", "C:\\x", "C:x", "\\\\host\\x", "~/x", "~"),
    *("%2e%2e%2fx", "..%2fx", "..%00/x", "....//x", "..;/x", "\u2025/x", "\uff0e\uff0e/x"),
    *("a\nb", "a\rb", "a\tb", "\x1b[2Jx", "\u202ex", "CON", "nul.txt", ".hidden", "-rf", "--", "*"),
    # Bytes that are no UTF-8, as the system hands them over.
    *("\udcff", "../\udcff"),
    *("$(touch x)", "`touch x`", "x;touch y", "${HOME}/x", "x" * 300, "../" * 60 + "x"),
)
"""Forty and a few; an argument of a process holds no NUL, which others below have."""

# Where a name is typed that becomes one of a directory or file, or finds one.
PLACES: dict[str, Callable[[str], list[str]]] = {
    "match id": lambda name: ["archive", "leadville", f"--match-id={name}"],
    "archive name": lambda name: [
        *("offload", "leadville", "--days-old=0", f"--archive-name={name}"),
    ],
    "partition": lambda name: ["export", "shop", "orders", f"--partition={name}"],
    "table": lambda name: ["export", "shop", "--", name],
    "table included": lambda name: ["export", "shop", f"--include={name}"],
    "format": lambda name: ["export", "shop", f"--format={name}"],
    "profile": lambda name: ["export", "shop", "-f", "csv", f"--profile={name}", "-o", "out"],
    "compression": lambda name: ["export", "shop", f"--compression={name}", "-o", "out"],
    "day": lambda name: ["export", "shop", f"--start-date={name}"],
    "restored path": lambda name: ["restore", "made.zip", f"--path={name}", "--to=back"],
    "archive restored": lambda name: ["restore", "--to=back", "--", name],
    "listed": lambda name: ["list", "--", f"shop/{name}"],
    "verified": lambda name: ["verify", "--", f"shop/orders/{name}"],
    "repaired": lambda name: ["repair", "shop", "--", name],
    "pruned": lambda name: ["prune", "shop", "--yes", "--", name],
    "source pruned": lambda name: ["prune", "--yes", "--", name],
    "source followed": lambda name: ["watch", "--for=0.1", "--", name],
    "name of a source": lambda name: ["init", "shop.db", f"--name={name}"],
    "root of a bundle": lambda name: ["bundle", "shop", "--id=1", "--", name],
    "key of a bundle": lambda name: ["bundle", "shop", "orders", "--id=1", f"--key={name}"],
    "source of no UTF-8": lambda name: ["export", "--", f"{name}/\udcff.db"],
    "source looked at": lambda name: ["init", "--", f"{name}/\udcff.db"],
    "id of a bundle": lambda name: ["bundle", "shop", "customers", f"--id=\udcff{name}"],
    "question": lambda name: ["query", f"select '\udcff{name}"],
    "value": lambda name: ["export", "shop", "customers", f"--where=name=\udcff{name}", "-o", "o"],
    "state store": lambda name: ["dump-db", f"--source=none/{name}"],
}
MAY_BE = {
    *(("verified", "*"), ("listed", "*")),
    # These files are there, and neither an archive nor a database.
    *(("archive restored", "/etc/passwd"), ("source followed", "/etc/passwd")),
    # The disk refuses them, exit 20.
    *(("archive restored", "x" * 300), ("name of a source", "x" * 300)),
}
DEVICES = {("match id", "CON"), ("match id", "nul.txt")}
"""Names of devices, which are none with `match_` before them."""


def shape(root: Path, *, but: Path | None = None) -> dict[str, tuple[int, str]]:
    """Kind, rights and content of everything below *root*."""
    found = {}
    for path in root.rglob("*"):
        if but is None or but not in (path, *path.parents):
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path.relative_to(root))] = (path.lstat().st_mode, sha256(data).hexdigest())
    return found


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture
def home(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    world.database(rows=9)
    world.configure(
        "source: shop\nurl: shop.db\nformats: [csv]\n"
        "tables: {orders: {partition_by: {column: ordered_at, every: day}, keep: {daily: 1}}}\n"
    )
    make_logs(world.home / "data" / "leadville", days=1, strings=1)
    monkeypatch.chdir(world.home)
    monkeypatch.setenv("EXPORT_ASSETS_HOME", str(world.home))
    assert main(["export", "shop"]) == 0
    return world


@pytest.mark.usefixtures("home")
def test_a_hostile_name_that_is_typed_is_refused_and_touches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], proven: Proven
) -> None:
    assert len(set(HOSTILE)) >= 40
    pairs = [(place, name) for place in PLACES for name in HOSTILE]
    pairs = [pair for pair in pairs if pair not in DEVICES]
    # Every place and every name each time, though not each with each.
    sample = [
        (place, HOSTILE[(step * len(PLACES) + at) % len(HOSTILE)])
        for step in range(2)
        for at, place in enumerate(PLACES)
    ]
    tried = pairs if SOAK else sample
    assert len({name for _, name in tried}) >= 40
    capsys.readouterr()
    before = shape(tmp_path)

    wrong = []
    for place, name in tried:
        code = main(PLACES[place](name))
        said = capsys.readouterr()
        lines = [line for line in said.err.splitlines() if line.startswith("error: ")]
        if place == "source followed":  # which tries again until its time is over
            lines = lines[:1]
        plain = all(line.isprintable() for line in said.err.splitlines())
        # A name as long or as short as it likes to be: one line says what is wrong with it.
        if code not in {2, 10} or len(lines) != 1 or not plain:
            wrong.append((place, name, code, said.err))
    after = shape(tmp_path)
    changed = {
        name: (before.get(name), after.get(name))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name) and "/.locks/" not in name
    }

    assert [one for one in wrong if one[:2] not in MAY_BE] == []
    assert changed == {}
    proven(len(tried), "hostile names typed", f"{len(changed)} files created or changed")


def test_rows_and_tables_of_hostile_names_stay_below_the_root(
    home: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], proven: Proven
) -> None:
    names = [
        name for name in (*HOSTILE, "a\0/../../x", "\0") if len(name) < 100 and "\udcff" not in name
    ]
    with closing(sqlite3.connect(home.home / "odd.db")) as connection, connection:
        connection.execute("create table keyed (id text primary key, day text)")
        connection.executemany("insert into keyed values (?, ?)", [(name, name) for name in names])
        for name in names:
            if "\0" not in name:
                connection.execute(f"create table {quoted(name)} (id integer)")
    yaml = "source: odd\nurl: odd.db\nformats: [csv]\n"
    (home.home / "sources" / "odd.yaml").write_text(yaml, encoding="utf-8")
    before = shape(tmp_path, but=home.home)
    mine = {path.name for path in home.home.iterdir()}
    typed = [f"--id={name}" for name in names if "\0" not in name and "," not in name]

    codes = [
        main(["export", "odd"]),
        main(["bundle", "odd", "keyed", "--each", "-f", "csv", *typed]),
        main(["export", "odd", "keyed", "-o", "out", "-f", "parquet", "--partition-by", "id"]),
        main(["export", "odd", "-o", "each", "-f", "csv"]),
    ]

    said = capsys.readouterr()
    assert set(codes) <= {0, 3}, (codes, said.err)
    assert shape(tmp_path, but=home.home) == before
    assert {path.name for path in home.home.iterdir()} - mine <= {"out", "each"}
    root = home.home / "exports" / "odd"
    published = [path for path in root.rglob("*") if path.is_file()]
    assert len(published) > 4 * len(names)
    assert {path.name for path in (home.home / "exports").iterdir() if path.is_dir()} <= {
        *("shop", "odd", ".locks", ".staging", ".state"),
    }
    proven(len(published), "files of hostile rows and tables", "all below the root")


def test_no_random_text_makes_a_path_that_leads_out(tmp_path: Path, proven: Proven) -> None:
    seed = 20260208
    chance = random.Random(seed)
    root = (tmp_path / "root").resolve()
    root.mkdir()
    (tmp_path / "outside").mkdir()
    parts = [*"./\\~:%*\0\n-_ aA\u202e\u2215\uff0f\uff0e\ud800", "..", "../", "/etc", "CON", "%2e"]
    count = effort(200, soak=2_000)
    refused = 0

    for number in range(count):
        text = "".join(chance.choice(parts) for _ in range(chance.randrange(1, 12)))
        replay = f"seed {seed}, text {number}: {text!r}"
        key = ExportKey(text, text, "csv")
        paths, value = [root / safe_name(text)], text.replace("\ud800", "")
        try:
            paths.append(partition_dir(root, key, hive_value(f"k={value}")))
            paths.append(lock_path(root, key, hive_value(value)))
        except UsageError:
            refused += 1
        for path in paths:
            assert path.resolve().is_relative_to(root), replay
            assert all(part not in {"", ".", ".."} for part in path.relative_to(root).parts), replay
        for check in (check_match_id, check_directory_name):
            try:
                assert (root / check(text)).resolve().parent == root, replay
            except UsageError:
                refused += 1
        try:
            made = make_directory_below(root, safe_name(text), text)
            assert made.resolve().is_relative_to(root), replay
        except ExportError:
            refused += 1

    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "root"]
    assert not list((tmp_path / "outside").iterdir())
    assert count < refused < 4 * count
    proven(count, "random texts made paths", f"{refused} refused, 0 outside the root")
