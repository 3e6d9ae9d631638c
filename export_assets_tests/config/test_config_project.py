"""Whole projects: built-in systems, the user's files, variables."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from export_assets.config.overrides import flag
from export_assets.config.project import Project, load_project
from export_assets.errors import ConfigError, UsageError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "sources").mkdir()
    (tmp_path / "builtin").mkdir()
    (tmp_path / "builtin" / "tandem.yaml").write_text(
        "source: tandem\nsystem: tandem\nurl: ${TANDEM_DB:-sample.duckdb}\n"
    )
    return tmp_path


def write(home: Path, name: str, text: str) -> None:
    (home / "sources" / name).write_text(text, encoding="utf-8")


def load(home: Path, environ: Mapping[str, str] | None = None) -> Project:
    builtin = {"tandem": home / "builtin" / "tandem.yaml"}
    return load_project(home, environ=environ or {}, builtin=builtin)


def mistakes(home: Path, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(home, environ)
    return str(caught.value).splitlines()


def test_built_in_systems_come_first_then_files_by_name(home: Path) -> None:
    write(home, "b.yml", "source: zoo\nurl: zoo.db\n")
    write(home, "a.yaml", "source: shop\nurl: shop.db\n")
    write(home, ".hidden.yaml", "not: read\n")
    write(home, "notes.txt", "not read either")

    project = load(home)

    assert list(project.sources) == ["tandem", "shop", "zoo"]
    assert project.source("zoo").path == home / "sources" / "b.yml"


def test_a_project_shows_the_built_in_systems_it_names(home: Path) -> None:
    settings = home / "export_assets.yaml"
    write(home, "shop.yaml", "source: shop\nurl: shop.db\n")

    settings.write_text("systems: []\n")
    assert list(load(home).sources) == ["shop"]
    assert list(load(home, {"EXPORT_ASSETS_SYSTEMS": "[tandem]"}).sources) == ["tandem", "shop"]

    write(home, "pump.yaml", "source: pump\nsystem: tandem\nurl: pump.duckdb\n")
    assert list(load(home).sources) == ["pump", "shop"]

    settings.write_text("systems: [tandm]\n")
    assert mistakes(home) == [
        "export_assets.yaml: systems: no built-in system 'tandm', did you mean 'tandem'?"
    ]


def test_a_project_without_sources_has_none(tmp_path: Path) -> None:
    assert load_project(tmp_path, environ={}).sources == {}


def test_a_directory_of_sources_that_was_asked_for_must_exist(home: Path) -> None:
    assert mistakes(home, {"EXPORT_ASSETS_SOURCES_DIR": "nowhere"}) == [
        f"sources_dir: no such directory: {home / 'nowhere'}"
    ]


def test_a_users_file_replaces_the_built_in_one(home: Path) -> None:
    (home / "builtin" / "tandem.yaml").write_text("source: tandem\nurl: ${UNSET}\n")
    write(home, "mine.yaml", "source: tandem\nsystem: tandem\nurl: mine.duckdb\n")

    project = load(home)

    assert project.source("tandem").config.url == "mine.duckdb"
    assert len(project.sources) == 1


def test_variables_find_their_source_whatever_its_kind(home: Path) -> None:
    write(home, "a.yaml", "source: shop\nurl: shop.db\n")
    environ = {
        "EXPORT_ASSETS_SOURCES__TANDEM__URL": "/real.duckdb",
        "EXPORT_ASSETS_SOURCES__SHOP__FORMATS": "[csv, json]",
    }

    project = load(home, environ)

    assert project.url_of("tandem").path == Path("/real.duckdb")
    assert project.source("tandem").origin("url") == "environment"
    assert project.source("shop").config.formats == ("csv", "json")


def test_overrides_of_the_caller_win_over_variables(home: Path) -> None:
    project = load_project(
        home,
        environ={"EXPORT_ASSETS_SOURCES__TANDEM__URL": "variable.duckdb"},
        builtin={"tandem": home / "builtin" / "tandem.yaml"},
        overrides={"tandem": [flag("--source", ("url",), "flag.duckdb")]},
    )

    assert project.url_of("tandem").path == home / "flag.duckdb"


def test_a_name_from_a_variable_is_a_name_like_any_other(home: Path) -> None:
    write(home, "a.yaml", "source: ${NAMED:-tandem}\nurl: mine.duckdb\n")
    environ = {"NAMED": "shop", "EXPORT_ASSETS_SOURCES__SHOP__FORMATS": "[csv]"}

    standing_for = load(home, {"EXPORT_ASSETS_SOURCES__TANDEM__FORMATS": "[json]"})
    beside = load(home, environ)

    assert list(standing_for.sources) == ["tandem"]
    assert standing_for.source("tandem").config.url == "mine.duckdb"
    assert standing_for.source("tandem").config.formats == ("json",)
    assert list(beside.sources) == ["tandem", "shop"]
    assert beside.source("shop").config.formats == ("csv",)


def test_no_variable_makes_two_sources_one(home: Path) -> None:
    write(home, "a.yaml", "source: ${A:-shop}\nurl: a.db\n")
    write(home, "b.yaml", "source: ${B:-shop}\nurl: b.db\n")
    write(home, "c.yaml", "source: ${UNSET}\nurl: c.db\n")
    write(home, "d.yaml", "source: other\nurl: d.db\n")

    assert mistakes(home, {"EXPORT_ASSETS_SOURCES__OTHER__SOURCE": "tandem"}) == [
        "sources/b.yaml: source: 'shop' is already described by sources/a.yaml",
        "sources/c.yaml: source: environment variable UNSET is not set",
        "sources/d.yaml: source: 'other' is called 'tandem' by environment; change it in the file",
    ]


def test_everything_wrong_in_every_file_is_told_at_once(home: Path) -> None:
    write(home, "a.yaml", "source: shop\nurl: shop.db\nformts: csv\n")
    write(home, "b.yaml", "source: shop\nurl: shop.db\n")
    write(home, "c.yaml", "source: [\n")
    write(home, "d.yaml", "source: pump\nsystem: tandm\nurl: x\n")
    environ = {"EXPORT_ASSETS_SOURCES__SHOPP__URL": "x", "EXPORT_ASSETS_SOURCES__QQ__URL": "x"}

    assert mistakes(home, environ) == [
        "sources/b.yaml: source: 'shop' is already described by sources/a.yaml",
        (
            "sources/c.yaml: line 2, column 1: while parsing a flow node, "
            "did not find expected node content"
        ),
        "EXPORT_ASSETS_SOURCES__QQ__URL: no source 'qq'",
        (
            "EXPORT_ASSETS_SOURCES__SHOPP__URL: no source 'shopp', did you mean "
            "EXPORT_ASSETS_SOURCES__SHOP__…?"
        ),
        "sources/a.yaml: formts: unknown key, did you mean 'formats'?",
        "sources/d.yaml: system: no built-in system 'tandm', did you mean 'tandem'?",
    ]


def test_an_unknown_source_names_the_nearest(home: Path) -> None:
    project = load(home)

    with pytest.raises(UsageError, match=r"^tandm: no such source, did you mean 'tandem'\?$"):
        project.source("tandm")
    with pytest.raises(UsageError, match=r"^x: no such source, sources: tandem$"):
        project.source("x")


def test_addresses_start_at_the_home_and_wrong_ones_name_their_source(home: Path) -> None:
    write(home, "a.yaml", "source: shop\nurl: sqlite:///data/shop.db\n")
    write(home, "b.yaml", "source: mem\nurl: 'sqlite://'\n")

    project = load(home)

    assert project.url_of("shop").path == home / "data" / "shop.db"
    with pytest.raises(ConfigError, match=r"^mem: sqlite://: a database in memory"):
        project.url_of("mem")
