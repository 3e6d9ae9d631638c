"""Whatever is damaged, `verify` as a person runs it ends with 24 and names the file.

Of encrypted archives it ends with 41, whatever the bit was of.
"""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from export_assets.systems.leadville.sample import make_logs
from export_assets_tests.archives.keys import IDENTITY, RECIPIENT
from export_assets_tests.cli.conftest import Cli
from export_assets_tests.effort import effort
from export_assets_tests.end_to_end.world import World
from export_assets_tests.proof.plugin import Proven

pytestmark = [pytest.mark.suite("bit-flips"), pytest.mark.promise("complete-or-loud")]

FLIPS = effort(12, soak=300)
"""In each kind of file."""
OTHERS = effort(3, soak=60)
"""Of each other manner of damage, in each kind of file."""
SHOP = """\
source: shop
url: sqlite:///shop.db
formats: [parquet, csv, ndjson, json, xlsx, sqlite, duckdb]
tables:
  orders: {}
  customers: {formats: [csv]}
sets:
  both: {formats: [csv], tables: [customers]}
"""
LOGS = "source: leadville\nformats: [parquet]\nlog: {offload: {min_idle: 0}%s}\n"
SETTINGS = "allow_delete: true\narchive_identity_file: identity.txt\n"
ENCRYPTED = {
    "match archive, encrypted",
    "offload archive, encrypted",
    "record of an encrypted archive",
}
FORMATS = ("parquet", "csv", "ndjson", "json", "xlsx", "sqlite", "duckdb")


@pytest.fixture
def files(world: World, cli: Cli) -> dict[str, Path]:
    """One file of every kind that is published or archived, none beside its own manifest."""
    world.database(rows=30)
    world.configure(SHOP)
    make_logs(world.home / "data" / "leadville", days=2, strings=2)
    leadville = world.home / "sources" / "leadville.yaml"
    leadville.write_text(LOGS % "", encoding="utf-8")
    (world.home / "export_assets.yaml").write_text(SETTINGS, encoding="utf-8")
    identity = world.home / "identity.txt"
    identity.touch(mode=0o600)
    identity.write_text(f"# of the tests\n{IDENTITY}\n", encoding="utf-8")
    days = ("--days-old", "1", "--delete-source", "--yes", "--no-grace", "--archive-name")

    def run(*commands: tuple[str, ...]) -> None:
        for command in commands:
            assert cli(*command, "-q").code in {0, 3}

    run(
        ("export", "shop"),
        ("export", "leadville"),
        ("archive", "--match-id", "final", "--pattern", "*"),
        ("offload", *days, "old"),
    )
    make_logs(world.home / "data" / "leadville" / "more", days=1, strings=1)
    leadville.write_text(LOGS % f", encryption: {{recipients: [{RECIPIENT}]}}", encoding="utf-8")
    run(
        ("archive", "--match-id", "sealed", "--pattern", "more/*"),
        ("archive", "--match-id", "recorded", "--pattern", "more/*", "--logs-only"),
        ("offload", *days, "locked"),
    )
    exports = world.home / "exports"
    segments = exports / "leadville" / "_segments" / "parquet"
    quarantined, *others = sorted(segments.glob("*/_quarantine.ndjson"))
    assert others
    parts = [one for one in sorted(segments.glob("*/part-*")) if one.parent != quarantined.parent]
    [match] = (exports / "archives").glob("match_final_*.zip")
    [sealed] = (exports / "archives").glob("match_sealed_*.zip.age")
    [record] = (exports / "archives").glob(".match_recorded_*.zip.age.json")
    found = {
        name: exports / "shop" / "orders" / name / "all" / f"part-00000.{name}" for name in FORMATS
    } | {
        "manifest": exports / "shop" / "customers" / "csv" / "all" / "_manifest.json",
        "set": exports / "shop" / "both" / "set" / "all" / "customers.csv",
        "segment": parts[0],
        "quarantine": quarantined,
        "manifest of a segment": parts[1].parent / "_manifest.json",
        "match archive": match,
        "offload archive": exports / "archives" / "old.zip",
        "ledger": exports / "archives" / ".offload_ledger.jsonl",
        "match archive, encrypted": sealed,
        "offload archive, encrypted": exports / "archives" / "locked.zip.age",
        "record of an encrypted archive": record,
    }
    assert [name for name, path in found.items() if not path.stat().st_size] == []
    return found


def flip(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def grow(data: bytearray, rng: random.Random) -> None:
    data += rng.randbytes(rng.randrange(1, 100))


def zeros(data: bytearray, rng: random.Random) -> None:
    """Blank what lies in one block, as a disk does, from a byte on that is none."""
    at = rng.choice([place for place, byte in enumerate(data[:-1]) if byte])
    end = min(at + 512, len(data))
    data[at:end] = bytes(end - at)


Damage = Callable[[bytearray, random.Random], None]
MANNERS: dict[str, tuple[Damage, int]] = {
    "flipped bits": (flip, FLIPS),
    "files cut short": (cut, OTHERS),
    "files grown": (grow, OTHERS),
    "blocks of zeros": (zeros, OTHERS),
}


def damaged_together(sound: set[str], manner: str) -> list[set[str]]:
    """Return what may be damaged at the same time, each to be found all the same.

    A damaged ledger is told in the place of what it vouches for.
    """
    most = [sound - {"ledger"} - ENCRYPTED, ENCRYPTED]
    return most if manner in {"files cut short", "files grown"} else [*most, {"ledger"}]


@pytest.mark.timeout(effort(300, soak=1800))
def test_verify_names_every_file_that_is_damaged(
    files: dict[str, Path], cli: Cli, proven: Proven
) -> None:
    sound = {name: path.read_bytes() for name, path in files.items()}
    assert cli("verify").code == 0

    for manner, (damage, rounds) in MANNERS.items():
        found: Counter[str] = Counter()
        for seed in range(rounds):
            rng = random.Random(f"{manner}/{seed}")
            for hurt in damaged_together(set(files), manner):
                for name in sorted(hurt):
                    data = bytearray(sound[name])
                    damage(data, rng)
                    if name == "ledger" and damage is zeros:
                        # That it ends within a line is no damage: so a killed run leaves it.
                        data[-1:] = b"\n"
                    assert data != sound[name]
                    files[name].write_bytes(data)
                done = cli("verify")
                for name in hurt:
                    files[name].write_bytes(sound[name])
                told = {name for name in files if f"{files[name]}: " in done.err}
                replay = f"{manner}, round {seed}: {sorted(hurt ^ told)}\n{done.err}"
                assert told == hurt, replay
                # 50 is the word for a zip whose structure is a lie, and goes before others.
                lies = done.code == 50 and "old.zip" in done.err
                assert done.code == (41 if hurt == ENCRYPTED else 24) or lies, replay
                found.update(told)
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(found.items()))
        proven(found.total(), manner, f"all found and named ({kinds})")

    assert cli("verify").code == 0
