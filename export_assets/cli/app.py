"""The command line: every command, and the one place a process of it starts and ends.

Only the command that is asked for is imported, and that imports what it needs when it runs, so
that `list` and `validate` start fast.
"""

import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import click
import typer
from click.exceptions import ClickException, NoArgsIsHelpError

from export_assets.cli.limits import (
    collect_rarely,
    give_memory_back,
    leave_plugins_out,
    let_go_of_imported,
)
from export_assets.cli.options import explain
from export_assets.cli.output import Output
from export_assets.cli.signals import termination_raises
from export_assets.cli.streams import open_standard_streams
from export_assets.errors import UsageError

_TWICE = re.compile(r"( Did you mean [^?]+\?)\1")

COMMANDS = {
    "export": "export",
    "bundle": "bundle",
    "init": "init",
    "inspect": "inspect",
    "plan": "plan",
    "list": "listing",
    "query": "query",
    "verify": "verify",
    "repair": "repair",
    "archive": "archive",
    "offload": "offload",
    "restore": "restore",
    "validate": "validate",
    "prune": "prune",
    "watch": "watch",
    "notify": "notify",
    "demo": "demo",
    "dev": "dev",
    "dump-db": "dump_db",
}
"""The module of every command in `export_assets.cli.commands`, in the order of the help."""


def _version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        from importlib.metadata import version

        typer.echo(f"export-assets {version('export-assets')}")
        raise typer.Exit


def _program(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Operational data as open files: complete, checked, by day, with a history."""
    del version


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in *arguments*, those of the process by default; return its exit code."""
    collect_rarely()
    try:
        return code_of(sys.argv[1:] if arguments is None else arguments)
    finally:
        let_go_of_imported()


def code_of(given: Sequence[str]) -> int:
    """Run the command in *given*; return its exit code."""
    give_memory_back()
    if given[:1] != ["dev"]:  # What it starts inherits the environment, and may want its plugins.
        leave_plugins_out()
    open_standard_streams()
    output = Output(json="--json" in given)
    with termination_raises():
        return output.guard(lambda: _parsed(list(given)))


def program(only: str | None = None) -> click.Command:
    """Return every command as Click runs it, or the one called *only* where there is such a one.

    Importing and parsing all of them takes longer than `list` does by itself.
    """
    app = typer.Typer(
        name="export-assets",
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_program)
    for name in [only] if only in COMMANDS else COMMANDS:
        import_module(f"export_assets.cli.commands.{COMMANDS[name]}").register(app)
    return explain(typer.main.get_command(app))


def _parsed(arguments: list[str]) -> int:
    try:
        code = program(arguments[0] if arguments else None)(
            arguments, prog_name="export-assets", standalone_mode=False
        )
    except NoArgsIsHelpError as error:
        typer.echo(error.format_message())
        return error.exit_code
    except ClickException as error:
        message = " ".join(error.format_message().split())
        # Typer and Click 8.5 each add the same suggestion.
        raise UsageError(_TWICE.sub(r"\1", message)) from error
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
