"""Where the files of a set are written: under their own names, all in one directory."""

from collections.abc import Mapping
from pathlib import Path

from export_assets.engine.destination import Committed, Destination, Slot
from export_assets.engine.tables import TablePlan
from export_assets.errors import IntegrityError
from export_assets.store.manifest import Manifest


class SetDestination(Destination):
    """Takes the file of one table in each of its formats, and keeps what was proven of it."""

    splits = False
    holds_files = False

    def __init__(self, directory: Path, stems: Mapping[str, str]) -> None:
        """Write into *directory*; *stems* name the file of each format, up to its ending."""
        self._directory = directory
        self._stems = stems
        self.proven: dict[str, Manifest] = {}
        """By format, what was written."""

    def open(self, plan: TablePlan, fmt: str, suffix: str, key: str) -> "SetSlot":
        """Take the place of one file."""
        del plan, key  # a file holds a whole table
        return SetSlot(self, fmt, self._directory / f"{self._stems[fmt]}{suffix}")


class SetSlot(Slot):
    """The place of one file of a set."""

    def __init__(self, destination: SetDestination, fmt: str, path: Path) -> None:
        self._destination = destination
        self._format = fmt
        self.path: Path = path

    def part(self, index: int, suffix: str, *, directory: str = "") -> Path:
        """Return the path of the one file."""
        del suffix
        if index or directory:
            msg = f"{self.path.name}: its rows arrived out of order"
            raise IntegrityError(msg)
        self.path.unlink(missing_ok=True)  # of a pass that was started over
        return self.path

    def commit(self, manifest: Manifest) -> tuple[Committed, Path, Manifest]:
        """Count the file in: it has been proven, and becomes visible with the whole set."""
        self._destination.proven[self._format] = manifest
        return "success", self.path, manifest
