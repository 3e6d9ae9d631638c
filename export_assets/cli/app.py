"""The command line: every command, and the one place a process of it starts and ends.

Commands import what they need when they run, so that `--help`, `list` and `validate` start fast.
"""

import re
import sys
from collections.abc import Sequence
from typing import Annotated

import click
import typer
from click.exceptions import ClickException, NoArgsIsHelpError

from export_assets.cli.commands import (
    archive,
    bundle,
    demo,
    dev,
    dump_db,
    export,
    init,
    inspect,
    listing,
    notify,
    offload,
    plan,
    prune,
    query,
    repair,
    restore,
    validate,
    verify,
    watch,
)
from export_assets.cli.limits import collect_rarely, give_memory_back
from export_assets.cli.options import explain
from export_assets.cli.output import Output
from export_assets.cli.signals import termination_raises
from export_assets.cli.streams import open_standard_streams
from export_assets.errors import UsageError

_TWICE = re.compile(r"( Did you mean [^?]+\?)\1")

app = typer.Typer(
    name="export-assets",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        from importlib.metadata import version

        typer.echo(f"export-assets {version('export-assets')}")
        raise typer.Exit


@app.callback()
def _program(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Operational data as open files: complete, checked, by day, with a history."""
    del version


for module in (
    export,
    bundle,
    init,
    inspect,
    plan,
    listing,
    query,
    verify,
    repair,
    archive,
    offload,
    restore,
    validate,
    prune,
    watch,
    notify,
    demo,
    dev,
    dump_db,
):
    module.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in *arguments*, those of the process by default; return its exit code."""
    collect_rarely()
    give_memory_back()
    open_standard_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    output = Output(json="--json" in given)
    with termination_raises():
        return output.guard(lambda: _parsed(given))


def program() -> click.Command:
    """Return every command as Click runs it."""
    return explain(typer.main.get_command(app))


def _parsed(arguments: list[str]) -> int:
    try:
        code = program()(arguments, prog_name="export-assets", standalone_mode=False)
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
