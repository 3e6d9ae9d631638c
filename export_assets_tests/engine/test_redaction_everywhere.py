"""What must not leave is in no file, manifest, message or name."""

from pathlib import Path

import pytest

from export_assets.tables.redaction import key_id
from export_assets_tests.engine.engine_world import ALL_FORMATS, SHOP, shop, statuses

SECRET = "hunter2-correct-horse"
KEY = {"EXPORT_ASSETS_ANONYMIZE_KEY": "0123456789abcdef0123456789abcdef"}
KEY_ID = key_id(KEY["EXPORT_ASSETS_ANONYMIZE_KEY"].encode())

RULES = SHOP.replace(
    "customers: {}",
    "customers: {redact: [name], anonymize: [email], types: {name: integer}}",
)


def everything(root: Path) -> bytes:
    files = [path for path in root.rglob("*") if path.is_file()]
    names = "\n".join(str(path) for path in root.rglob("*"))
    return b"\n".join([names.encode(), *(path.read_bytes() for path in files)])


def test_hidden_values_are_in_nothing_that_is_written(tmp_path: Path) -> None:
    yaml = SHOP.replace("customers: {}", "customers: {redact: [name], anonymize: [email]}")
    world = shop(tmp_path, yaml)
    world.environ = KEY
    world.sql(f"update customers set name = '{SECRET}', email = '{SECRET}'")

    report = world.export(formats=ALL_FORMATS)
    out = world.export(formats=ALL_FORMATS, output_dir=tmp_path / "out", tables=("customers",))

    assert report.exit_code == out.exit_code == 0
    assert SECRET.encode() not in everything(world.exports) + everything(tmp_path / "out")
    assert SECRET not in repr(report) + repr(out)
    fidelity = {
        c.name: c.fidelity_reason for c in world.manifest("customers", "csv", "all").columns
    }
    assert fidelity == {"id": "", "name": "redacted", "email": f"pseudonyms of key {KEY_ID}"}


def test_equal_values_stay_equal_under_their_pseudonyms(tmp_path: Path) -> None:
    yaml = SHOP.replace("customers: {}", "customers: {anonymize: [name, email]}")
    world = shop(tmp_path, yaml)
    world.environ = KEY
    world.sql("update customers set name = 'x', email = 'x' where id = 1")

    world.export(tables=("customers",), formats=("csv",))

    (part,) = world.partition("customers", "csv", "all").glob("part-*")
    one, two = (line.split(",") for line in part.read_text().splitlines()[1:])
    assert one[1] == one[2] != two[1]
    assert two[2] == ""


def test_a_type_that_does_not_hold_shows_no_value(tmp_path: Path) -> None:
    world = shop(tmp_path, RULES)
    world.environ = KEY
    world.sql(f"update customers set name = '{SECRET}'")

    report = world.export(tables=("customers",), formats=("csv",))

    assert statuses(report) == {"customers/csv/all": "failed"}
    assert report.exit_code == 30
    assert SECRET not in repr(report)


def test_a_hidden_time_still_tells_the_partition(tmp_path: Path) -> None:
    world = shop(tmp_path, SHOP.replace("every: day}}", "every: day}, redact: [at]}"))

    report = world.export(tables=("orders",), formats=ALL_FORMATS)

    assert report.counts == {"success": 12}
    column = world.manifest("orders", "csv", "day=2026-02-08").columns[1]
    assert (column.name, column.nulls, column.min) == ("at", 2, None)


@pytest.mark.parametrize("name", ["password", "API_KEY", "access_token"])
def test_columns_named_like_secrets_are_hidden_unasked(name: str, tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.sql(
        f"alter table customers add column {name} text; update customers set {name}='{SECRET}'"
    )

    report = world.export(formats=ALL_FORMATS)

    assert report.exit_code == 0
    assert SECRET.encode() not in everything(world.exports)
