"""Reading logs, moving them into archives, emptying the trash and bringing them back, crashing."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.archives.restore import restore
from export_assets_tests.archives.offload_world import World, contents_below
from export_assets_tests.engine.ingest.ingest_world import World as Logs
from export_assets_tests.engine.ingest.ingest_world import lines

YOUNG = "today.jsonl"
LINES = 2


class Ingesting:
    """A tick over a log that grew, one that is new and one that was renamed."""

    name = "ingest"

    def prepare(self, root: Path) -> None:
        """Read the first lines."""
        world = Logs(root)
        world.log("a.log", lines(0, 1, -1))
        world.log("b.log", lines(10, 11))
        world.tick()
        world.append("a.log", lines(2, 3))
        world.log("c.log", lines(20, 21) + b"no json\n" + lines(22)[:4])
        (world.logs / "b.log").rename(world.logs / "b.log.1")

    def work(self, root: Path) -> None:
        """Read what came since."""
        Logs(root, runs=1).tick()

    def recover(self, root: Path) -> None:
        """Read again; whatever is read already is nobody's work."""
        Logs(root, runs=2).tick()

    def at_once(self, root: Path, *, finished: bool) -> list[str]:
        """Return which numbers are there twice, or not any more, or not yet after the end."""
        found = Counter(Logs(root).numbers)
        twice = [f"{number} is there {times} times" for number, times in found.items() if times > 1]
        wanted = {0, 1, 2, 3, 10, 11, 20, 21} if finished else {0, 1, 10, 11}
        return twice + [f"{number} is not there" for number in sorted(wanted - found.keys())]

    def in_the_end(self, root: Path) -> list[str]:
        """Return what is not there exactly once."""
        world = Logs(root)
        found = []
        if world.numbers != [0, 1, 2, 3, 10, 11, 20, 21]:
            found.append(f"published: {world.numbers}")
        if sorted(str(line["reason"]) for line in world.refused) != ["malformed", "negative"]:
            found.append(f"refused: {world.refused}")
        return found


@dataclass(frozen=True)
class Offloading:
    """Archiving old logs and moving them away; without *grace* they are deleted at once."""

    grace: bool
    keyring: Keyring = NO_KEYS

    @property
    def name(self) -> str:
        """What it is called in a fault."""
        return f"offload grace={self.grace}{' encrypted' if self.keyring.seals else ''}"

    def world(self, root: Path) -> World:
        """Return the world at *root*."""
        return World(root, keyring=self.keyring)

    def prepare(self, root: Path) -> None:
        """Write the logs."""
        self.world(root).make(lines=LINES)

    def work(self, root: Path) -> None:
        """Offload."""
        self.world(root).offload(grace=self.grace)

    def recover(self, root: Path) -> None:
        """Offload again."""
        self.world(root).offload(grace=self.grace, run_id="again")

    def at_once(self, root: Path, *, finished: bool) -> list[str]:
        """Return which lines are lost, and which archives are not whole."""
        world = self.world(root)
        found = _lost(world)
        if world.archives.is_dir():
            found += [f"torn {name}" for name in world.torn()]
        if finished and world.left_behind() != [YOUNG]:
            found.append(f"came back: {world.left_behind()}")
        return found

    def in_the_end(self, root: Path) -> list[str]:
        """Return what is lost, still there, or archived twice."""
        world = self.world(root)
        found = _lost(world)
        found += [f"not removed: {name}" for name in world.left_behind() if name != YOUNG]
        found += [f"archived twice: {path}" for path in world.archived_twice()]
        return found + [f"stray {name}" for name in world.stray()]


def _lost(world: World) -> list[str]:
    written = {
        world.line(path, number).encode()
        for path in (*world.files, YOUNG)
        for number in range(LINES)
    }
    return [f"lost {line!r}" for line in sorted(world.lost(written))]


class Purging:
    """Emptying the trash."""

    name = "purge"

    def prepare(self, root: Path) -> None:
        """Offload, so that there is something in it."""
        World(root).make(lines=LINES).offload()

    def work(self, root: Path) -> None:
        """Empty it."""
        World(root).purge()

    def recover(self, root: Path) -> None:
        """Empty it again."""
        self.work(root)

    def at_once(self, root: Path, *, finished: bool) -> list[str]:
        """Return which lines are lost, and what came back after the end."""
        world = World(root)
        back = [path for path in world.in_place() if finished and path != YOUNG]
        return _lost(world) + [f"came back: {path}" for path in back]

    def in_the_end(self, root: Path) -> list[str]:
        """Return what is lost or still there."""
        world = World(root)
        return _lost(world) + [f"still there: {path}" for path in world.in_place() if path != YOUNG]


class Restoring:
    """Bringing logs back, over one that is set aside."""

    name = "restore"

    def prepare(self, root: Path) -> None:
        """Offload, and write a file that is in the way."""
        World(root).make(lines=LINES).offload(grace=False)
        (root / "back").mkdir()
        (root / "back" / "a.jsonl").write_bytes(b"mine")

    def work(self, root: Path) -> None:
        """Bring them back."""
        archive = next((root / "archives").glob("*.zip"))
        restore(archive, root / "back", run_id="r", overwrite=True)

    def recover(self, root: Path) -> None:
        """Bring them back again."""
        self.work(root)

    def _there(self, root: Path) -> dict[str, bytes]:
        files = contents_below(root / "back")
        return {path: content for path, content in files.items() if not path.startswith(".")}

    def _wanted(self, root: Path) -> dict[str, bytes]:
        world = World(root)
        return {
            path: "".join(world.line(path, number) for number in range(LINES)).encode()
            for path in world.files
        }

    def at_once(self, root: Path, *, finished: bool) -> list[str]:
        """Return what is torn, and whether the file that was there is gone."""
        there, wanted = self._there(root), self._wanted(root)
        found = [f"torn {p}" for p in wanted if there.get(p, wanted[p]) not in (wanted[p], b"mine")]
        if b"mine" not in there.values():
            found.append("what was there before is gone")
        if finished:
            found += [f"not restored: {path}" for path in wanted if there.get(path) != wanted[path]]
        return found

    def in_the_end(self, root: Path) -> list[str]:
        """Return what is there beside the logs and the file that was set aside."""
        there, wanted = self._there(root), {**self._wanted(root), "a.jsonl.bak": b"mine"}
        left = [p.name for p in (root / "back").iterdir() if p.name.startswith(".")]
        found = [] if there == wanted else [f"there is: {sorted(there)}"]
        return found + [f"left: {name}" for name in left]
