"""The trash of a source directory, `.trash/<archive>/<path>`, and removing files from it."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from export_assets.archives.content import open_below
from export_assets.archives.offload.lease import lease
from export_assets.archives.offload.ledger import LedgerEntry, LedgerMember
from export_assets.archives.offload.removal import is_named, still_the_same
from export_assets.archives.offload.request import TRASH, OffloadReport, SkipReason
from export_assets.store.durable import subdirectory
from export_assets.store.filesystem import Filesystem


@dataclass(kw_only=True)
class Trash:
    """What was moved away from one directory because one archive holds it."""

    root: Path
    archive: str
    filesystem: Filesystem
    watched_only: bool = False
    """Whether files stay of which only `/proc` can tell that nobody has them open."""
    _touched: set[tuple[str, ...]] = field(default_factory=set)

    def remove(self, path: str, member: LedgerMember) -> SkipReason | Literal["returned"] | None:
        """Remove the file of *path* if it is *member* still; return what became of it otherwise.

        A file that somebody wrote to goes back to its place, where that is free.
        """
        *parents, name = path.split("/")
        here = (TRASH, self.archive, *parents)
        try:
            fd = open_below(self.root, "/".join((*here, name)))
        except FileNotFoundError:
            return "missing"
        except OSError:
            return "not_regular"
        try:
            with (
                lease(fd) as held,
                subdirectory(self.root, here, filesystem=self.filesystem, create=False) as trash_fd,
            ):
                if held is None or (self.watched_only and not held.leased):
                    return "in_use"
                if not is_named(fd, name, dir_fd=trash_fd):
                    return "changed"
                self._touched.add(here)
                reason = still_the_same(fd, member, held)
                if reason == "changed" and self._put_back(path, trash_fd):
                    return "returned"
                if reason is None:
                    self.filesystem.unlink(name, dir_fd=trash_fd)
                    self.filesystem.at("unlinked")
                return reason
        finally:
            os.close(fd)

    def close(self) -> None:
        """Make what was removed durable, and remove the directories that are empty now."""
        for parts in sorted(self._touched):
            with subdirectory(self.root, parts, filesystem=self.filesystem, create=False) as fd:
                self.filesystem.fsync(fd)
        top = self.root / TRASH
        places = [Path(here) for here, _, _ in os.walk(top / self.archive, topdown=False)]
        for place in (*places, top):
            with suppress(OSError):
                place.rmdir()

    def _put_back(self, path: str, trash_fd: int) -> bool:
        """Move a file out of the trash to its own place; return whether that was free."""
        *parents, name = path.split("/")
        here = tuple(parents)
        with subdirectory(self.root, here, filesystem=self.filesystem, create=True) as dir_fd:
            try:
                self.filesystem.rename_new(name, name, dir_fd=dir_fd, from_fd=trash_fd)
            except FileExistsError:
                return False
            self.filesystem.fsync(dir_fd)
        return True


def purge_files(
    trash: Trash, entry: LedgerEntry, files: Iterable[str], report: OffloadReport
) -> list[LedgerMember]:
    """Remove *files* from *trash*, tell *report*, and return what is gone."""
    members, gone = entry.by_path(), []
    for path in files:
        member = members.get(path)
        outcome = "unknown" if member is None else trash.remove(path, member)
        if outcome == "returned":
            report.returned.append(path)
        elif outcome is not None:
            report.skip(path, outcome)
        elif member is not None:
            report.removed.append(path)
            gone.append(member)
    trash.close()
    return gone


def files_below(trash: Path) -> Iterator[str]:
    """Yield the relative paths of everything below *trash* that is no directory."""
    for here, _, names in os.walk(trash):
        for name in names:
            yield (Path(here) / name).relative_to(trash).as_posix()
