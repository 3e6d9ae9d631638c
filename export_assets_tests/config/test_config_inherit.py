"""Sources that name a built-in system: its YAML lies under theirs."""

from pathlib import Path

import pytest

from export_assets.config.load import LoadedSource, load_source
from export_assets.config.project import config_hash, load_project
from export_assets.config.show import show
from export_assets.errors import ConfigError

BUILTIN = """\
source: tandem
system: tandem
url: ${TANDEM_URL:-sample.duckdb}
assume_timezone: UTC
formats: [parquet, csv]
options: {pump_timezone: America/Los_Angeles, other: 1}
tables:
  events:
    partition_by: {column: timestamp, every: day, start: "${TANDEM_START:-2026-07-01}"}
    primary_key: [id]
    checks: [{column: id, unique: true}]
  readings: {primary_key: [id]}
relations:
  - {from: readings.events_id, to: events.id}
  - {from: readings.pump_id, to: pumps.id}
"""


@pytest.fixture
def systems(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "builtin.yaml"
    path.write_text(BUILTIN, encoding="utf-8")
    return {"tandem": path}


def load(systems: dict[str, Path], text: str, **environ: str) -> LoadedSource:
    path = systems["tandem"].with_name("mine.yaml")
    path.write_text(text, encoding="utf-8")
    return load_source(path, environ=environ, systems=systems)


def test_a_source_of_a_system_has_all_the_system_says(systems: dict[str, Path]) -> None:
    builtin = load_source(systems["tandem"], environ={}, systems=systems)

    loaded = load(systems, "source: pump\nsystem: tandem\nurl: mine.duckdb\n")

    changed = {"source": "pump", "url": "mine.duckdb"}
    assert loaded.config == builtin.config.model_copy(update=changed)


@pytest.mark.parametrize("system", ["tandem", "${KIND:-tandem}"])
def test_keys_of_the_file_win_table_by_table_and_key_by_key(
    systems: dict[str, Path], system: str
) -> None:
    text = f"""\
source: pump
system: {system}
url: mine.duckdb
formats: [json]
options: {{other: 2}}
tables:
  events: {{primary_key: [pump, id], partition_by: null}}
  readings:
  extra: {{query: select 1}}
"""

    config = load(systems, text).config

    assert config.formats == ("json",)
    assert config.options == {"pump_timezone": "America/Los_Angeles", "other": 2}
    assert list(config.tables) == ["events", "readings", "extra"]
    assert config.table("events").primary_key == ("pump", "id")
    assert config.table("events").partition_by is None
    assert [check.column for check in config.table("events").checks] == ["id"]
    assert config.table("readings").primary_key == ("id",)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("[{from: notes.event, to: events.id}]", ["events.id", "pumps.id", "events.id"]),
        ("[{from: readings.pump_id, to: devices.id}]", ["events.id", "devices.id"]),
        ("[]", []),
    ],
)
def test_relations_of_the_file_are_added(
    systems: dict[str, Path], given: str, expected: list[str]
) -> None:
    text = f"source: pump\nsystem: tandem\nurl: x\nrelations: {given}\n"

    config = load(systems, text).config

    assert [relation.parent for relation in config.relations] == expected


def test_a_file_called_as_a_system_changes_only_what_it_says(systems: dict[str, Path]) -> None:
    loaded = load(systems, "source: tandem\nassume_timezone: Europe/Paris\n", TANDEM_URL="a.duckdb")

    assert loaded.config.system == "tandem"
    assert loaded.config.url == "a.duckdb"
    assert loaded.config.assume_timezone == "Europe/Paris"
    assert list(loaded.config.tables) == ["events", "readings"]


def test_a_source_may_have_a_systems_name_and_be_none(systems: dict[str, Path]) -> None:
    config = load(systems, "source: tandem\nsystem: null\nurl: x.db\n").config

    assert config.system is None
    assert config.tables == {}


def test_only_the_built_in_source_itself_lends_its_url(systems: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match=r"mine\.yaml: url: "):
        load(systems, "source: pump\nsystem: tandem\n")


def test_what_a_system_lent_is_told_from_what_the_file_says(systems: dict[str, Path]) -> None:
    text = "source: pump\nsystem: tandem\nurl: x\ntables: {events: {primary_key: [id]}}\n"

    loaded = load(systems, text, EXPORT_ASSETS_SOURCES__PUMP__FORMATS="[csv]")

    keys = ("url", "formats", "tables.events.primary_key", "tables.events.checks", "schedule")
    assert [loaded.origin(key) for key in keys] == [
        "file",
        "default of system tandem",
        "file",
        "default of system tandem",
        "default",
    ]


def test_wrong_shapes_are_told_of_the_file(systems: dict[str, Path]) -> None:
    text = "source: pump\nsystem: tandem\nurl: x\ntables: [events]\noptions: 3\nrelations: 4\n"

    with pytest.raises(ConfigError) as caught:
        load(systems, text)

    lines = str(caught.value).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["tables", "relations", "options"]


def test_the_same_configuration_hashes_alike_wherever_it_is_written(
    systems: dict[str, Path], tmp_path: Path
) -> None:
    builtin = load_source(systems["tandem"], environ={}, systems=systems).config

    short = load(systems, "url: elsewhere.duckdb\nsource: tandem\n").config
    (tmp_path / "copy").mkdir()
    copied = tmp_path / "copy" / "z.yaml"
    copied.write_text(BUILTIN, encoding="utf-8")
    long = load_source(copied, environ={}, systems=systems).config

    hashes = {config_hash(config, "events", "csv") for config in (builtin, short, long)}
    assert len(hashes) == 1


def test_a_project_shows_what_its_sources_took_over(
    systems: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "sources").mkdir()
    mine = tmp_path / "sources" / "mine.yaml"
    mine.write_text("source: tandem\nformats: [csv]\n", encoding="utf-8")

    source = show(load_project(tmp_path, environ={}, builtin=systems))["sources"]["tandem"]

    assert source["formats"] == {"value": ["csv"], "origin": "file"}
    assert source["system"] == {"value": "tandem", "origin": "default of system tandem"}
