"""The page docs/performance.md, made of benchmarks/measured.json.

python -m benchmarks.page            writes it
python -m benchmarks.page --check    writes nothing, exits 1 where the page is out of date
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks import logs, peer_tools
from benchmarks.growth import page as growth_page
from benchmarks.growth.record import KEY as GROWTH
from benchmarks.limits import WRITE
from benchmarks.measured import KEPT, Entry, read_entries
from benchmarks.promises import PROMISES, Promise
from benchmarks.report import MEGABYTE

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
NOT_MEASURED = "not measured"
HEAD = """\
<!-- Written by `python -m benchmarks.page` from benchmarks/measured.json; measure instead. -->
# Performance

How fast `export_assets` is, beside what people would use instead. `make bench` measures all of it
and writes this page's figures; `python -m benchmarks bench --rows 20000 --rounds 1` tries whether
it runs, and keeps its figures elsewhere.

## How it is measured

Every command is a fresh process, started with its files in the page cache and nothing left to write
to the disk. All contenders take turns within a round, and who begins changes from round to round,
so that whatever else the machine does meets all of them. Seconds are medians of the rounds, from
the start of the command to its end; a ratio is the median of the rounds' own ratios. Memory is the
most that all processes of a command held at once. Each tool has an environment of its own with
pinned wheels, and is used as its documentation says is fast.

Every contender's first output is read back by DuckDB and compared with the source: rows and a sum
of each column, of logs the sum of the numbers that events carry. That takes no part in the time.
`export-assets` besides compares every value with the snapshot while it publishes, writes manifests
and syncs to disk; that is in its time. Columns and tables that a tool adds are not looked at, and
neither is the order of rows.

"""
JOBS = {
    "sqlite": "A table of SQLite, {rows} rows of ten columns",
    "large": "A large table of SQLite, {rows} rows",
    "postgres": "A table of PostgreSQL, {rows} rows, by TCP on the same machine",
    "logs": "A log of {rows} lines of JSON",
    "log-growth": "A large log of {rows} lines of JSON",
    "aggregation": "Runs of {rows} events",
    "backfill": "365 days through Dagster, {rows} rows",
    "ticks": "A sensor's tick when nothing changed",
    "start": "The start of the command line",
}
LIMITS = """\
## The limits, and what bounds each job

What the bytes alone take, measured in the same rounds: reading the file out of the page cache,
looking at every value in SQLite by one thread, taking every row off PostgreSQL's connection,
writing as many bytes as the export has and syncing them. No way of doing the job is faster than
the slowest of these that it needs, unless it does them by several threads.
How many processors a job keeps busy is the processor time of all its processes to its seconds.
What was tried, and what bounds the bars that are not met, is in
[0044](decisions/0044-lines-alike-are-proven-by-writing-them-again.md),
[0046](decisions/0046-syncs-are-shared.md) and
[0047](decisions/0047-what-was-tried-for-speed.md).

"""


def page(entries: Mapping[str, Entry]) -> str:
    """Return the page: of every job here that has an entry, and how cost grows."""
    grown = _growth(entries.get(GROWTH))
    entries = {name: entries[name] for name in JOBS if name in entries}
    lines = [*_bars(entries), *_tables(entries), *_limits(entries), *grown, *_notes(entries)]
    return HEAD + "\n".join(lines) + "\n"


def _bars(entries: Mapping[str, Entry]) -> list[str]:
    lines = ["## The bars", "", "| job | bar | measured | |", "|---|---|---|---|"]
    for name, promise in PROMISES.items():
        lines.append(_row(promise.job, promise.bar, *_judged(name, promise, entries)))
    return [*lines, ""]


def _judged(name: str, promise: Promise, entries: Mapping[str, Entry]) -> tuple[str, str]:
    """Return the worst figure that judges a promise, and the verdict."""
    entry = entries.get(promise.measured_by, {})
    found = [bar for bar in entry.get("bars", ()) if bar["promise"] == name]
    if not found:
        return NOT_MEASURED, ""
    worst = max(found, key=lambda bar: bar["measured"] / bar["limit"])
    unit = f" {worst['unit']}" if worst["unit"] else " x"
    return _figure(worst["measured"]) + unit, "met" if worst["met"] else "**NOT met**"


def _tables(entries: Mapping[str, Entry]) -> list[str]:
    lines = ["## Job by job", ""]
    for name, title in JOBS.items():
        entry = entries.get(name)
        rows = f"{entry['rows']:,}" if entry else "many"
        lines += [f"### {title.format(rows=rows)}", ""]
        if entry is None:
            lines += [f"{NOT_MEASURED.capitalize()}: `python -m benchmarks {name}`.", ""]
            continue
        rounds = f"{entry['rounds']} round{'s' if entry['rounds'] > 1 else ''}"
        lines += [f"On {entry['on']}, {rounds}, {entry['machine']}.", ""]
        lines += _tools(entry) + _parts(entry) + _left_out(entry)
    return lines


def _tools(entry: Entry) -> list[str]:
    tools = [tool for tool in entry["tools"] if tool["role"] != "limit"]
    if not tools:
        return []
    lines = ["| job | tool | seconds | to the best peer | MB at most | MB written | output |"]
    lines.append("|---|---|---:|---:|---:|---:|---|")
    for tool in tools:
        named = f"**{tool['tool']}**" if tool["role"] == "ours" else tool["tool"]
        job = tool["job"].replace("+", " + ")
        if "failure" in tool:
            lines.append(_row(job, named, "", "", "", "", f"failed: {_plain(tool['failure'])}"))
            continue
        best = tool["to_best"]
        ratio = "" if best is None else f"{_figure(best)} x"
        memory, written = (f"{tool[name] / MEGABYTE:,.0f}" for name in ("peak", "bytes"))
        seconds = _figure(tool["wall"])
        lines.append(_row(job, named, seconds, ratio, memory, written, tool["output"]))
    return [*lines, ""]


def _parts(entry: Entry) -> list[str]:
    if not entry["parts"]:
        return []
    lines = ["| part | seconds |", "|---|---:|"]
    lines += [_row(part["name"], _figure(part["seconds"])) for part in entry["parts"]]
    return [*lines, ""]


def _left_out(entry: Entry) -> list[str]:
    lines = [f"- Left out: {_plain(reason)}" for reason in entry["left_out"].values()]
    return [*lines, ""] if lines else []


def _limits(entries: Mapping[str, Entry]) -> list[str]:
    lines = [_row("source", "job", "limits", "ours", "to the slowest", "what bounds it")]
    lines.append("|---|---|---|---:|---:|---|")
    for name, entry in entries.items():
        start = _start_seconds(entries)
        for mine in entry["tools"]:
            found = {
                tool["tool"]: tool["wall"]
                for tool in entry["tools"]
                if tool["role"] == "limit" and tool["job"] == mine["job"] and "wall" in tool
            }
            if mine["tool"] != "export-assets" or "failure" in mine or not found:
                continue
            told = ", ".join(f"{limit} {_figure(seconds)} s" for limit, seconds in found.items())
            times = f"{_figure(mine['wall'] / max(found.values()))} x"
            job, seconds = mine["job"].replace("+", " + "), f"{_figure(mine['wall'])} s"
            lines.append(_row(name, job, told, seconds, times, bound(mine, found, start=start)))
    if len(lines) == 2:
        lines = [f"{NOT_MEASURED.capitalize()}."]
    return [LIMITS.rstrip(), "", *lines, ""]


def _growth(entry: Entry | None) -> list[str]:
    head = ["## How cost grows", ""]
    if entry is None:
        return [*head, f"{NOT_MEASURED.capitalize()}: `python -m benchmarks growth-curves`.", ""]
    return [*head, *growth_page.section(entry)]


def _start_seconds(entries: Mapping[str, Entry]) -> float:
    """Return what the start of the command line takes, 0 where it was not measured."""
    tools = entries.get("start", {}).get("tools", ())
    return max((float(tool["wall"]) for tool in tools if "wall" in tool), default=0.0)


def bound(ours: Entry, limits: Mapping[str, float], *, start: float) -> str:
    """Return what takes most of a job: the start, the disk, the processors, or waiting."""
    wall, busy = ours["wall"], ours["cpu"] / ours["wall"]
    told = f"{_figure(busy)} processors busy"
    if start > wall / 2:
        return f"starting up; {told}"
    if limits.get(WRITE, 0.0) > wall / 2:
        return f"the disk; {told}"
    if busy >= 1.5:
        return f"several processors; {told}"
    return f"one processor; {told}" if busy >= 0.75 else f"waiting; {told}"


def _notes(entries: Mapping[str, Entry]) -> list[str]:
    lines = ["## What each leaves out", "", "| tool | version | |", "|---|---|---|"]
    for name, note in peer_tools.NOTES.items():
        lines.append(_row(name, ", ".join(_versions(name, entries.values())) or "-", note))
    lines += ["", "Of logs:", "", "| tool | version | |", "|---|---|---|"]
    of_logs = [entries["logs"]] if "logs" in entries else []
    for name, note in logs.NOTES.items():
        lines.append(_row(name, ", ".join(_versions(name, of_logs)) or "-", note))
    return lines


def _versions(tool: str, entries: Iterable[Entry]) -> list[str]:
    found = [one["version"] for entry in entries for one in entry["tools"] if one["tool"] == tool]
    return [version for version in dict.fromkeys(found) if version]


def _figure(value: float) -> str:
    """Return three digits of *value*, and no more than two behind the point from 0.1 on."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def _row(*cells: str) -> str:
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|"


def _plain(text: str) -> str:
    """Return *text* as one line that leaves tables and links alone."""
    return " ".join(text.split()).replace("|", "\\|").replace("[", "\\[").replace("<", "\\<")


def main(arguments: list[str]) -> int:
    """Write or check the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--measured", type=Path, default=KEPT, help="other figures, for trying")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    text = page(read_entries(options.measured))
    if not options.check:
        options.page.write_text(text, encoding="utf-8")
        return 0
    if not options.page.is_file() or options.page.read_text(encoding="utf-8") != text:
        print(f"{options.page.name}: out of date, run make docs")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
