"""What a person asked of a file, checked and brought to one normal form."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from export_assets.errors import UsageError
from export_assets.formats.base import FormatOptions

ALIASES = {"gz": "gzip", "zst": "zstd", "uncompressed": "none"}
SUFFIXES = {"none": "", "gzip": ".gz", "zstd": ".zst"}
"""File name endings of compressed text formats, by codec."""

_LEVELS = {"gzip": (1, 9, 6), "zstd": (1, 22, 3), "brotli": (1, 11, 4)}
"""Lowest, highest and default level of the codecs that have one."""


def compression_of(name: str, options: FormatOptions, accepted: Sequence[str]) -> str:
    """Return the codec *options* ask of format *name*, aliases resolved, the default filled in.

    Raises:
        UsageError: The format does not know the codec.
    """
    wanted = (options.compression or accepted[0]).lower()
    codec = ALIASES.get(wanted, wanted)
    if codec not in accepted:
        choice = ", ".join(accepted)
        msg = f"compression: {name} does not know {options.compression!r}; choose one of {choice}"
        raise UsageError(msg)
    return codec


def level_of(
    options: FormatOptions, codec: str, *, defaults: Mapping[str, int] | None = None
) -> int | None:
    """Return the compression level for *codec*, None where it has none.

    *defaults* are levels of codecs that nobody chose, where they are others than usual.

    Raises:
        UsageError: The level is out of the codec's range, or the codec has no levels.
    """
    if codec not in _LEVELS:
        if options.compression_level is not None:
            choice = ", ".join(_LEVELS)
            msg = f"compression_level: {codec} has no levels; only {choice} have"
            raise UsageError(msg)
        return None
    low, high, default = _LEVELS[codec]
    level = options.compression_level
    if level is None:
        level = (defaults or {}).get(codec, default)
    if not low <= level <= high:
        msg = f"compression_level: {level} is not a level of {codec}; choose {low} to {high}"
        raise UsageError(msg)
    return level


def refuse_delimiter(name: str, options: FormatOptions) -> None:
    """Refuse a delimiter for format *name*, which has none.

    Raises:
        UsageError: A delimiter was given.
    """
    if options.delimiter is not None:
        msg = f"delimiter: {name} has no delimiter; only csv takes one"
        raise UsageError(msg)


def refuse_pretty(name: str, options: FormatOptions) -> None:
    """Refuse pretty printing for format *name*, which has one layout.

    Raises:
        UsageError: Pretty printing was asked for.
    """
    if options.pretty:
        msg = f"pretty: {name} has one layout; only json can be pretty"
        raise UsageError(msg)


def refuse_line_shapes(name: str, options: FormatOptions) -> None:
    """Refuse for format *name* what only lines of JSON objects can be like.

    Raises:
        UsageError: Such an option was given.
    """
    given = {
        "profile logged": options.profile == "logged",
        "schema_header": bool(options.schema_header),
        "schema_version": options.schema_version is not None,
        "members_of": options.members_of is not None,
        "stamps": bool(options.stamps),
        "as_of": options.as_of is not None,
        "fields": bool(options.fields),
    }
    for option, chosen in given.items():
        if chosen:
            msg = f"{option}: means nothing for {name}; only ndjson knows it"
            raise UsageError(msg)


def refuse_directories(name: str, options: FormatOptions) -> None:
    """Refuse directories by value for format *name*.

    Raises:
        UsageError: They were asked for.
    """
    if options.partition_by is not None:
        msg = f"partition_by: {name} has one file a part; only parquet has directories by value"
        raise UsageError(msg)


def normal_form(codec: str, level: int | None) -> FormatOptions:
    """Return options that say nothing but the codec and its level."""
    return replace(FormatOptions(), compression=codec, compression_level=level)


def check_plain(name: str, options: FormatOptions) -> None:
    """Refuse for format *name*, whose files are of one kind, whatever belongs to others.

    Raises:
        UsageError: Something was chosen.
    """
    level_of(options, compression_of(name, options, ("none",)))
    refuse_line_shapes(name, options)
    refuse_directories(name, options)
    refuse_delimiter(name, options)
    refuse_pretty(name, options)
