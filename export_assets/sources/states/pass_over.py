"""One pass over the state files of a directory: each is read once, and its rows are spooled."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from export_assets.sources.states.kind import StateKind, Unreadable
from export_assets.sources.states.listing import SUFFIX, Look, in_order
from export_assets.sources.states.quarantine import HEAD_BYTES, QUARANTINE, quarantined
from export_assets.sources.states.reading import head_of, read_state
from export_assets.sources.states.spool import Spools
from export_assets.translate import translating

_HELD_BYTES = 4_194_304
"""Content whose rows are held at most before they are spooled."""


@dataclass(kw_only=True)
class Passed:
    """What a pass met."""

    files: int = 0
    """Files that were there, the unreadable ones among them."""
    refused: int = 0
    """Files that are unreadable."""
    vanished: int = 0


def pass_over(
    directory: Path, seen: Look, kind: StateKind, spools: Spools, *, longest: int
) -> Passed:
    """Read the files *seen* in *directory* in the order of their names.

    Raises:
        SourceError: What lies beside the files cannot be read.
    """
    passed, held = Passed(), 0
    with _opened(directory) as dir_fd:
        for stem in in_order(seen):
            name = stem + SUFFIX
            content: bytes | None = b""
            try:
                content = read_state(name, dir_fd=dir_fd, longest=longest)
                if content is None:
                    passed.vanished += 1
                    continue
                spools.add(kind.rows(_identity(stem), content))
            except Unreadable as error:
                # What could not be read whole is hashed by nobody.
                length, head = len(content or b""), content or b""
                if not head:
                    length, head = head_of(name, dir_fd=dir_fd, length=HEAD_BYTES)
                row = quarantined(stem, error, length=length, head=head, whole=bool(content))
                spools.add({QUARANTINE.name: [row]})
                passed.refused += 1
            passed.files += 1
            held += len(content or b"")
            if held > _HELD_BYTES:
                spools.flush()
                held = 0
    for table, row in kind.further(spools):
        spools.add({table: [row]})
    return passed


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    with translating(str(directory), side="source"):
        dir_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield dir_fd
    finally:
        os.close(dir_fd)


def _identity(stem: bytes) -> str:
    try:
        return stem.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = "the file's name is no UTF-8"
        raise Unreadable(msg, reason="name") from error
