"""Pages whose commands are run: every block of a page in one shell, in a project of its own.

A page opts in with `<!-- tested -->` on its first line. Then

- each `sh` block is run, and must succeed;
- each `console` block is run command by command (`$ …`), and must print the lines shown in that
  order, whatever their figures and spaces; `…` stands for anything, alone for any lines;
- a block of any kind below `<!-- file: PATH -->` is written to that file instead, before what
  follows runs; below `<!-- added to: PATH -->` it is appended to it;
- a block below `<!-- not run: REASON -->` is left alone;
- `<!-- first: COMMAND -->`, on a line of its own with an empty one below, is run unseen: what the
  page takes for granted.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MARK = "<!-- tested -->"
_BLOCK = re.compile(
    r"^<!-- first: (?P<first>[^\n]*) -->\n\n|"
    r"(?:^<!-- (?P<marker>[^\n]*?) -->\n)?^```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^```$",
    re.M | re.S,
)
_FIGURES = re.compile(r"\d[\d,.]*( ?(?:B|kB|MB|GB|s)\b)?")
_SEPARATOR = "\x1e"


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something a page tells its reader to run, and the lines it is shown to print."""

    text: str
    line: int
    """Where it stands in the page."""
    shown: tuple[str, ...] | None = None
    """None where the page shows nothing."""


def pages_that_opted_in(*roots: Path) -> list[Path]:
    """Return the pages below *roots* that opted in."""
    pages = sorted({page for root in roots for page in root.glob("*.md")})
    return [page for page in pages if page.read_text(encoding="utf-8").startswith(MARK)]


def commands_of(page: Path) -> list[Command]:
    """Return what is to be run of *page*, in its order.

    Raises:
        ValueError: A marker is none of those there are, or lacks its reason.
    """
    text = page.read_text(encoding="utf-8").replace(MARK, "", 1)
    return [
        command
        for block in _BLOCK.finditer(text)
        for command in _commands(block, text.count("\n", 0, _start(block)) + 1)
    ]


def _start(block: re.Match[str]) -> int:
    return block.start() if block["first"] else block.start("kind")


def _commands(block: re.Match[str], line: int) -> Iterator[Command]:
    if block["first"]:
        yield Command(text=block["first"], line=line)
        return
    marker, kind, text = block["marker"] or "", block["kind"], block["text"]
    name, _, rest = marker.partition(": ")
    if name in {"file", "added to"} and rest:
        path = shlex.quote(rest)
        into = ">" if name == "file" else ">>"
        folder = shlex.quote(str(Path(rest).parent))
        yield Command(
            text=f"mkdir -p {folder} && cat {into} {path} <<'END_OF_BLOCK'\n{text}END_OF_BLOCK",
            line=line,
        )
    elif marker and not (name == "not run" and rest):
        msg = f"line {line}: {marker!r} is no marker of a block, or gives no reason"
        raise ValueError(msg)
    elif not marker and kind == "sh":
        yield Command(text=text, line=line)
    elif not marker and kind == "console":
        yield from _console(text, line)


def _console(text: str, line: int) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        while command.endswith("\\") and shown:
            command += f"\n{shown.pop(0)}"
        yield Command(text=command, line=line, shown=tuple(filter(None, shown)))


def run_page(page: Path, project: Path, environment: Mapping[str, str]) -> list[str]:
    """Run *page* in the directory *project*; return a line for each thing that went wrong."""
    commands = commands_of(page)
    steps = [f"printf '{_SEPARATOR}'\n{one.text}" for one in commands]
    # What succeeds with warnings ends with 3, which a page may say of its command.
    done = subprocess.run(
        ["bash", "-eu", "-c", "exec 2>&1\n" + "\n".join(steps)],
        cwd=project,
        env=dict(environment),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    printed = done.stdout.split(_SEPARATOR)[1:]
    wrong = [
        f"{page.name}:{one.line}: {one.text.strip()}: does not print {line!r} but\n{out}"
        for one, out in zip(commands, printed, strict=False)
        for line in _missing(one.shown or (), out.splitlines())
    ]
    if done.returncode:
        failed = commands[len(printed) - 1]
        wrong.append(f"{page.name}:{failed.line}: exit {done.returncode}: {printed[-1]}")
    return wrong


def _missing(shown: tuple[str, ...], printed: list[str]) -> list[str]:
    """Return the first line shown that is not printed after those before it."""
    left = iter([_likeness(line) for line in printed])
    for line in shown:
        parts = [re.escape(part) for part in _likeness(line).split("…")]
        like = re.compile(".*".join(parts))
        if line != "…" and not any(like.fullmatch(one) for one in left):
            return [line]
    return []


def _likeness(line: str) -> str:
    """Return *line* without what differs from machine to machine and run to run."""
    return " ".join(_FIGURES.sub("#", re.sub(r"(?:\s|^)/\S+", " PATH", line)).split())
