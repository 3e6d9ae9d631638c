"""Archives as `list` shows and `verify` reads them. Imports neither Polars nor Arrow."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export_assets.archives.catalogue import (
    ListedArchive,
    archive_paths,
    list_archives,
    lost_archives,
    verify_archive,
)
from export_assets.archives.encryption.keyring import load_keyring
from export_assets.archives.encryption.record import ARCHIVE_SUFFIXES
from export_assets.cli.output import Output
from export_assets.config.settings import Settings
from export_assets.errors import (
    ConfigError,
    DestinationError,
    ExportError,
    IntegrityError,
    Tampered,
    UnsafeArchive,
    UsageError,
    WrongKey,
)
from export_assets.store.layout import ARCHIVES

_OWN_CODES = (DestinationError, Tampered, UnsafeArchive, WrongKey)
"""Errors that keep their exit codes; others say that an archive is not what it was."""
_SUBSET = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


def listed_archives(output: Output, settings: Settings) -> list[ListedArchive]:
    """Return the archives of the project; say which cannot be read."""
    found = list(list_archives(settings.exports_dir / ARCHIVES, load_keyring(settings)))
    for one in found:
        if one.problem is not None:
            output.problem(one.problem)
    return found


def archives_document(found: Sequence[ListedArchive]) -> list[dict[str, Any]]:
    """Return *found* as JSON can hold it."""
    return [
        {
            "name": one.path.name,
            "kind": one.kind,
            "match_id": one.match_id,
            "counts": one.counts,
            "members": one.members,
            "bytes": one.bytes,
            "unpacked_bytes": one.unpacked_bytes,
            "created_at": one.created_at.isoformat() if one.created_at is not None else None,
            "state": _state(one),
            "encrypted": one.encrypted,
            "recipients": list(one.recipients),
            "path": str(one.path),
            "problem": one.problem,
        }
        for one in found
    ]


def print_archives(output: Output, found: Sequence[ListedArchive]) -> None:
    """Print one line per archive, and a sum."""
    if not output.for_people or not found:
        return
    from export_assets.cli.figures import count, counted, size

    lines = [
        (
            one.path.name,
            one.kind,
            one.match_id or "",
            count(one.members),
            size(one.unpacked_bytes),
            size(one.bytes),
            f"{one.created_at:%Y-%m-%d %H:%M:%S}" if one.created_at is not None else "",
            _state(one),
        )
        for one in found
    ]
    output.table(
        ("archive", "kind", "match", "files", "unpacked", "bytes", "made (UTC)", "state"),
        lines,
        right=("files", "unpacked", "bytes"),
    )
    files = counted(sum(one.members for one in found), "file")
    output.line(
        f"{files}, {size(sum(one.bytes for one in found))} in {counted(len(found), 'archive')} "
        f"in {found[0].path.parent}"
    )


def archives_exit_code(found: Sequence[ListedArchive]) -> int:
    """Return 0, or the code of what is wrong: the worst, where several are."""
    return max((one.exit_code for one in found), default=0)


def _state(one: ListedArchive) -> str:
    """Say what vouches for an archive: the ledger, or that it was read back before it was named."""
    if one.problem is not None:
        return "unreadable"
    sealed = ", encrypted" if one.encrypted else ""
    if one.kind == "match":
        return f"proven{sealed}"
    return ("entered" if one.entered else "not entered") + sealed


@dataclass(frozen=True, kw_only=True)
class CheckedArchive:
    """An archive that was read, and what is wrong with it."""

    path: Path
    members: int = 0
    of: int = 0
    bytes: int = 0
    only_whole: bool = False
    """Whether the file was compared as a whole, as nothing here opens it."""
    problem: str | None = None
    exit_code: int = 0

    @property
    def document(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return {
            "path": str(self.path),
            "members": self.members,
            "of": self.of,
            "bytes": self.bytes,
            "only_whole": self.only_whole,
            "problem": self.problem,
        }


def subset_of(text: str | None) -> tuple[int, int] | None:
    """Return the part that `K/N` means; None for all.

    Raises:
        UsageError: *text* is no such part.
    """
    if text is None:
        return None
    found = _SUBSET.fullmatch(text.strip())
    part, parts = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= part <= parts:
        msg = f"--read-data-subset {text!r}: expected K/N, such as 1/7 for the first of seven parts"
        raise UsageError(msg)
    return part, parts


def names_archives(what: str | None, root: Path) -> bool:
    """Whether *what* is nothing, which is everything, or names archives."""
    return _paths(what, root) is not None


def _paths(what: str | None, root: Path) -> list[Path] | None:
    """Return the archives that *what* names: all, a zip, or the directory; None for others."""
    home = root / ARCHIVES
    if what is None or what == ARCHIVES:
        return list(archive_paths(home))
    path = Path(what)
    if is_archive_name(path.name) and path.is_file():
        return [path]
    if path.is_dir() and path.resolve() == home.resolve():
        return list(archive_paths(home))
    return None


def is_archive_name(name: str) -> bool:
    """Whether archives are called like *name*."""
    return name.endswith(ARCHIVE_SUFFIXES)


def checked_archives(
    what: str | None, settings: Settings, subset: tuple[int, int] | None
) -> Iterator[CheckedArchive]:
    """Read the archives that *what* names, and compare them with what was archived.

    With all of them, archives that are gone are told, too.

    Raises:
        ConfigError: The identity that opens encrypted ones is not to be trusted.
    """
    root, keyring = settings.exports_dir, load_keyring(settings)
    for path in _paths(what, root) or []:
        try:
            found = verify_archive(path, subset, keyring)
        except ConfigError:
            raise
        except ExportError as error:
            own = isinstance(error, _OWN_CODES)
            code = error.exit_code if own else IntegrityError.exit_code
            yield CheckedArchive(path=path, problem=str(error), exit_code=code)
        else:
            yield CheckedArchive(
                path=path,
                members=found.members,
                of=found.of,
                bytes=found.bytes,
                only_whole=found.only_whole,
            )
    if what is None or not is_archive_name(what):
        for line in lost_archives(root / ARCHIVES):
            name = Path(line.partition(": ")[0])
            yield CheckedArchive(path=name, problem=line, exit_code=IntegrityError.exit_code)
