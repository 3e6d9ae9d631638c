"""No hidden value, and no key, in any byte that a command writes or says, whatever goes wrong."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pytest

from export_assets_tests.cli.conftest import Cli
from export_assets_tests.effort import SOAK
from export_assets_tests.end_to_end.world import World

CANARY = "CANARY-5e1f"
NUMBER = 7_350_917_264
KEY = "CANARY-KEY-0123456789abcdef"

COLUMNS = "id integer, seen timestamp, whose text, mail text, amount bigint"
ROWS = [
    (number, f"2026-02-0{number} 10:00:00", f"{CANARY}-{number}", f"{CANARY}@{number}", NUMBER)
    for number in (1, 2, 3)
]

HIDING = """\
source: shop
url: {url}
formats: [parquet, csv, ndjson, json]
tables:
  t:
    partition_by: {{column: seen, every: day}}
    redact: [whose, amount]
    anonymize: [mail]
"""

BROKEN = {
    "sound": "",
    "a_rule_on_what_is_hidden": "    checks: [{column: whose, not_null: true}]\n",
    "a_rule_of_pseudonyms": f"    checks: [{{column: mail, isin: ['{CANARY}']}}]\n",
    "a_unique_one": "    checks: [{column: amount, unique: true}]\n",
    "a_type_that_does_not_hold": "    types: {whose: integer}\n",
    "a_time_that_does_not_hold": "    types: {mail: timestamp}\n",
    "a_decimal_too_narrow": "    types: {amount: {type: decimal, precision: 3, scale: 0}}\n",
    "an_order_by_what_is_hidden": "    order_by: [whose, mail]\n",
}


def sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"create table t ({COLUMNS})")
        connection.executemany("insert into t values (?, ?, ?, ?, ?)", ROWS)


def loose(path: Path) -> None:
    """Text where numbers are declared, which only SQLite takes."""
    sqlite(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"update t set amount = '{CANARY}' where id = 2")
        connection.execute(f"update t set mail = cast('{CANARY}' as blob) where id = 3")


def duck(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create table t ({COLUMNS})")
        connection.executemany("insert into t values (?, ?, ?, ?, ?)", ROWS)


MAKERS = {"sqlite": sqlite, "loose": loose, "duckdb": duck}
PAIRS = [(kind, broken) for broken in BROKEN for kind in MAKERS]


def bytes_below(root: Path) -> Iterator[tuple[Path, bytes]]:
    for path in root.rglob("*"):
        yield path, str(path).encode()
        if path.is_file():
            yield path, path.read_bytes()


@pytest.mark.suite("security")
@pytest.mark.promise("no-secrets")
@pytest.mark.parametrize(("kind", "broken"), PAIRS if SOAK else PAIRS[::2])
def test_nothing_hidden_is_written_or_said(
    kind: str, broken: str, world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPORT_ASSETS_ANONYMIZE_KEY", KEY)
    name = "shop.duckdb" if kind == "duckdb" else "shop.db"
    MAKERS[kind](world.home / name)
    world.configure(HIDING.format(url=name) + BROKEN[broken])

    ended = [cli("export", "shop", "-v"), cli("export", "shop", "--json", "--output-dir", "out")]
    if broken == "sound":
        assert ended[0].code == 0
        (part, *_) = (world.home / "exports/shop/t/csv/day=2026-02-02").glob("part-*")
        part.write_bytes(part.read_bytes()[:-2])
        ended += [
            cli("verify", "shop", "--deep"),
            cli("repair", "shop", "--against-source", "--json"),
            cli("list", "--json"),
            cli("validate", "--show"),
        ]
    ended += [
        cli("verify", "shop", "--source", "--json"),
        cli("inspect", "shop", "--json"),
        cli("plan", "shop", "--json", "-v"),
    ]

    said = "".join(one.out + one.err for one in ended)
    if broken != "a_rule_of_pseudonyms":  # whose rule names the value itself
        assert CANARY not in said
    assert KEY not in said
    for hidden in (CANARY, str(NUMBER), KEY):
        for root in ("exports", "out"):
            assert not [p for p, data in bytes_below(world.home / root) if hidden.encode() in data]
            # Parquet is compressed, so its bytes alone prove little.
            for part in (world.home / root).rglob("*.parquet"):
                assert hidden not in pl.read_parquet(part).write_json()
    assert str(NUMBER) not in said
