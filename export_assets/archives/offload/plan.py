"""Which files an offload would archive, decided without touching any."""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from export_assets.archives.content import open_below
from export_assets.archives.fingerprint import hash_descriptor
from export_assets.archives.member_names import encoded_path
from export_assets.archives.offload.lease import lease
from export_assets.archives.offload.ledger import LedgerEntry, LedgerMember
from export_assets.archives.offload.naming import check_request
from export_assets.archives.offload.request import (
    TRASH,
    Candidate,
    OffloadRequest,
    Skipped,
    SkipReason,
)
from export_assets.errors import SourceMissing

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
    planner = _Planner(
        request=request,
        root=root,
        archives=request.archives.resolve(),
        held=_by_path(archived, root),
    )
    for candidate in sorted(request.candidates, key=lambda one: str(one.path)):
        planner.add(candidate)
    return planner.plan


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


@dataclass(kw_only=True)
class _Planner:
    request: OffloadRequest
    root: Path
    archives: Path
    held: _Held
    plan: OffloadPlan = field(default_factory=OffloadPlan)

    def add(self, candidate: Candidate) -> None:
        path = relative_path(candidate.path, self.root)
        if path is None:
            self.plan.skipped.append(Skipped(str(candidate.path), "outside"))
            return
        if path in self.plan.new or path in self.plan.known:
            return
        reason = self._too_early(candidate, path)
        if reason is None:
            try:
                reason = self._look(candidate, path)
            except FileNotFoundError:
                reason = "missing"
            except PermissionError:
                reason = "unreadable"
            except OSError:
                # A link on the way, a device, a directory: nothing that could be archived.
                reason = "not_regular"
        if reason is not None:
            self.plan.skipped.append(Skipped(path, reason))

    def _too_early(self, candidate: Candidate, path: str) -> SkipReason | None:
        if path.startswith(f"{TRASH}/") or (self.root / path).is_relative_to(self.archives):
            return "excluded"
        if candidate.content_end >= self.request.cutoff:
            return "too_new"
        return "not_idle" if candidate.idle < self.request.min_idle else None

    def _look(self, candidate: Candidate, path: str) -> SkipReason | None:
        """Put the file at *path* into the plan, or return why not."""
        fd = open_below(self.root, path)
        try:
            size = os.fstat(fd).st_size
            if not self.request.ingested(path, size):
                return "not_ingested"
            with lease(fd) as held:
                if held is None:
                    return "in_use"
            entry = _archived_in(fd, size, self.held.get(path, []))
        finally:
            os.close(fd)
        if entry is not None:
            self.plan.known[path] = entry
        else:
            self.plan.new[path] = candidate
            self.plan.bytes += size
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
