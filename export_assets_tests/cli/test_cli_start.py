"""How fast commands start, and what they must not load for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from export_assets.cli import reference
from export_assets.systems.files import builtin_files
from export_assets.systems.registry import SYSTEMS
from export_assets_tests.end_to_end.world import World

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from export_assets.cli.app import main
code = main(sys.argv[1:])
print(sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
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
