"""A source's file in, one checked configuration or one line for each mistake out."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from export_assets.config.load import LoadedSource, load_source
from export_assets.config.overrides import flag, source_overrides
from export_assets.config.project import load_project
from export_assets.errors import ConfigError

KNOWN = "parquet, csv, ndjson, json, tsv, xlsx, sqlite, duckdb"
SHOP = """\
source: shop
url: shop.db
tables:
  orders: {partition_by: {column: ordered_at}, types: {total: float}}
  stg__Lines:
options: {interval: "${INTERVAL:-5}"}
"""


def load(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> LoadedSource:
    path = tmp_path / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    overrides = source_overrides(environ or {}).get("shop", [])
    return load_source(path, environ=environ or {}, overrides=overrides)


def mistakes(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, environ)
    return str(caught.value).replace(f"{tmp_path}/", "").splitlines()


@pytest.mark.parametrize(
    ("lines", "mistake"),
    [
        (
            "tables: {orders: {partition_bye: {}}}",
            "tables.orders.partition_bye: unknown key, did you mean 'partition_by'?",
        ),
        (
            "tables: {orders: {Partition-By: {}}}",
            "tables.orders.Partition-By: unknown key, did you mean 'partition_by'?",
        ),
        ("zzz: 1", "zzz: unknown key, valid keys: source, system, kind, url, "),
        ("tables: {'a.b': {x: 1}}", 'tables."a.b".x: unknown key'),
        ('tables: {"a\\nb": {x: 1}}', 'tables."a\\nb".x: unknown key'),
        ("relations: [{from: a.b, too: c.d}]", "relations.0.to: required key is missing"),
        ("relations: [{from: a.b, too: c.d}]", "relations.0.too: unknown key, did you mean 'to'?"),
        ("relations: [{child: a.b, to: c.d}]", "relations.0.child: unknown key, valid keys: from,"),
        ("relations: [{from: ab, to: c.d}]", "relations.0.from: must be table.column, not 'ab'"),
        (
            "format_options: {csvv: {}}",
            "format_options.csvv: unknown key, did you mean 'csv'?",
        ),
        (
            "formats: [parquet, cvs]",
            f"formats.1: must be one of {KNOWN}, not 'cvs', did you mean 'csv'?",
        ),
        ("formats: []", "formats: must not be empty"),
        ("formats: 5", "formats: must be a list, not 5"),
        ("busy_timeout: soon", "busy_timeout: must be a number, not 'soon'"),
        ("busy_timeout: -1", "busy_timeout: must be at least 0, not -1"),
        ("freshness: 0", "freshness: must be greater than 0, not 0"),
        ("freshness: 1e999", "freshness: must be a finite number, not inf"),
        ("redact_defaults: perhaps", "redact_defaults: must be true or false, not 'perhaps'"),
        ("description: 12", "description: must be text, not 12"),
        ("description: [a]", "description: must be text, not a list"),
        ("description:", "description: must be text, not empty"),
        ("freshness: {a: 1}", "freshness: must be a number, not a mapping"),
        ("options: {my_token: [1]}", "options.my_token: must be true or false, a number or text, "),
        (f"busy_timeout: {'x' * 200}", f"busy_timeout: must be a number, not '{'x' * 59}…"),
        ("keep: 30", "keep: must be a mapping of keys, not 30"),
        ("keep: {}", "keep: keeps nothing; leave it out to keep everything"),
        ("keep: {daily: 1.5}", "keep.daily: must be a whole number, not 1.5"),
        ("tables: [orders]", "tables: must be "),
        ("options: {a: [1]}", "options.a: must be true or false, a number or text, not a list"),
        ("assume_timezone: Mars/Base", "assume_timezone: no time zone 'Mars/Base' in the IANA"),
        ("assume_timezone: ../../etc/passwd", "assume_timezone: no time zone"),
        ("schedule: 61 * * * *", "schedule: '61 * * * *' is no cron line: minute '61'"),
        ("owners: [me]", "owners.0: must be an e-mail address or team:name, not 'me'"),
        ("system: Tandem", "system: must be lower case letters, digits and underscores, a letter"),
        (
            "tables: {o: {checks: [{column: a}]}}",
            "tables.o.checks.0: checks nothing; give one of ge, gt,",
        ),
        (
            "tables: {o: {checks: [{column: a, ge: true}]}}",
            "tables.o.checks.0.ge: must be a number or text, not true",
        ),
        (
            "tables: {o: {partition_by: {column: a, start: 2024}}}",
            "tables.o.partition_by.start: must be a day written YYYY-MM-DD",
        ),
        (
            "tables: {o: {partition_by: {column: a, start: 2024-02-31}}}",
            "tables.o.partition_by.start: must be a day written YYYY-MM-DD, not '2024-02-31'",
        ),
        (
            "tables: {o: {types: {a: intger}}}",
            "tables.o.types.a.type: must be one of boolean, integer, ",
        ),
        (
            "tables: {o: {redact: [a], anonymize: [a]}}",
            "tables.o: column a is both in redact and in anonymize",
        ),
        ("description: ${UNSET}", "description: environment variable UNSET is not set"),
        ("description: ${SHOP-URL}", "description: ${SHOP-URL} is no reference; write ${NAME}"),
        ("description: ${OPEN", "description: ${OPEN is no reference"),
        (
            "options: {api_key: abc}",
            "options.api_key: holds a secret; put it into an environment variable and write",
        ),
    ],
)
def test_each_mistake_is_one_line(tmp_path: Path, lines: str, mistake: str) -> None:
    found = mistakes(tmp_path, f"source: shop\nurl: shop.db\n{lines}\n")

    assert any(line.startswith(f"shop.yaml: {mistake}") for line in found), found
    assert all(line.startswith("shop.yaml: ") for line in found)


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = "sorce: shop\nformats: [xml]\ntables: {orders: {chekcs: []}}\ndescription: ${UNSET}\n"

    assert mistakes(tmp_path, text) == [
        "shop.yaml: description: environment variable UNSET is not set",
        "shop.yaml: source: required key is missing",
        "shop.yaml: url: required key is missing",
        f"shop.yaml: formats.0: must be one of {KNOWN}, not 'xml'",
        "shop.yaml: tables.orders.chekcs: unknown key, did you mean 'checks'?",
        "shop.yaml: sorce: unknown key, did you mean 'source'?",
    ]


@pytest.mark.parametrize("text", ["", "just text", "[a, b]", "12"])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text) == [
        "shop.yaml: must be a mapping of keys, such as source: and url:"
    ]


def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = "source: shop\nurl: postgresql://u:hunter2@db/shop\n"

    found = mistakes(tmp_path, text)

    assert found == [
        (
            "shop.yaml: url: holds a secret; put it into an environment variable and write ${NAME} "
            "for it"
        )
    ]


def test_a_password_from_the_environment_is_accepted_and_never_shown(tmp_path: Path) -> None:
    text = "source: shop\nurl: postgresql://u:${PW}@db/shop\n"

    loaded = load(tmp_path, text, {"PW": "hunter2"})

    assert loaded.config.url == "postgresql://u:hunter2@db/shop"
    assert loaded.references == {"url": "postgresql://u:${PW}@db/shop"}
    assert "hunter2" not in repr(loaded)


@pytest.mark.parametrize(
    "key", ["busy_timeout", "assume_timezone", "schedule", "formats", "keep", "owners"]
)
def test_a_variable_with_a_wrong_value_is_named_and_its_value_is_not(
    tmp_path: Path, key: str
) -> None:
    found = mistakes(tmp_path, f"source: shop\nurl: x\n{key}: ${{VALUE}}\n", {"VALUE": "hunter2"})

    assert found
    assert "hunter2" not in "\n".join(found)
    assert "${VALUE}" in found[0]


def test_secrets_of_the_wrong_kind_are_not_repeated(tmp_path: Path) -> None:
    text = "source: shop\nurl: 12345\ntables: {t: {types: {user_password: hunter2}}}\n"

    found = mistakes(tmp_path, text)

    assert found[0] == "shop.yaml: url: must be text, not the value given"
    assert "hunter2" not in found[1]


def test_a_variable_that_is_no_yaml_is_named_and_its_value_is_not(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "source: shop\nurl: x\nkeep: ${KEEP}\n", {"KEEP": "{hunter2"})

    assert found == ["shop.yaml: keep: the value is not YAML"]


def test_a_reference_takes_its_default_when_unset_or_empty(tmp_path: Path) -> None:
    text = "source: shop\nurl: ${SHOP_URL:-data/shop.db}\n"

    assert load(tmp_path, text).config.url == "data/shop.db"
    assert load(tmp_path, text, {"SHOP_URL": ""}).config.url == "data/shop.db"
    assert load(tmp_path, text, {"SHOP_URL": "b.db"}).config.url == "b.db"


def test_a_reference_alone_becomes_what_the_key_wants(tmp_path: Path) -> None:
    text = SHOP + "formats: ${FORMATS}\nbusy_timeout: ${T}\ndescription: ${D}\nschedule: ${S:-}\n"
    environ = {"FORMATS": "[csv, json]", "T": "5", "D": "12", "INTERVAL": "007"}

    config = load(tmp_path, text, environ).config

    assert config.formats == ("csv", "json")
    assert config.busy_timeout == 5
    assert config.description == "12"
    assert config.schedule is None
    assert config.options == {"interval": "007"}
    assert load(tmp_path, SHOP).config.options == {"interval": 5}


def test_two_dollars_stand_for_the_characters_themselves(tmp_path: Path) -> None:
    text = "source: shop\nurl: x\ndescription: costs $5, $${NAME} and $NAME\n"

    assert load(tmp_path, text).config.description == "costs $5, ${NAME} and $NAME"


def test_references_in_keys_and_in_values_of_variables_are_left_alone(tmp_path: Path) -> None:
    text = "source: shop\nurl: ${A}\ntables: {'${A}': {}}\n"

    config = load(tmp_path, text, {"A": "${B}"}).config

    assert config.url == "${B}"
    assert list(config.tables) == ["${A}"]


def test_variables_lie_over_the_file_whatever_their_case(tmp_path: Path) -> None:
    environ = {
        "EXPORT_ASSETS_SOURCES__SHOP__URL": "other.db",
        "EXPORT_ASSETS_SOURCES__SHOP__TABLES__ORDERS__FORMATS": '["csv"]',
        "EXPORT_ASSETS_SOURCES__SHOP__TABLES__ORDERS__TYPES__TOTAL": "text",
        "EXPORT_ASSETS_SOURCES__SHOP__TABLES__STG__LINES__DESCRIPTION": "no: yaml [here",
        "export_assets_sources__shop__tables__NewOne__formats": "all",
        "EXPORT_ASSETS_SOURCES__SHOP__KEEP": "{daily: 3}",
        "EXPORT_ASSETS_SOURCES__SHOP__OPTIONS__INTERVAL": "7",
    }

    loaded = load(tmp_path, SHOP, environ)

    config = loaded.config
    assert config.url == "other.db"
    assert list(config.tables) == ["orders", "stg__Lines", "NewOne"]
    assert config.formats_of("orders") == ("csv",)
    assert config.types_of("orders")["total"].type == "text"
    assert config.table("orders").partition_by is not None
    assert config.table("stg__Lines").description == "no: yaml [here"
    assert config.formats_of("NewOne") == ("parquet", "csv", "ndjson", "json")
    assert config.keep is not None
    assert config.keep.daily == 3
    assert config.options == {"interval": 7}
    assert loaded.references == {}


def test_a_flag_wins_over_a_variable_and_that_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text("source: shop\nurl: file.db\nbusy_timeout: 1\nformats: [csv]\n")
    environ = {
        "EXPORT_ASSETS_SOURCES__SHOP__URL": "variable.db",
        "EXPORT_ASSETS_SOURCES__SHOP__BUSY_TIMEOUT": "2",
    }
    overrides = [*source_overrides(environ)["shop"], flag("--source", ("url",), "flag.db")]

    loaded = load_source(path, environ=environ, overrides=overrides)

    assert loaded.config.url == "flag.db"
    assert loaded.config.busy_timeout == 2
    assert {
        key: loaded.origin(key)
        for key in ("url", "busy_timeout", "formats", "formats.0", "schedule")
    } == {
        "url": "flag",
        "busy_timeout": "environment",
        "formats": "file",
        "formats.0": "file",
        "schedule": "default",
    }


def test_what_a_variable_replaced_no_longer_comes_from_the_file(tmp_path: Path) -> None:
    text = "source: shop\nurl: x\nkeep: {daily: 1, weekly: 1}\ntables: {o: {}}\n"

    loaded = load(tmp_path, text, {"EXPORT_ASSETS_SOURCES__SHOP__KEEP": "{daily: 3}"})

    assert loaded.origin("keep.daily") == "environment"
    assert loaded.origin("keep.weekly") == "default"
    assert loaded.origin("tables.o.formats") == "default"


@pytest.mark.parametrize(
    ("variable", "value", "mistake"),
    [
        ("FORMTS", "csv", ": unknown variable, did you mean EXPORT_ASSETS_SOURCES__SHOP__FORMATS?"),
        (
            "TABLES__ORDERS__CHEKCS",
            "[]",
            ": unknown variable, did you mean EXPORT_ASSETS_SOURCES__SHOP__TABLES__ORDERS__CHECKS?",
        ),
        ("QQ", "1", ": unknown key, valid keys: source, "),
        ("URL__HOST", "x", ": url has no keys of its own"),
        ("BUSY_TIMEOUT", "soon", ": must be a number, not 'soon'"),
        (
            "FORMATS",
            "[csv, xml]",
            f": 1: must be one of {KNOWN}, not 'xml'",
        ),
        ("KEEP", "{daily", ": the value is not YAML"),
        ("TABLES__ORDERS__PARTITION_BY", "{every: day}", ": column: required key is missing"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, variable: str, value: str, mistake: str) -> None:
    name = f"EXPORT_ASSETS_SOURCES__SHOP__{variable}"

    (found,) = mistakes(tmp_path, SHOP, {name: value})

    assert found.startswith(f"{name}{mistake}")


def test_a_wrong_flag_is_named(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)

    with pytest.raises(ConfigError, match=r"^--set: unknown key 'urll', did you mean 'url'\?$"):
        load_source(path, environ={}, overrides=[flag("--set", ("urll",), "x")])


def test_all_tables_can_still_be_laid_over(tmp_path: Path) -> None:
    text = "source: shop\nurl: x\ntables: all\n"
    environ = {"EXPORT_ASSETS_SOURCES__SHOP__TABLES__ORDERS__FORMATS": "csv"}

    config = load(tmp_path, text, environ).config

    assert config.selects("anything")
    assert config.formats_of("orders") == ("csv",)


@pytest.mark.parametrize(
    "name", ["EXPORT_ASSETS_SOURCES__SHOP", "EXPORT_ASSETS_SOURCES__SHOP____URL"]
)
def test_a_variable_without_a_key_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: no key named; write "):
        source_overrides({name: "x"})


def test_the_example_says_what_it_seems_to_say() -> None:
    path = Path(__file__).parents[2] / "examples" / "shop.yaml"

    config = load_source(path, environ={}).config

    assert len([line for line in path.read_text(encoding="utf-8").splitlines() if line]) == 10
    assert config.formats_of("products") == ("parquet", "csv")
    assert config.selects("products")
    assert config.redacts("customers", "phone")
    assert config.table("customers").anonymize == ("email",)
    assert config.relations[0].child_table == "orders"
    assert config.relations[0].parent_column == "id"
    partition_by = config.table("orders").partition_by
    assert partition_by is not None
    assert (partition_by.column, str(partition_by.start)) == ("ordered_at", "2026-01-01")


def test_an_address_whose_variable_is_not_set_stops_only_who_opens_it(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    for name, url in (("shop", "shop.db"), ("other", "${OTHER_URL}")):
        text = f"source: {name}\nurl: {url}\n"
        (tmp_path / "sources" / f"{name}.yaml").write_text(text, encoding="utf-8")

    project = load_project(tmp_path, environ={})

    assert project.url_of("shop").path == tmp_path / "shop.db"
    with pytest.raises(ConfigError, match=r"other\.yaml: url: environment variable OTHER_URL is"):
        project.url_of("other")
    assert load_project(tmp_path, environ={"OTHER_URL": "x.db"}).url_of("other").path is not None
