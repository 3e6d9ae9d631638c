"""One JSON document of several tables: `{"metadata": {…}, "<table>": [records], …}`.

Made of the finished JSON files of the tables, whose bytes it takes over as they are.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from export_assets.errors import IntegrityError
from export_assets.formats.base import FormatOptions
from export_assets.formats.joining import Joiner, Origin, Part, Parts
from export_assets.formats.json import JsonFormat
from export_assets.formats.options import SUFFIXES, compression_of, level_of
from export_assets.formats.streams import TextSink, read_blocks

METADATA: Final = "metadata"


class DocumentJoiner(Joiner):
    """Makes one JSON document of several JSON files."""

    about = METADATA

    def join(
        self, path: Path, parts: Parts, options: FormatOptions, *, origin: Origin | None
    ) -> None:
        """Create *path*; see `Joiner.join`."""
        codec = compression_of("json", options, JsonFormat.compressions)
        sink = TextSink(path, codec=codec, level=level_of(options, codec))
        try:
            for data in _document(parts, options, origin):
                sink.write(data)
        except BaseException:
            sink.abort()
            raise
        sink.close()

    def prove(
        self, path: Path, parts: Parts, options: FormatOptions, *, origin: Origin | None
    ) -> None:
        """Compare every byte with those of the parts, which are proven; see `Joiner.prove`."""
        codec = compression_of("json", options, JsonFormat.compressions)
        expected = _document(parts, options, origin)
        held = b""
        for block in read_blocks(path, codec=codec):
            while len(held) < len(block) and (more := next(expected, None)) is not None:
                held += more
            if not held.startswith(block):
                break
            held = held[len(block) :]
        else:
            if not held and next(expected, None) is None:
                return
        msg = f"{path.name}: the document is not what its tables are"
        raise IntegrityError(msg)


def _document(parts: Parts, options: FormatOptions, origin: Origin | None) -> Iterator[bytes]:
    lead = b"{\n"
    if origin is not None:
        yield lead + _member(METADATA) + _metadata(parts, origin, pretty=options.pretty)
        lead = b",\n"
    for name, part in parts.items():
        yield lead + _member(name)
        yield from _content(part)
        lead = b",\n"
    yield b"\n}\n" if lead == b",\n" else b"{}\n"


def _content(part: Part) -> Iterator[bytes]:
    """Yield the content of *part* without the line feed it ends with."""
    endings = {ending or ".json": codec for codec, ending in SUFFIXES.items()}
    held = b""
    for block in read_blocks(part.path, codec=endings[part.path.suffix]):
        yield held
        held = block
    yield held.removesuffix(b"\n")


def _member(name: str) -> bytes:
    return msgspec.json.encode(name) + b": "


def _metadata(parts: Parts, origin: Origin, *, pretty: bool) -> bytes:
    counts = {name: part.digest.rows for name, part in parts.items()}
    data = msgspec.json.encode(
        {
            "source": origin.source,
            "exported_at": origin.exported_at.isoformat(),
            "tables": list(counts),
            "record_counts": counts,
            "total_records": sum(counts.values()),
        }
    )
    return msgspec.json.format(data, indent=2) if pretty else data
