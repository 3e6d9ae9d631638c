"""The commands that the README shows do what it shows."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from export_assets.systems.tandem.sample import make_sample

README = Path(__file__).parents[1] / "README.md"

# Sizes, times and paths differ from machine to machine and from run to run.
_STATUS = re.compile(r"(\w+)\s+(parquet|csv|ndjson|json)\s+(\S.*?)\s{2,}(\w+)\s")


def look() -> list[tuple[str, list[str]]]:
    """The commands of the section "A look", each with the lines printed below it."""
    text = README.read_text(encoding="utf-8")
    block = text.split("```console\n", 1)[1].split("```", 1)[0]
    found: list[tuple[str, list[str]]] = []
    for line in filter(None, block.splitlines()):
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            found[-1][1].append(line)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("create table orders(id integer primary key, total real)")
        connection.execute("create table customers(id integer primary key, name text)")
        connection.executemany("insert into orders values (?, ?)", [(n, n / 4) for n in range(9)])
        connection.execute("insert into customers values (1, 'Ann')")
    make_sample(tmp_path / "data/tandem/tandem.duckdb", days=3, start=date(2026, 7, 31))
    return tmp_path


def run(command: str, home: Path) -> "subprocess.CompletedProcess[str]":
    program, *arguments = command.split()
    if program == "export-assets":
        arguments = [sys.executable, "-m", "export_assets.cli.process", *arguments]
    else:
        arguments = [program, *arguments]
    return subprocess.run(
        arguments, cwd=home, capture_output=True, text=True, timeout=120, check=False
    )


def statuses(lines: list[str]) -> list[tuple[str, ...]]:
    return [match.groups() for line in lines if (match := _STATUS.match(line))]


def test_every_command_shown_ends_and_prints_as_shown(project: Path) -> None:
    run("export-assets export tandem --format csv --no-fetch", project)

    for command, shown in look():
        if "demo" in command or "verify" in command:
            continue  # these speak of the whole demo, which has tests of its own
        done = run(command, project)
        printed = (done.stdout + done.stderr).splitlines()

        if shown[0].startswith("error: "):
            assert (done.returncode, printed) == (2, shown)
        elif command.startswith("ls"):
            assert printed == shown[0].split()
        else:
            assert done.returncode in {0, 3}, command
            assert statuses(printed) == statuses(shown), command


def test_the_table_of_commands_names_every_command() -> None:
    text = README.read_text(encoding="utf-8")
    names = re.findall(r"^\| `export-assets ([\w-]+)", text, re.MULTILINE)
    listed = {name.replace("-", "_") for name in names}
    commands = Path(__file__).parents[1] / "export_assets/cli/commands"

    there = {path.stem for path in commands.glob("*.py")} - {"__init__", "listing"} | {"list"}

    assert listed == there
