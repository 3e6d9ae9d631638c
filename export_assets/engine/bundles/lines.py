"""The rows of one table as JSON objects, each by its number, from a private file."""

import hashlib
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from export_assets.engine.bundles.rows import BundleRows
from export_assets.formats.json_values import decode_json
from export_assets.formats.records import RecordEncoder

_LINE_FEED = 10

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True)
class Lines:
    """JSON objects, the records of one table."""

    data: bytes | mmap.mmap
    ends: npt.NDArray[np.int64]
    """Where each line ends, its line feed included."""
    total: int
    """The sum of what `content_hash` makes of each."""

    def text(self, number: int) -> bytes:
        """Return the object of the row *number*, on one line."""
        start = int(self.ends[number - 1]) if number else 0
        return bytes(self.data[start : int(self.ends[number]) - 1])

    def record(self, number: int) -> dict[str, Any]:
        """Return the object of the row *number*."""
        found: dict[str, Any] = decode_json(self.text(number))
        return found


def content_hash(record: dict[str, Any]) -> int:
    """Return 64 bits that differ where the content of two records does."""
    return int.from_bytes(hashlib.blake2b(_encode(record), digest_size=8).digest(), "little")


@contextmanager
def json_lines(rows: BundleRows, path: Path) -> Iterator[Lines]:
    """Write every row of *rows* to *path*, and give them by number while the block runs."""
    encoder = RecordEncoder(rows.schema)
    ends, offset, total = [np.zeros(0, dtype=np.int64)], 0, 0
    with path.open("xb") as file:
        for batch in rows.batches():
            text = encoder.lines(batch.frame)
            feeds = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _LINE_FEED)
            ends.append(feeds.astype(np.int64) + offset + 1)
            offset += len(text)
            total += sum(content_hash(decode_json(line)) for line in text.splitlines())
            file.write(text)
    together, total = np.concatenate(ends), total % 2**64
    if not offset:
        yield Lines(data=b"", ends=together, total=total)
        return
    with path.open("rb") as back, mmap.mmap(back.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield Lines(data=data, ends=together, total=total)
