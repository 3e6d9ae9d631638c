"""From what was typed to what the engine is asked: dates, ranges, filters, format options."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from export_assets.cli.selection import SelectionOptions
from export_assets.config.commas import separated
from export_assets.config.dates import day_range
from export_assets.config.format_options import FormatOptionsConfig
from export_assets.config.urls import is_utf8
from export_assets.engine.computed import with_computed
from export_assets.engine.request import ExportRequest
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import UsageError
from export_assets.formats.base import Format, FormatOptions
from export_assets.formats.registry import resolve_formats
from export_assets.tables.partitions import TimePartitions, Window

_EVENTS = "events"
_EVERY = ("year", "month", "day", "hour")
# Values only the formats that know the option at all accept or react to.
_PROBES: Mapping[str, Sequence[object]] = {
    "profile": ("excel", "logged"),
    "delimiter": (";",),
    "pretty": (True,),
    "schema_header": (True,),
    "partition_by": ("date",),
}


def source_of(workspace: Workspace, options: SelectionOptions) -> ConfiguredSource:
    """Return the source asked for; relative paths typed start at the working directory.

    Raises:
        UsageError: There is no such source, or it has no computed columns.
    """
    url = options.source_url
    if options.log_dir is not None:
        if url is not None:
            msg = "--log-dir and --source: give one of them"
            raise UsageError(msg)
        url = str(Path.cwd() / options.log_dir.expanduser())
    source = source_named(workspace, options.source, url)
    for option, given in (
        ("--log-dir", options.log_dir), ("--pattern", options.pattern),
        ("--filter-events", options.filter_events), ("--no-raw-data", not options.raw_data),
    ):  # fmt: skip
        if given and source.config.kind != "event_log":
            msg = f"{option}: {source.name} is no source of event logs"
            raise UsageError(msg)
    if options.pattern:
        source = replace(source, only_logs=names_given("--pattern", options.pattern))
    return with_computed(source) if options.computed else source


def source_named(workspace: Workspace, name: str, url: str | None) -> ConfiguredSource:
    """Return the source called *name*, or made of that address; see `Workspace.source`.

    Raises:
        UsageError: There is no such source.
    """
    if not name.strip():
        msg = "SOURCE: is empty; name a configured source, or the path or URL of a database"
        raise UsageError(msg)
    if name not in workspace.project.sources and _is_directory(name):
        msg = f"{name}: is a directory; name a database file in it, or a configured source"
        raise UsageError(msg)
    return workspace.source(name, url=url, base=Path.cwd())


def request_of(
    options: SelectionOptions, source: ConfiguredSource, *, now: datetime
) -> ExportRequest:
    """Return the request that *options* stand for.

    Raises:
        UsageError: An option cannot be understood, or two cannot be combined.
    """
    start, end = day_range(options.start_date, options.end_date, now=now)
    if not options.metadata and not options.one_file:
        msg = "--no-metadata: means nothing without --one-file"
        raise UsageError(msg)
    formats = tuple(fmt.name for fmt in resolve_formats(names_given("--format", options.format)))
    fetches = source.system is not None and bool(source.system.steps())
    if options.fetch_latest and not fetches:
        msg = f"--fetch-latest: {source.name} has no upstream steps"
        raise UsageError(msg)
    return ExportRequest(
        tables=tables_named(options.tables),
        include=names_given("--include", options.include),
        exclude=names_given("--exclude", options.exclude),
        formats=formats,
        profile=set_profile(options, source),
        options=format_options(options, source, formats),
        window=Window(start=start, end=end),
        partitions=partition_keys(options.partition or ()),
        columns=names_given("--columns", options.columns),
        where=dict(condition(text) for text in options.where or ()),
        only=chosen_events(options, source),
        only_logs=source.only_logs,
        raw_data=options.raw_data,
        order_by=names_given("--order-by", options.order_by),
        limit=options.limit,
        offset=options.offset,
        output_dir=options.output_dir,
        export_dir=options.export_dir,
        one_file=options.one_file,
        document_metadata=options.metadata,
        overwrite=options.overwrite,
        full=options.full,
        fetch_latest=fetches if options.fetch_latest is None else options.fetch_latest,
        lock_timeout=options.lock_timeout,
    )


def chosen_events(
    options: SelectionOptions, source: ConfiguredSource
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the types of events asked for, as the values of a column by table.

    Raises:
        UsageError: No event has one of the names, or no table of events is exported.
    """
    if not options.raw_data and not source.config.log.payload:
        msg = f"--no-raw-data: log.payload of {source.name} names no members to leave out"
        raise UsageError(msg)
    if options.filter_events is None:
        return {}
    tables = tables_named(options.tables)
    if (tables and _EVENTS not in tables) or _EVENTS in names_given("--exclude", options.exclude):
        msg = f"--filter-events: chooses rows of the table {_EVENTS}, which is not exported"
        raise UsageError(msg)
    types: list[str] = []
    for name in names_given("--filter-events", options.filter_events):
        try:
            types += [name] if source.system is None else source.system.event_types(name)
        except UsageError as error:
            msg = f"--filter-events {error}"
            raise UsageError(msg) from error
    return {_EVENTS: {"event_type": tuple(dict.fromkeys(types))}}


def listed(texts: Iterable[str] | None) -> tuple[str, ...]:
    """Return the names in *texts*, each of which may hold several, separated by commas.

    A name that holds a comma is written in double quotes.
    """
    names = [name.strip() for text in texts or () for name in separated(text)]
    return tuple(dict.fromkeys(name for name in names if name))


def tables_named(texts: Iterable[str] | None) -> tuple[str, ...]:
    """Return the names in *texts* as `listed` does, none of which may stand for all tables.

    Raises:
        UsageError: One of *texts* holds no name.
    """
    return names_given("TABLE", texts, hint="for all tables")


def names_given(
    option: str, texts: Iterable[str] | None, *, hint: str = "for what holds without it"
) -> tuple[str, ...]:
    """Return the names in *texts*, what was typed for *option*, as `listed` does.

    Raises:
        UsageError: One of *texts* holds no name: an empty list is not the same as none.
    """
    given = list(texts or ())
    for text in given:
        if not listed([text]):
            msg = f"{option} {text!r}: is empty; leave it out {hint}"
            raise UsageError(msg)
    return listed(given)


def _is_directory(name: str) -> bool:
    try:
        return "\0" not in name and Path(name).is_dir()
    except OSError:
        return False  # too long for a name


def condition(text: str) -> tuple[str, str | None]:
    """Return column and value of `column=value`; the value of `column:null` is None.

    Raises:
        UsageError: *text* is neither.
    """
    if not is_utf8(text):
        msg = f"--where {text!r}: is not UTF-8 text"
        raise UsageError(msg)
    column, equals, value = text.partition("=")
    if equals and column:
        return column, value
    if not equals and text.casefold().endswith(":null") and len(text) > len(":null"):
        return text[: -len(":null")], None
    msg = f"--where {text!r}: expected column=value, or column:null"
    raise UsageError(msg)


def partition_keys(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the keys in *texts*, ranges `a..b` with every key from a to b.

    Raises:
        UsageError: The ends of a range are no keys of one kind, or in the wrong order.
    """
    keys: list[str] = []
    for text in texts:
        first, dots, last = text.partition("..")
        keys += _range(text, first.strip(), last.strip()) if dots else [text]
    return tuple(dict.fromkeys(keys))


def _range(text: str, first: str, last: str) -> list[str]:
    for every in _EVERY:
        try:
            keys = list(TimePartitions(column="", every=every).keys(first, last))  # type: ignore[arg-type]  # a literal
        except UsageError:
            continue
        if not keys:
            msg = f"--partition {text!r}: {first} is after {last}"
            raise UsageError(msg)
        return keys
    msg = f"--partition {text!r}: expected two keys of one kind, such as 2026-02-01..2026-02-28"
    raise UsageError(msg)


def format_options(
    options: SelectionOptions, source: ConfiguredSource, formats: Sequence[str]
) -> dict[str, FormatOptionsConfig]:
    """Return, by format, the options given that it can honour.

    Raises:
        UsageError: No format that is written can honour one of them.
    """
    config = source.config
    names = formats or [
        *config.formats,
        *(name for table in config.tables.values() for name in table.formats or ()),
    ]
    chosen: dict[str, FormatOptionsConfig] = {}
    for given in _given(options, source):
        honoured, refusal = False, None
        for fmt in resolve_formats(names):
            configured = config.format_options_of("*", fmt.name)  # type: ignore[arg-type]  # a registry name
            base = FormatOptions(
                **chosen.get(fmt.name, FormatOptionsConfig()).over(configured).given()
            )
            try:
                _check(fmt, base, given)
            except UsageError as error:
                refusal = refusal or error
                continue
            honoured = True
            chosen[fmt.name] = given.over(chosen.get(fmt.name, FormatOptionsConfig()))
        if not honoured and refusal is not None:
            raise refusal
    return chosen


def set_profile(options: SelectionOptions, source: ConfiguredSource) -> str:
    """Return the layout of the source's sets that `--profile` names, empty where it names none."""
    known = source.system.profiles() if source.system is not None else ()
    return options.profile if options.profile is not None and options.profile in known else ""


def _given(options: SelectionOptions, source: ConfiguredSource) -> list[FormatOptionsConfig]:
    """Return the format options typed, those that only make sense together as one."""
    codec: dict[str, object] = {
        "compression": options.compression,
        "compression_level": options.compression_level,
    }
    groups: tuple[dict[str, object], ...] = (
        codec,
        {"profile": None if set_profile(options, source) else options.profile},
        {"delimiter": options.delimiter},
        {"pretty": options.pretty},
        {"schema_header": options.schema_header},
        {"partition_by": options.partition_by},
    )
    made = []
    for group in groups:
        values = {name: value for name, value in group.items() if value is not None}
        if values:
            try:
                made.append(FormatOptionsConfig.model_validate(values))
            except ValidationError as error:
                problem = error.errors()[0]
                name = str(problem["loc"][0]).replace("_", "-")
                text = problem["msg"].removeprefix("Value error, ")
                text = text if text.startswith("CSV") else text[0].lower() + text[1:]
                msg = f"--{name} {values[str(problem['loc'][0])]!r}: {text}"
                raise UsageError(msg) from error
    return made


def _check(fmt: Format, base: FormatOptions, given: FormatOptionsConfig) -> None:
    """Refuse options that mean nothing to *fmt*.

    Raises:
        UsageError: They do.
    """
    for name in given.given():
        probes = _PROBES.get(name, ())
        if probes and not any(_changes(fmt, {name: probe}) for probe in probes):
            msg = f"{name}: means nothing for {fmt.name}"
            raise UsageError(msg)
    fmt.check_options(replace(base, **given.given()))


def _changes(fmt: Format, probe: Mapping[str, object]) -> bool:
    """Tell whether *fmt* writes anything else under the option *probe*, or does not know it.

    Raises:
        UsageError: It has no such option.
    """
    probed = replace(FormatOptions(), **probe)  # type: ignore[arg-type]  # by name
    try:
        fmt.check_options(probed)
    except UsageError:
        if probe.get("profile") is not None:
            return False
        raise
    return fmt.canonical(probed) != fmt.canonical(FormatOptions())
