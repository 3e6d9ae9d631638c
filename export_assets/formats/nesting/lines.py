"""Records of one level as lines, one at a time: whose they are, and what is written of them."""

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from export_assets.errors import IntegrityError
from export_assets.formats.nesting.layout import Level

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class LevelLines:
    """The lines of a level's part, read in order.

    Attributes:
        parent: The number of the record the next line belongs to; 0 on the uppermost level, None
            after the last line.
        rows: Lines taken.
        total: The sum of `content_hash` over them.
    """

    def __init__(self, level: Level, path: Path, *, root: bool) -> None:
        self._level = level
        self._root = root
        self._file = path.open("rb")
        self._line = b""
        self._position = 0
        self.parent: int | None = None
        self.rows = 0
        self.total = 0
        try:
            self._next()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Return this, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the part."""
        self._file.close()

    def take(self) -> tuple[int, bytes]:
        """Return the number of the next record and its own members as an object, and go on."""
        own = b"{" + self._line
        if self._level.groups:
            own = grouped(own, self._level.groups)
        position = self._position
        self.rows += 1
        self.total = (self.total + content_hash(own)) % 2**64
        self._next()
        return position, own

    def peek(self, name: str) -> Any:  # noqa: ANN401 - any JSON
        """Return the member *name* of the next record, None where it has none."""
        raw = _decode(b"{" + self._line).get(name)
        return None if raw is None else msgspec.json.decode(raw)

    def _next(self) -> None:
        line = self._file.readline()
        if not line:
            self.parent = None
            return
        if not line.endswith(b"}\n"):
            msg = f"{self._level.table}: its lines are cut"
            raise IntegrityError(msg)
        rest = line[1:-1]
        if self._level.children:
            self._position, rest = _number(rest)
        self.parent = 0
        if not self._root:
            self.parent, rest = _number(rest)
        self._line = rest


def content_hash(own: bytes) -> int:
    """Return 64 bits of what an object says, however it is spaced."""
    compact = msgspec.json.format(own, indent=-1)
    return int.from_bytes(hashlib.blake2b(compact, digest_size=8).digest(), "little")


def grouped(own: bytes, groups: tuple[str, ...]) -> bytes:
    """Return the object *own* with members `g.a`, `g.b` of each group as one member `g`."""
    found: dict[str, list[bytes]] = {}
    for name, raw in _decode(own).items():
        group, dot, inner = name.partition(".")
        if dot and group in groups:
            found.setdefault(group, []).append(_encode(inner) + b":" + bytes(raw))
        else:
            found[name] = [bytes(raw)]
    members = [
        _encode(name) + b":" + (b"{" + b",".join(parts) + b"}" if name in groups else parts[0])
        for name, parts in found.items()
    ]
    return b"{" + b",".join(members) + b"}"


def _number(text: bytes) -> tuple[int, bytes]:
    """Return the value of the first member of *text*, and all that follows it."""
    value, _, rest = text.partition(b",")
    return int(value.rpartition(b":")[2]), rest
