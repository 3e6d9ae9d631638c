"""How fast commands start, and what they must not load for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from export_assets.cli import reference
from export_assets.cli.app import main
from export_assets.config.project import load_project
from export_assets.systems.files import are_as_they_come, builtin_files
from export_assets.systems.registry import SYSTEMS
from export_assets.systems.settled import has_own_files
from export_assets_tests.end_to_end.world import World

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from export_assets.cli.app import main
code = main(sys.argv[1:])
print(sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


def loaded(world: World, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=world.home,
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    names: set[str] = set(eval(done.stderr.splitlines()[-1]))
    return names


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), ("list",), ("validate",), ("verify",), ("prune", "shop")],
    ids=" ".join,
)
def test_quick_commands_load_neither_polars_nor_arrow(
    daily: World, arguments: tuple[str, ...]
) -> None:
    heavy = {"polars", "pyarrow", "duckdb", "numpy", "pandera", "dagster"}

    assert loaded(daily, *arguments) & heavy == set()


@pytest.mark.parametrize("arguments", [("export", "shop"), ("inspect", "shop"), ("plan", "shop")])
def test_no_command_loads_dagster(daily: World, arguments: tuple[str, ...]) -> None:
    names = loaded(daily, *arguments)

    assert "polars" in names
    assert "dagster" not in names


def test_an_export_of_a_plain_database_loads_only_what_it_needs(daily: World) -> None:
    unneeded = {
        *{"dagster", "pandera", "rich", "sqlalchemy", "pyrage"},
        *{"export_assets.cli.commands.watch", "export_assets.defs"},
        *{
            "export_assets.engine.bundles",
            "export_assets.engine.ingest",
            "export_assets.engine.logs",
        },
        *{"export_assets.engine.one_file", "export_assets.engine.sets.export"},
        *{"export_assets.sources.logs", "export_assets.systems.leadville.app_config"},
    }

    names = loaded(daily, "export", "shop", "--quiet")

    assert "export_assets.engine.run" in names
    assert names & unneeded == set()


def test_a_command_loads_no_other(daily: World) -> None:
    names = loaded(daily, "list")

    commands = {name for name in names if name.startswith("export_assets.cli.commands.")}
    assert commands == {"export_assets.cli.commands.listing"}


def test_without_a_project_no_source_is_looked_into(world: World) -> None:
    assert "export_assets.config.models" not in loaded(world, "list")


def test_nothing_that_speaks_of_a_source_is_overlooked(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    assert are_as_they_come(tmp_path, sources, environ={"HOME": "/", "EXPORT_ASSETS_HOME": "/"})

    for name in ("LEADVILLE_CONFIG", "DB_EXPORT_DIR", "export_assets_sources__shop__url"):
        assert not are_as_they_come(tmp_path, sources, environ={name: "x"})
    for name in ("sources", "dg.toml", "pyproject.toml"):
        (tmp_path / name).mkdir()
        assert not are_as_they_come(tmp_path, sources, environ={})
        (tmp_path / name).rmdir()


@pytest.mark.parametrize("name", builtin_files())
def test_no_system_comes_with_a_file_of_its_own(name: str, tmp_path: Path) -> None:
    project = load_project(tmp_path, environ={}, builtin={name: builtin_files()[name]})

    assert not has_own_files(project, {})


@pytest.mark.parametrize(("command", "said"), [("list", "__all__"), ("dev", None)])
def test_pydantic_looks_for_plugins_only_for_what_dev_starts(
    command: str, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "")  # so that it is as before afterwards
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS")

    assert main([command, "--no-such-option"]) == 2
    assert os.environ.get("PYDANTIC_DISABLE_PLUGINS") == said


def test_the_systems_found_as_files_are_the_systems_there_are() -> None:
    assert builtin_files() == {name: system.yaml for name, system in SYSTEMS.items()}


def test_the_reference_of_the_command_line_is_current() -> None:
    current = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")

    assert reference.page() == current


@pytest.mark.parametrize("command", ["export", "list", "verify", "demo"])
def test_help_explains_every_argument_and_option(world: World, command: str) -> None:
    done = world.run(command, "--help")

    assert done.code == 0
    assert "-h, --help" in done.out
    assert done.out.count("Arguments:") == (command != "demo")
