"""Sources that a dg project describes as components, read without Dagster."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from export_assets.config.component_schema import component_schema
from export_assets.config.components import component_files, source_files
from export_assets.config.project import Project, load_project
from export_assets.errors import ConfigError
from export_assets.systems.files import builtin_files

PYPROJECT = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "data"\n'
SHOP = "type: export_assets.ExportSource\nattributes:\n  source: shop\n  url: shop.db\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(home: Path, environ: dict[str, str] | None = None) -> Project:
    return load_project(home, environ=environ or {}, builtin=builtin_files())


def names(home: Path) -> list[str]:
    return [file.name for file in component_files(home)]


@pytest.mark.parametrize(
    ("file", "settings", "folder"),
    [
        ("pyproject.toml", PYPROJECT, "data/defs"),
        ("pyproject.toml", PYPROJECT, "src/data/defs"),
        ("pyproject.toml", PYPROJECT, "data/definitions"),
        ("pyproject.toml", f'{PYPROJECT}defs_module = "data.own"\n', "data/own"),
        ("dg.toml", '[project]\nroot_module = "data"\n', "data/defs"),
    ],
)
def test_components_are_found_where_dg_finds_them(
    tmp_path: Path, file: str, settings: str, folder: str
) -> None:
    write(tmp_path / file, settings)
    write(tmp_path / folder / "team" / "shop" / "defs.yaml", SHOP)

    project = load(tmp_path)

    assert project.sources["shop"].config.url == "shop.db"
    assert project.url_of("shop").path == tmp_path / "shop.db"
    assert project.sources["shop"].path == tmp_path / folder / "team" / "shop" / "defs.yaml"


def test_a_folder_without_a_dg_project_has_no_components(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "this is no TOML, and none of our business")
    write(tmp_path / "data" / "defs" / "shop" / "defs.yaml", SHOP)

    assert names(tmp_path) == []


def test_a_dg_project_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.dg.project\n")

    with pytest.raises(ConfigError, match=r"pyproject\.toml: cannot be read"):
        load(tmp_path)


def test_other_components_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", PYPROJECT)
    defs = tmp_path / "data" / "defs"
    write(defs / "a" / "defs.yaml", "type: other.Thing\nattributes: {a: !odd '{{ x }}', a: 2}\n")
    write(defs / "b" / "defs.yaml", f"type: other.Thing\n---\n{SHOP}")
    write(defs / "b" / "below" / "defs.yaml", SHOP.replace("shop", "hidden"))
    write(defs / "c" / "defs.yaml", "type: dagster.DefsFolderComponent\n")
    write(defs / "c" / "below" / "defs.yml", SHOP.replace("shop", "within"))
    write(defs / ".d" / "defs.yaml", SHOP.replace("shop", "away"))

    assert names(tmp_path) == ["shop", "within"]


def test_a_component_has_the_layers_of_any_source(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", PYPROJECT)
    write(
        tmp_path / "data" / "defs" / "pump" / "defs.yaml",
        "type: export_assets.ExportSource\nattributes:\n  source: tandem\n  formats: csv\n"
        "  tables: {events: {formats: parquet}}\n",
    )

    loaded = load(tmp_path, {"EXPORT_ASSETS_SOURCES__TANDEM__URL": "pump.duckdb"}).sources["tandem"]

    assert loaded.config.formats == ("csv",)
    assert loaded.config.table("events").formats == ("parquet",)
    assert loaded.config.table("events").primary_key == ("id",)
    assert loaded.origin("url") == "environment"
    assert loaded.origin("relations") == "default of system tandem"


@pytest.mark.parametrize(
    ("written", "environ", "url"),
    [
        ("{{ env.SHOP_DB }}", {"SHOP_DB": "a.db"}, "a.db"),
        ("sqlite:///{{ env('SHOP_DB') }}", {"SHOP_DB": "a.db"}, "sqlite:///a.db"),
        ("{{ env('SHOP_DB', 'b.db') }}", {}, "b.db"),
        ("${SHOP_DB:-c.db}", {}, "c.db"),
    ],
)
def test_variables_may_be_written_as_in_dagster(
    tmp_path: Path, written: str, environ: dict[str, str], url: str
) -> None:
    write(tmp_path / "pyproject.toml", PYPROJECT)
    text = SHOP.replace("url: shop.db", f'url: "{written}"')
    write(tmp_path / "data" / "defs" / "shop" / "defs.yaml", text)

    assert load(tmp_path, environ).sources["shop"].config.url == url


def test_a_variable_that_is_not_set_is_never_the_word_none(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", PYPROJECT)
    text = SHOP.replace("url: shop.db", 'url: "{{ env.SHOP_DB }}"')
    write(tmp_path / "data" / "defs" / "shop" / "defs.yaml", text)

    with pytest.raises(ConfigError, match="environment variable SHOP_DB is not set"):
        load(tmp_path).url_of("shop")


def test_everything_wrong_is_said_in_one_line_each(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", PYPROJECT)
    defs = tmp_path / "data" / "defs"
    write(defs / "a" / "defs.yaml", f"{SHOP}  tables: {{orders: {{formts: csv}}}}\n---\n{SHOP}")
    write(defs / "b" / "defs.yaml", SHOP.replace("shop.db", '"{{ context.project_root }}/a.db"'))
    write(tmp_path / "sources" / "shop.yaml", "source: shop\nurl: other.db\n")

    with pytest.raises(ConfigError) as raised:
        load(tmp_path)
    write(defs / "b" / "defs.yaml", "type: export_assets.ExportSource\n")
    with pytest.raises(ConfigError) as again:
        load(tmp_path)

    described = "source: 'shop' is already described by sources/shop.yaml"
    assert str(raised.value).splitlines() == [
        f"data/defs/a/defs.yaml, document 1: {described}",
        f"data/defs/a/defs.yaml, document 2: {described}",
        (
            "data/defs/b/defs.yaml: url: {{ context.project_root }} is no reference; "
            "write ${NAME} or ${NAME:-default}"
        ),
    ]
    assert "data/defs/b/defs.yaml: attributes: must be a mapping" in str(again.value)


def test_the_keys_of_a_component_are_those_of_a_source(tmp_path: Path) -> None:
    path = write(tmp_path / "defs.yaml", f"{SHOP}  formts: csv\n")
    [file] = source_files(path)

    with pytest.raises(ConfigError, match="describes no component"):
        source_files(write(tmp_path / "a" / "defs.yaml", "type: other.Thing\n"))
    assert file.raw == {"source": "shop", "url": "shop.db", "formts": "csv"}


def broken(attributes: object) -> list[str]:
    found = Draft202012Validator(component_schema()).iter_errors(attributes)
    return sorted(f"{one.json_path}: {one.message}" for one in found)


def test_the_schema_takes_what_we_take() -> None:
    Draft202012Validator.check_schema(component_schema())

    assert broken({"source": "tandem"}) == []
    assert broken({"source": "a", "url": "a.db", "tables": "all", "freshness": "${HOURS}"}) == []
    assert broken({"source": "a", "url": "a.db", "enabled": "{{ env.ON }}", "keep": None}) == []
    assert broken({"source": "a", "tables": {"o": {"formats": ["csv"], "lag": "1h"}}}) == []


def test_the_schema_names_what_is_wrong_however_deep_it_is() -> None:
    wrong = {
        "source": "a",
        "formats": ["cvs"],
        "tables": {"o": {"partition_by": {"colum": "at", "every": "day"}}, "p": {"chks": []}},
        "relations": [{"from": "a.b", "too": "c.d"}],
    }

    found = "\n".join(broken(wrong))

    assert "$.formats[0]: 'cvs' is not one of" in found
    assert "$.tables.o.partition_by: Additional properties are not allowed ('colum'" in found
    assert "$.tables.p: Additional properties are not allowed ('chks' was unexpected)" in found
    assert "$.relations[0]: Additional properties are not allowed ('too' was unexpected)" in found


def test_the_example_of_the_schema_is_right() -> None:
    [example] = component_schema()["examples"]

    assert broken(example) == []


def test_the_schema_stands_alone_and_describes_its_keys() -> None:
    schema = component_schema()

    assert "$ref" not in str(schema)
    assert all(one.get("description") for one in schema["properties"].values())
