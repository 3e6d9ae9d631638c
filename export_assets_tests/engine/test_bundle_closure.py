"""What belongs to a bundle, against a walk row by row over random schemas with cycles."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from export_assets.engine.bundles import keys as bundle_keys
from export_assets.engine.bundles import reader as bundle_reader
from export_assets_tests.engine.bundle_world import Bundles, Example, Key, Value, rows_of

TYPES = {
    "n": "integer",
    "id": "integer",
    "code": "text",
    "f0": "integer",
    "f1": "integer",
    "g0": "text",
    "a": "integer",
    "b": "text",
    "pa": "integer",
    "pb": "text",
}


def example(seed: int) -> Example:
    """Make up to six tables that refer to each other and themselves in any way, also in circles."""
    chance = random.Random(seed)
    tables = [f"t{number}" for number in range(chance.randint(2, 6))]
    sizes = {table: chance.randint(1, 12) for table in tables}
    keys = []
    for table in tables:
        for columns, referred in (
            (("f0",), ("id",)),
            (("f1",), ("id",)),
            (("g0",), ("code",)),
            (("pa", "pb"), ("a", "b")),
        ):
            if chance.random() < 0.6:
                keys.append(Key(table, columns, chance.choice(tables), referred))
    rows = {
        table: [_row(chance, number, sizes[table]) for number in range(sizes[table])]
        for table in tables
    }
    return Example(rows=rows, keys=keys, types=TYPES)


def _row(chance: random.Random, number: int, size: int) -> dict[str, Value]:
    def maybe(value: Value) -> Value:
        return None if chance.random() < 0.25 else value

    return {
        "n": number,
        "id": number + 1,
        "code": f"c{number}",
        "f0": maybe(chance.randint(1, size + 2)),
        "f1": maybe(chance.randint(1, size + 2)),
        "g0": maybe(f"c{chance.randint(0, size + 1)}"),
        "a": number % 3,
        "b": f"b{number}",
        "pa": maybe(chance.randint(0, 2)),
        "pb": maybe(f"b{chance.randint(0, size)}"),
    }


def numbers(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[int]]:
    return {table: sorted(row["n"] for row in rows) for table, rows in found.items()}


def request(chance: random.Random, made: Example) -> tuple[str, list[str], dict[str, Any]]:
    root = chance.choice(list(made.rows))
    ids = [str(one) for one in sorted({chance.randint(1, 12) for _ in range(2)})]
    options: dict[str, Any] = {
        "follow": chance.choice(["children", "parents", "both"]),
        "depth": chance.choice([None, None, 0, 1, 2, 3]),
    }
    others = [table for table in made.rows if table != root]
    if chance.random() < 0.3 and others:
        options["exclude"] = (chance.choice(others),)
    return root, ids, options


def in_tree(value: Any, found: Counter[str]) -> None:
    """Count the rows that stand in full, by everything but what stands inside them."""
    if isinstance(value, list):
        for one in value:
            in_tree(one, found)
    elif isinstance(value, dict) and value.keys() != {"$ref"}:
        own = {name: value[name] for name in TYPES if name in value}
        if own:
            found[json.dumps(own, sort_keys=True)] += 1
        for name, one in value.items():
            if name not in TYPES and isinstance(one, dict | list):
                in_tree(one, found)


@pytest.mark.parametrize("seed", range(16))
def test_holds_what_a_walk_row_by_row_finds_in_sqlite(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    made = example(seed)
    bundles = Bundles(tmp_path)
    made.to_sqlite(bundles.db)
    # Few keys at a time, and now and then one scan, so that every way of reading is gone.
    monkeypatch.setattr(bundle_keys, "MOST_KEYS", chance.choice([1, 2, 500]))
    monkeypatch.setattr(bundle_reader, "MOST_KEYS", bundle_keys.MOST_KEYS)
    monkeypatch.setattr(bundle_reader, "_FRACTION", chance.choice([0, 4]))
    root, ids, options = request(chance, made)

    data = bundles.bundler(root, *ids, key=("id",), **options).collect()

    expected = made.expected(root, "id", [int(one) for one in ids], **options)
    assert numbers(rows_of(data, root)) == {
        table: sorted(found) for table, found in expected.items()
    }
    assert set(data.missing) == {one for one in ids if int(one) > len(made.rows[root])}


@pytest.mark.parametrize("seed", range(100, 105))
def test_holds_what_a_walk_row_by_row_finds_in_duckdb(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    made = example(seed)
    single = [key for key in made.keys if len(key.columns) == 1]
    made = Example(rows=made.rows, keys=single, types=TYPES)
    relations = ", ".join(
        f"{{from: {key.child}.{key.columns[0]}, to: {key.parent}.{key.referred[0]}}}"
        for key in single
    )
    yaml = f"source: shop\nurl: duckdb:///shop.duckdb\nrelations: [{relations}]\n"
    bundles = Bundles(tmp_path, yaml=yaml)
    made.to_duckdb(tmp_path / "shop.duckdb")
    root, ids, options = request(chance, made)

    data = bundles.bundler(root, *ids, key=("id",), **options).collect()

    expected = made.expected(root, "id", [int(one) for one in ids], **options)
    assert numbers(rows_of(data, root)) == {
        table: sorted(found) for table, found in expected.items()
    }


@pytest.mark.parametrize("seed", range(200, 208))
def test_the_tree_holds_every_row_once(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    made = example(seed)
    bundles = Bundles(tmp_path)
    made.to_sqlite(bundles.db)
    root, _, options = request(chance, made)

    report = bundles.bundler(root, "1", "2", key=("id",), formats=("ndjson",), **options).export()

    assert report.path is not None
    tree = json.loads((report.path / "bundle.json").read_text(encoding="utf-8"))
    in_full: Counter[str] = Counter()
    in_tree([value for name, value in tree.items() if name != "metadata"], in_full)
    in_files: Counter[str] = Counter()
    for file in report.path.glob("*.ndjson"):
        for line in file.read_text(encoding="utf-8").splitlines():
            in_files[json.dumps(json.loads(line), sort_keys=True)] += 1
    assert in_full == in_files
    assert in_full.total() == sum(tree["metadata"]["counts"].values()) == report.rows
