"""A nested document read back in constant memory: how many records each level has, and what of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from export_assets.errors import IntegrityError
from export_assets.formats.nesting.layout import Frame, Level
from export_assets.formats.nesting.lines import content_hash

_BLOCK = 1 << 20

_records = msgspec.json.Decoder(list[msgspec.Raw]).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


@dataclass(kw_only=True)
class Content:
    """What a document holds."""

    rows: dict[str, int] = field(default_factory=dict)
    """Records by level's table."""
    totals: dict[str, int] = field(default_factory=dict)
    """The sums of `content_hash` over them."""
    members: Mapping[str, msgspec.Raw] = field(default_factory=dict)
    """What stands beside the list of records."""


def read_nested(path: Path, root: Level, frame: Frame) -> Content:
    """Read the document at *path* as `DocumentWriter` lays it out.

    Raises:
        IntegrityError: It is no such document.
    """
    content = Content(
        rows={level.table: 0 for level in root.walk()},
        totals={level.table: 0 for level in root.walk()},
    )
    try:
        with path.open("rb") as file:
            _Reader(_Scanner(file), frame, content).document(root)
    except (msgspec.DecodeError, EOFError, ValueError) as error:
        msg = f"{path.name}: is no whole document of {root.name}: {' '.join(str(error).split())}"
        raise IntegrityError(msg) from error
    return content


class _Scanner:
    """A file cut at marks, block by block."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._held = b""
        self._at = 0
        """Where in `_held` what was not returned yet begins."""

    def until(self, mark: bytes) -> bytes:
        """Return what stands before the next *mark*, and go on behind that."""
        looked = self._at
        while (found := self._held.find(mark, looked)) < 0:
            left = len(self._held) - self._at
            self._more(mark)
            looked = max(left - len(mark) + 1, 0)
        return self._take(found, found + len(mark))

    def until_last(self, mark: bytes, end: bytes) -> tuple[bytes, bool]:
        """Return what stands before the last *mark* at hand, or all before *end*, and which."""
        while True:
            found = self._held.find(end, self._at)
            if found >= 0:
                return self._take(found, found + len(end)), True
            found = self._held.rfind(mark, self._at)
            if found > self._at:
                return self._take(found, found), False
            self._more(end)

    def starts(self, text: bytes) -> bool:
        """Whether *text* comes next; goes on behind it then."""
        while len(self._held) - self._at < len(text):
            block = self._file.read(_BLOCK)
            if not block:
                return False
            self._held, self._at = self._held[self._at :] + block, 0
        if not self._held.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def rest(self) -> bytes:
        """Return all that is left."""
        return self._held[self._at :] + self._file.read()

    def _take(self, end: int, behind: int) -> bytes:
        found, self._at = self._held[self._at : end], behind
        return found

    def _more(self, mark: bytes) -> None:
        block = self._file.read(_BLOCK)
        if not block:
            msg = f"it ends before {mark.decode().strip()}"
            raise EOFError(msg)
        self._held, self._at = self._held[self._at :] + block, 0


class _Reader:
    def __init__(self, scanner: _Scanner, frame: Frame, content: Content) -> None:
        self._scanner = scanner
        self._frame = frame
        self._content = content

    def document(self, root: Level) -> None:
        """Read all of the document."""
        head = self._scanner.until(self._opening(root, 1))
        self._list(root, 1)
        tail = self._scanner.rest()
        # Without the list, what is around it is an object.
        before, after = head.removesuffix(b","), tail.lstrip()
        if before.strip() == b"{":
            after = after.removeprefix(b",")
        self._content.members = _members(before + after)

    def _opening(self, level: Level, depth: int) -> bytes:
        name = _encode(level.name) + self._frame.colon
        return b"\n" + self._frame.indent(depth) + name + b"["

    def _list(self, level: Level, depth: int) -> None:
        """Read a list behind its bracket, that which closes it included."""
        if self._scanner.starts(b"]"):
            return
        end = b"\n" + self._frame.indent(depth) + b"]"
        start = b"\n" + self._frame.indent(depth + 1) + b"{"
        if not level.children:
            self._leaves(level, b"," + start, end)
            return
        self._expect(start)
        while True:
            self._record(level, depth + 1)
            if self._scanner.starts(end):
                return
            self._expect(b"," + start)

    def _record(self, level: Level, depth: int) -> None:
        """Read a record behind its first bracket, with all that is inside it."""
        opening = self._opening(level.children[0], depth + 1)
        own = self._scanner.until(b"," + opening)
        self._count(level, b"{" + own + b"}")
        for number, child in enumerate(level.children):
            if number:
                self._expect(b"," + self._opening(child, depth + 1))
            self._list(child, depth + 1)
        self._expect(b"\n" + self._frame.indent(depth) + b"}")

    def _leaves(self, level: Level, between: bytes, end: bytes) -> None:
        more = True
        while more:
            text, ended = self._scanner.until_last(between, end)
            more = not ended
            for own in _records(b"[" + text.lstrip().removeprefix(b",") + b"]"):
                self._count(level, bytes(own))

    def _count(self, level: Level, own: bytes) -> None:
        self._content.rows[level.table] += 1
        total = self._content.totals[level.table] + content_hash(own)
        self._content.totals[level.table] = total % 2**64

    def _expect(self, text: bytes) -> None:
        if not self._scanner.starts(text):
            msg = f"{text.decode().strip()} is missing"
            raise ValueError(msg)
