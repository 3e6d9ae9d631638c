"""A finished text file in pieces of so many records each, whose concatenation is the file."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

_BLOCK = 1 << 20
_QUOTE = b'"'


def text_pieces(path: Path, fmt: str, records: int) -> Iterator[str]:
    """Yield the text of *path* in pieces of at most *records* records; an empty file is one piece.

    A piece ends with a record; the header of CSV and the brackets of JSON belong to the first and
    the last piece.

    Args:
        path: A file of the format *fmt*, not compressed: CSV, or JSON and NDJSON with a record
            a line.
        fmt: `csv`, `json` or `ndjson`.
        records: Records in a piece, 1 or more.
    """
    with path.open("rb") as file:
        lines = csv_records(file) if fmt == "csv" else iter(file)
        # The line before the first record: the header of CSV, the opening bracket of JSON.
        first = next(lines, b"") if fmt != "ndjson" else b""
        piece = first + b"".join(islice(lines, records))
        while following := list(islice(lines, records)):
            if fmt == "json" and following == [b"]\n"]:
                # A bracket is no record, and no piece of its own.
                piece += following.pop()
                break
            yield piece.decode("utf-8")
            piece = b"".join(following)
        yield piece.decode("utf-8")


def binary_pieces(path: Path) -> Iterator[bytes]:
    """Yield the bytes of *path* in blocks of a mebibyte."""
    with path.open("rb") as file:
        read: Callable[[], bytes] = lambda: file.read(_BLOCK)  # noqa: E731 - for iter
        yield from iter(read, b"")


def csv_records(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield records: a line feed between quotes does not end one (RFC 4180)."""
    held: list[bytes] = []
    inside = False
    for line in lines:
        held.append(line)
        inside ^= line.count(_QUOTE) % 2 == 1
        if not inside:
            yield b"".join(held)
            held.clear()
    if held:
        yield b"".join(held)
