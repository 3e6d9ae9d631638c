"""Publishing, replacing and removing partitions, and copies of sets, as they crash."""

from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from export_assets.store import filesystem
from export_assets.store.delivery import deliver, is_copy
from export_assets.store.local import LocalStore, read_if_there
from export_assets.store.verify import verify_partition
from export_assets_tests.store.publishing import KEY, beside, parts_of, publish

PARTS = 2
SIZE = 64


def published(root: Path) -> str | None:
    """The run whose generation is published whole, None for nothing; anything else is torn."""
    store = LocalStore(root)
    manifest = store.manifest(KEY, "all")
    if manifest is None:
        return None
    findings = verify_partition(store.partition_path(KEY, "all"))
    return f"torn: {findings}" if findings else manifest.run_id


def _publish(root: Path, run_id: str) -> None:
    publish(root, run_id, parts=parts_of(run_id, parts=PARTS, size=SIZE))


@dataclass(frozen=True)
class Publishing:
    """A first publication, or one over what is there.

    Without *exchanges* the file system cannot swap two directories; then nothing is there for the
    moment between two renames.
    """

    replace: bool
    exchanges: bool = True

    @property
    def name(self) -> str:
        """What it is called in a fault."""
        return f"publish replace={self.replace} exchanges={self.exchanges}"

    def prepare(self, root: Path) -> None:
        """Publish what is replaced."""
        if self.replace:
            _publish(root / "exports", "old")

    def work(self, root: Path) -> None:
        """Publish."""
        with patch.object(filesystem, "_RENAME_EXCHANGE", 2 if self.exchanges else 1 << 30):
            _publish(root / "exports", "new")

    def recover(self, root: Path) -> None:
        """Publish what the next run has, unless it is there."""
        store = LocalStore(root / "exports")
        store.sweep()
        manifest = store.manifest(KEY, "all")
        if manifest is None or manifest.run_id != "next":
            self._keep(root)
            _publish(root / "exports", "next")

    def _keep(self, root: Path) -> None:
        """Refuse to go on where sweeping did not bring back what was published."""
        if self.replace and published(root / "exports") not in ("old", "new"):
            msg = f"after the sweep: {published(root / 'exports')}"
            raise AssertionError(msg)

    def at_once(self, root: Path, *, finished: bool) -> list[str]:
        """Return how it is torn or lost."""
        found = published(root / "exports")
        legal: set[str | None] = {"new"} if finished else {"new", "old" if self.replace else None}
        if self.replace and not self.exchanges and not finished:
            legal.add(None)
        # What a recovery had published before it crashed, too.
        return [] if found in legal | {"next"} else [f"published is {found}"]

    def in_the_end(self, root: Path) -> list[str]:
        """Return what is not as the next run makes it."""
        found = [] if published(root / "exports") == "next" else ["the next run is not published"]
        left = beside(root / "exports")
        return found if left == ["all"] else [*found, f"left: {left}"]


class Removing(Publishing):
    """Removing a partition in one step."""

    def __init__(self) -> None:
        super().__init__(replace=True)

    @property
    def name(self) -> str:
        """What it is called in a fault."""
        return "remove"

    def work(self, root: Path) -> None:
        """Remove it."""
        LocalStore(root / "exports").remove(KEY, "all", "prune")

    def recover(self, root: Path) -> None:
        """Remove what is still there."""
        store = LocalStore(root / "exports")
        store.sweep()
        store.remove(KEY, "all", "again")

    def at_once(self, root: Path, *, finished: bool) -> list[str]:
        """Return whether it is neither whole nor gone."""
        found = published(root / "exports")
        legal = {None} if finished else {None, "old"}
        return [] if found in legal else [f"published is {found}"]

    def in_the_end(self, root: Path) -> list[str]:
        """Return what is left."""
        left = [name for name in beside(root / "exports") if not name.startswith(".lock")]
        return [f"left: {left}"] if left else []


@dataclass(frozen=True)
class Delivering:
    """Publishing a set, and putting its copy into a directory of the user's choice."""

    @property
    def name(self) -> str:
        """What it is called in a fault."""
        return "deliver"

    def prepare(self, root: Path) -> None:
        """Publish and deliver the older set."""
        self._deliver(root, "old")

    def _deliver(self, root: Path, run_id: str) -> None:
        _publish(root / "exports", run_id)
        partition = LocalStore(root / "exports").partition_path(KEY, "all")
        deliver(partition, root / "out", run_id)

    def work(self, root: Path) -> None:
        """Publish and deliver the newer one."""
        self._deliver(root, "new")

    def recover(self, root: Path) -> None:
        """Do both again where that is to do."""
        store = LocalStore(root / "exports")
        manifest = store.manifest(KEY, "all")
        if manifest is None or manifest.run_id != "next":
            _publish(root / "exports", "next")
        deliver(store.partition_path(KEY, "all"), root / "out", "next")

    def at_once(self, root: Path, *, finished: bool) -> list[str]:
        """Return whether the copy is neither the older nor the newer one, whole."""
        there = read_if_there(root / "out")
        if there is None:
            return ["no copy"]
        legal = {"new"} if finished else {"old", "new"}
        findings = [str(finding) for finding in verify_partition(root / "out")]
        unknown = there.run_id not in legal | {"next"}
        return findings + ([f"copy of {there.run_id}"] if unknown else [])

    def in_the_end(self, root: Path) -> list[str]:
        """Return whether the copy is not that of what is published."""
        manifest = LocalStore(root / "exports").manifest(KEY, "all")
        settled = manifest is not None and is_copy(root / "out", manifest)
        found = [] if settled else ["the copy is not of the next run"]
        left = sorted(path.name for path in root.joinpath(".export_assets.out").iterdir())
        return found if left == ["lock"] else [*found, f"left: {left}"]
