"""How files begin: finds what may be a copy of what, without comparing all with all."""

import os
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from export_assets.engine.ingest.listing import Listed
from export_assets.engine.ingest.look import open_log
from export_assets.errors import SourceError
from export_assets.sources.logs.streams import open_stream

_BYTES: Final = 1024


class Heads:
    """The first bytes of the content of *files*, read when first asked for."""

    def __init__(self, files: Sequence[Listed]) -> None:
        self._files = files
        self._heads: list[tuple[bytes, int]] | None = None

    def alike(self, descriptor: int, size: int, length: int) -> Iterator[Listed]:
        """Yield the files that begin as the first *length* bytes of an open file's content."""
        if self._heads is None:
            self._heads = self._read()
        wanted = open_stream(descriptor, end=size).read(min(_BYTES, length))
        for place in range(bisect_left(self._heads, (wanted, -1)), len(self._heads)):
            head, index = self._heads[place]
            if not head.startswith(wanted):
                return
            yield self._files[index]

    def _read(self) -> list[tuple[bytes, int]]:
        heads: list[tuple[bytes, int]] = []
        for index, listed in enumerate(self._files):
            with suppress(OSError, SourceError), open_log(listed) as descriptor:
                if descriptor is not None:
                    size = os.fstat(descriptor).st_size
                    insort(heads, (open_stream(descriptor, end=size).read(_BYTES), index))
        return heads
