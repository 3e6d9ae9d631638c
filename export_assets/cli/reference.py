"""The page of the reference about the command line, written from the commands themselves.

python -m export_assets.cli.reference            write docs/reference/cli.md
python -m export_assets.cli.reference --check    fail where it is not current
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from export_assets.cli.app import program
from export_assets.cli.options import COMMON

PAGE = Path("docs/reference/cli.md")

_HEAD = """\
<!-- Written by `make docs` from the commands; edit them instead. -->
# Command line

`export-assets COMMAND --help` prints the same. Names may be repeated or separated by commas; a name
that holds a comma is written in double quotes. Days are inclusive and in UTC: `YYYY-MM-DD`,
`today`, `yesterday` or `T-<days>d`. Results go to stdout, problems and progress to stderr; exit
codes are those of [errors.md](errors.md). A path given on the command line starts at the working
directory, one in a file at the project's home.
"""


def page() -> str:
    """Return the page as Markdown."""
    group = program()
    context = click.Context(group, info_name="export-assets")
    commands = group.commands if isinstance(group, click.Group) else {}
    first = next(iter(commands.values()))
    common = [one for one in first.params if one.name in COMMON]
    parts = [_HEAD, "## Every command\n", _options(common)]
    for name, command in commands.items():
        parts += _section(name, command, click.Context(command, parent=context, info_name=name))
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or with `--check` compare it; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the reference of the command line.")
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    options = parser.parse_args(arguments)
    current = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else None
    if current == page():
        return 0
    if options.check:
        sys.stderr.write(f"{PAGE}: not current, run `make docs`\n")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def _section(name: str, command: click.Command, context: click.Context) -> Iterator[str]:
    own = [one for one in command.params if one.name not in COMMON and one.name != "help"]
    arguments = [one for one in own if isinstance(one, click.Argument)]
    options = [one for one in own if isinstance(one, click.Option)]
    usage = " ".join(one.make_metavar(context) for one in arguments)
    yield f"## {name}\n"
    yield f"```text\nexport-assets {name}{f' {usage}' if usage else ''} [OPTIONS]\n```\n"
    yield f"{command.help}\n"
    if arguments:
        yield "| argument | meaning |\n|---|---|"
        rows = [(one.make_metavar(context), getattr(one, "help", None) or "") for one in arguments]
        yield "\n".join(f"| `{shown}` | {_cell(text)} |" for shown, text in rows) + "\n"
    if options:
        yield _options(options)


def _options(options: Sequence[click.Parameter]) -> str:
    lines = ["| option | meaning |", "|---|---|"]
    for one in options:
        names = ", ".join(f"`{name}`" for name in sorted(one.opts, key=len, reverse=True))
        names += "".join(f" / `{name}`" for name in one.secondary_opts)
        flag = isinstance(one, click.Option) and one.is_flag
        value = "" if flag else f" {one.metavar or one.type.name.upper()}"
        default = "" if flag or one.default in (None, ()) else f" Default: {one.default}."
        help_text = getattr(one, "help", None) or ""
        lines.append(f"| {names}{value} | {_cell(help_text)}{default} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    raise SystemExit(main())
