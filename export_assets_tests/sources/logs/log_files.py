"""Log files made for the tests, and how they are read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export_assets.sources.logs.framing import Framer, Unread, lines_of
from export_assets.sources.logs.judge import judge_lines
from export_assets.sources.logs.quarantine import Quarantined
from export_assets.sources.logs.reading import Account, Judge, LogFile, LogReader
from export_assets.sources.logs.streams import Stream, open_stream

Framed = list[tuple[int, int, bytes | str]]


@contextmanager
def opened(path: Path, *, start: int = 0, end: int | None = None) -> Iterator[Stream]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(descriptor).st_size
        yield open_stream(descriptor, start=start, end=size if end is None else end)
    finally:
        os.close(descriptor)


def frame(
    path: Path, *, block: int = 1 << 20, longest: int = 1 << 20, sealed: bool = False
) -> tuple[Framed, Framer]:
    """Frame a file: offset, length and content, or the reason why there is none; the framer."""
    with opened(path) as stream:
        framer = Framer(stream, block_bytes=block, max_line_bytes=longest, sealed=sealed)
        found: Framed = [
            (offset, length, content.reason if isinstance(content, Unread) else content)
            for offset, length, content in lines_of(framer)
        ]
    return found, framer


def read(
    path: Path, *, judge: Judge = judge_lines, block: int = 1 << 20, longest: int = 1 << 20
) -> tuple[list[object], list[Quarantined], Account]:
    with opened(path) as stream:
        reader = LogReader(
            stream,
            LogFile(name=path.name, identity="id"),
            judge=judge,
            block_bytes=block,
            max_line_bytes=longest,
        )
        records = [record for batch in reader for record in batch.records]
    return records, reader.take_quarantine(), reader.account
