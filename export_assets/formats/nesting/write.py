"""A nested document, written in one pass over the lines of its levels, in constant memory."""

from collections.abc import Mapping
from typing import IO, Any

import msgspec

from export_assets.errors import IntegrityError
from export_assets.formats.nesting.layout import Frame, Level
from export_assets.formats.nesting.lines import LevelLines

_AT_ONCE = 512
"""Records without lists inside them that are laid out together."""

_encode = msgspec.json.Encoder().encode


class DocumentWriter:
    """Writes documents whose records are taken from lines in order, one after the other."""

    def __init__(self, root: Level, lines: Mapping[str, LevelLines], frame: Frame) -> None:
        """Take the records of *root* and all levels below from *lines*, by table."""
        self._root = root
        self._lines = lines
        self._frame = frame

    @property
    def more(self) -> bool:
        """Whether a record of the uppermost level is left."""
        return self._lines[self._root.table].parent is not None

    def write(
        self,
        file: IO[bytes],
        head: Mapping[str, Any],
        tail: Mapping[str, Any],
        *,
        most: int | None = None,
    ) -> None:
        """Write one document: *head*, the list of records, *tail*.

        Args:
            file: Where to.
            head: Members before the list.
            tail: Members after it.
            most: Records of the uppermost level that it holds at most; all that are left if None.
        """
        start = b"{"
        for name, value in head.items():
            self._member(file, start, name, value)
            start = b","
        file.write(start)
        self._list(file, self._root, 0, depth=1, most=most)
        for name, value in tail.items():
            self._member(file, b",", name, value)
        file.write(b"\n}\n")

    def finish(self) -> None:
        """Return once every record is in a document.

        Raises:
            IntegrityError: One is left, because what it belongs to is not there.
        """
        for level in self._root.walk():
            if self._lines[level.table].parent is not None:
                msg = f"{level.table}: record {self._lines[level.table].rows + 1} belongs nowhere"
                raise IntegrityError(msg)

    def _member(self, file: IO[bytes], start: bytes, name: str, value: object) -> None:
        key = _encode(name) + self._frame.colon
        file.write(start + b"\n" + self._frame.indent(1) + key)
        file.write(self._laid_out(_encode(value), 1))

    def _list(
        self, file: IO[bytes], level: Level, parent: int, *, depth: int, most: int | None = None
    ) -> None:
        """Write the list of what is inside the record number *parent*."""
        lines, indent = self._lines[level.table], self._frame.indent(depth)
        file.write(b"\n" + indent + _encode(level.name) + self._frame.colon + b"[")
        started = lines.rows
        while lines.parent == parent and (most is None or lines.rows - started < most):
            first = lines.rows == started
            if level.children:
                self._record(file, level, depth=depth + 1, first=first)
            else:
                self._leaves(file, lines, parent, depth=depth + 1, first=first)
        file.write(b"\n" + indent + b"]" if lines.rows > started else b"]")

    def _record(self, file: IO[bytes], level: Level, *, depth: int, first: bool) -> None:
        position, own = self._lines[level.table].take()
        indent = b"\n" + self._frame.indent(depth)
        text = self._laid_out(own, depth)
        # It goes on with its lists, and ends after them.
        file.write((b"" if first else b",") + indent + text[:-1].rstrip())
        for child in level.children:
            file.write(b",")
            self._list(file, child, position, depth=depth + 1)
        file.write(indent + b"}")

    def _leaves(
        self, file: IO[bytes], lines: LevelLines, parent: int, *, depth: int, first: bool
    ) -> None:
        records = [lines.take()[1]]
        while lines.parent == parent and len(records) < _AT_ONCE:
            records.append(lines.take()[1])
        indent = b"\n" + self._frame.indent(depth)
        if self._frame.pretty:
            text = self._laid_out(b"[" + b",".join(records) + b"]", depth - 1)
            file.write((b"" if first else b",") + text[1 : -len(indent) + 1])
        else:
            file.write((b"" if first else b",") + indent + (b"," + indent).join(records))

    def _laid_out(self, text: bytes, depth: int) -> bytes:
        if not self._frame.pretty:
            return text
        # No string holds a raw line feed, so every one stands between two tokens.
        indent = b"\n" + self._frame.indent(depth)
        return msgspec.json.format(text, indent=2).replace(b"\n", indent)
