"""Which files an offload would archive, decided without touching any."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from export_assets.archives.content import open_below
from export_assets.archives.fingerprint import hash_descriptor
from export_assets.archives.member_names import encoded_path
from export_assets.archives.offload.lease import lease
from export_assets.archives.offload.ledger import LedgerEntry, LedgerMember
from export_assets.archives.offload.request import (
    TRASH,
    Candidate,
    OffloadRequest,
    Skipped,
    SkipReason,
)
from export_assets.errors import SourceMissing, UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
MATCH_PREFIX = "match_"
_Held = dict[str, list[tuple[LedgerEntry, LedgerMember]]]


@dataclass
class OffloadPlan:
    """What would be archived, what is archived already, and what stays, each with its reason."""

    new: dict[str, Candidate] = field(default_factory=dict)
    known: dict[str, LedgerEntry] = field(default_factory=dict)
    """By path, the entry of the archive that holds its content."""
    skipped: list[Skipped] = field(default_factory=list)
    bytes: int = 0
    """Of the new ones."""


def plan_offload(request: OffloadRequest, archived: Iterable[LedgerEntry] = ()) -> OffloadPlan:
    """Decide what an offload would do; nothing is written.

    Args:
        request: What is asked for.
        archived: Entries of archives that stand, which need not be written again.

    Raises:
        SourceMissing: There is no source directory.
        UsageError: The name asked for cannot be an archive's.
    """
    check_request(request)
    root = request.source_dir.resolve()
    if not root.is_dir():
        msg = f"{request.source_dir}: no such directory"
        raise SourceMissing(msg)
    plan = OffloadPlan()
    held_by = _by_path(archived, root)
    for candidate in sorted(request.candidates, key=lambda one: str(one.path)):
        path = relative_path(candidate.path, root)
        if path is None:
            plan.skipped.append(Skipped(str(candidate.path), "outside"))
        elif path not in plan.new and path not in plan.known:
            _judge(plan, request, candidate, path, held_by)
    return plan


def check_request(request: OffloadRequest) -> None:
    """Refuse what cannot be asked for.

    Raises:
        UsageError: The name cannot be an archive's, or the cutoff has no time zone.
    """
    name = request.name
    if name is not None and (not _NAME.match(name) or name.lower().startswith(MATCH_PREFIX)):
        msg = f"archive name {name!r}: letters, digits, `.`, `_` and `-`, at most 64, not `match_…`"
        raise UsageError(msg)
    if request.cutoff.tzinfo is None:
        msg = "offload: the cutoff has no time zone"
        raise UsageError(msg)


def relative_path(path: Path, root: Path) -> str | None:
    """Return *path* relative to *root*, in slashes; None where it is not below it."""
    if not path.is_absolute():
        path = root / path
    elif not path.is_relative_to(root):
        # The directory may have been named through a link; the file itself may not be one.
        path = path.parent.resolve() / path.name
    if ".." in path.parts or not path.is_relative_to(root) or path == root:
        return None
    return path.relative_to(root).as_posix()


def _judge(
    plan: OffloadPlan,
    request: OffloadRequest,
    candidate: Candidate,
    path: str,
    held_by: _Held,
) -> None:
    reason = _too_early(request, candidate, path)
    if reason is None:
        try:
            reason = _look(plan, request, candidate, path, held_by)
        except FileNotFoundError:
            reason = "missing"
        except PermissionError:
            reason = "unreadable"
        except OSError:
            # A link on the way, a device, a directory: nothing that could be archived.
            reason = "not_regular"
    if reason is not None:
        plan.skipped.append(Skipped(path, reason))


def _too_early(request: OffloadRequest, candidate: Candidate, path: str) -> SkipReason | None:
    root, archives = request.source_dir.resolve(), request.archives.resolve()
    if path.startswith(f"{TRASH}/") or (root / path).is_relative_to(archives):
        return "excluded"
    if candidate.content_end >= request.cutoff:
        return "too_new"
    if candidate.idle < request.min_idle:
        return "not_idle"
    return None


def _look(
    plan: OffloadPlan,
    request: OffloadRequest,
    candidate: Candidate,
    path: str,
    held_by: _Held,
) -> SkipReason | None:
    """Put the file at *path* into *plan*, or return why not."""
    root = request.source_dir.resolve()
    fd = open_below(root, path)
    try:
        size = os.fstat(fd).st_size
        if not request.ingested(path, size):
            return "not_ingested"
        with lease(fd) as held:
            if held is None:
                return "in_use"
        entry = _archived_in(fd, size, held_by.get(path, []))
    finally:
        os.close(fd)
    if entry is not None:
        plan.known[path] = entry
    else:
        plan.new[path] = candidate
        plan.bytes += size
    return None


def _archived_in(
    fd: int, size: int, held: Sequence[tuple[LedgerEntry, LedgerMember]]
) -> LedgerEntry | None:
    """Return the latest entry whose archive holds exactly the content of *fd*."""
    same = [(entry, member) for entry, member in held if member.bytes == size]
    if not same:
        return None
    digest = hash_descriptor(fd)[1]
    found = [entry for entry, member in same if member.sha256 == digest]
    return found[-1] if found else None


def _by_path(archived: Iterable[LedgerEntry], root: Path) -> _Held:
    held: _Held = defaultdict(list)
    for entry in archived:
        if entry.source_dir == encoded_path(str(root)):
            for path, member in entry.by_path().items():
                held[path].append((entry, member))
    return held


def archive_names(request: OffloadRequest, moment: datetime) -> list[str]:
    """Return the names the new archive may get, the first free one counting."""
    if request.name is not None:
        return [f"{request.name}.zip"]
    stem = f"offload_before_{request.cutoff:%Y%m%d}_{moment:%Y%m%d_%H%M%S}"
    return [f"{stem}.zip", *(f"{stem}_{number}.zip" for number in range(2, 1000))]
