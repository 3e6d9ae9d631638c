"""One JSON document of several tables: `{"metadata": {…}, "<table>": [records], …}`.

Made of the finished JSON files of the tables, whose bytes it takes over as they are.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from export_assets.errors import UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.json import JsonFormat
from export_assets.formats.options import SUFFIXES, compression_of, level_of
from export_assets.formats.streams import TextSink, read_blocks

METADATA = "metadata"


def check_members(tables: Iterable[str], *, metadata: bool) -> None:
    """Refuse a table that would be taken for the document's metadata.

    Raises:
        UsageError: There is one.
    """
    if metadata and METADATA in tables:
        msg = f"{METADATA}: a table of this name and the document's metadata cannot be in one file"
        raise UsageError(msg)


def write_document(
    path: Path,
    tables: Mapping[str, Path],
    options: FormatOptions,
    *,
    metadata: Mapping[str, object] | None,
) -> None:
    """Create *path* out of the JSON files of *tables*, in their order, in bounded memory.

    Args:
        path: The document; nothing is there yet.
        tables: Finished files of the format `json` with its suffix, by table.
        options: Codec, level and layout of the document.
        metadata: The first member; None to leave it out.

    Raises:
        IntegrityError: A file is cut.
    """
    check_members(tables, metadata=metadata is not None)
    codec = compression_of("json", options, JsonFormat.compressions)
    sink = TextSink(path, codec=codec, level=level_of(options, codec))
    try:
        lead = b"{\n"
        if metadata is not None:
            sink.write(lead + _member(METADATA) + _encoded(metadata, pretty=options.pretty))
            lead = b",\n"
        for name, part in tables.items():
            sink.write(lead + _member(name))
            _copy(part, sink)
            lead = b",\n"
        sink.write(b"\n}\n" if lead == b",\n" else b"{}\n")
    except BaseException:
        sink.abort()
        raise
    sink.close()


def _copy(part: Path, sink: TextSink) -> None:
    """Append *part* without the line feed it ends with."""
    codec = next(codec for codec, ending in SUFFIXES.items() if part.suffix == (ending or ".json"))
    held = b""
    for block in read_blocks(part, codec=codec):
        sink.write(held)
        held = block
    sink.write(held.removesuffix(b"\n"))


def _member(name: str) -> bytes:
    return msgspec.json.encode(name) + b": "


def _encoded(value: Mapping[str, object], *, pretty: bool) -> bytes:
    data = msgspec.json.encode(value)
    return msgspec.json.format(data, indent=2) if pretty else data
