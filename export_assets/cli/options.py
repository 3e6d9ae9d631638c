"""What every command accepts, and how a command is made of its options and a function."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import click
import typer
from typer.core import TyperArgument, TyperCommand
from typer.models import ArgumentInfo

from export_assets.cli.output import Output


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """Options of every command."""

    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of text.")
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say more; with a bug, show its traceback.")
    ] = False
    home: Annotated[
        Path | None,
        typer.Option(
            help="Directory of the project; EXPORT_ASSETS_HOME or the working directory "
            "where not given.",
            show_default=False,
        ),
    ] = None


COMMON = frozenset(field.name for field in fields(CommonOptions))
"""Names of the options every command has."""

Chosen = TypeVar("Chosen", bound=CommonOptions)
Function = Callable[[Output, Chosen], int]


def command(
    app: typer.Typer, name: str, options: type[Chosen]
) -> Callable[[Function[Chosen]], Function[Chosen]]:
    """Make the decorated function the command *name* of *app*, taking what *options* declares.

    The function returns the exit code; its docstring is the help text.
    """

    def register(function: Function[Chosen]) -> Function[Chosen]:
        def run(**values: Any) -> int:  # noqa: ANN401 - as Typer parsed them
            chosen = options(**values)
            output = Output(json=chosen.json, quiet=chosen.quiet, verbose=chosen.verbose)
            return output.guard(lambda: function(output, chosen))

        hints = get_type_hints(options, include_extras=True)
        run.__annotations__ = hints
        run.__doc__ = function.__doc__
        run.argument_help = _argument_help(hints)  # type: ignore[attr-defined]  # for `explain`
        run.__signature__ = _signature(options, hints)  # type: ignore[attr-defined]  # read by Typer
        app.command(name, cls=_Command)(run)
        return function

    return register


class _Command(TyperCommand):
    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print nothing: Typer lists arguments with the options, Click 8.5 would once more."""


def explain(group: click.Command) -> click.Command:
    """Return *group* with the help of every argument, which Click 8.5 takes from Typer 0.25."""
    for one in group.commands.values() if isinstance(group, click.Group) else ():
        known = getattr(one.callback, "argument_help", {})
        for parameter in one.params:
            if isinstance(parameter, TyperArgument) and parameter.name in known:
                parameter.help = known[parameter.name]
    return group


def _argument_help(hints: dict[str, Any]) -> dict[str, str]:
    """Return what each argument says of itself, by name."""
    declared = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {
        name: info.help
        for name, infos in declared.items()
        for info in infos
        if isinstance(info, ArgumentInfo) and info.help
    }


def _signature(options: type[CommonOptions], hints: dict[str, Any]) -> inspect.Signature:
    """Return one parameter per field, the command's own before the common ones."""
    declared = sorted(fields(options), key=lambda field: field.name in COMMON)
    return inspect.Signature(
        [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.default is MISSING else field.default,
                annotation=hints[field.name],
            )
            for field in declared
        ]
    )
