"""A full disk, at any operation: exit 21, nothing lost, nothing half-done left."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.errors import ExportError, NoSpace
from export_assets_tests.archives.keys import OPENING
from export_assets_tests.archives.offload_world import OLD_FILES, Hooked, World
from export_assets_tests.proof.plugin import Proven
from export_assets_tests.store.publishing import OPERATIONS, Failing

MEANINGS = {errno.ENOSPC: 21, errno.EDQUOT: 21, errno.EFBIG: 21, errno.EIO: 24, errno.EACCES: 20}


@pytest.mark.suite("injected-errors")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.promise("nothing-deleted-unproven")
@pytest.mark.parametrize(
    ("grace", "keyring"),
    [(True, NO_KEYS), (False, NO_KEYS), (True, OPENING)],
    ids=["trash", "at once", "encrypted"],
)
def test_an_error_at_any_operation_loses_nothing_and_the_next_run_finishes(
    quick: Path,
    grace: bool,  # noqa: FBT001  # a parameter of the test
    keyring: Keyring,
    proven: Proven,
) -> None:
    passed: list[str] = []
    world = World(quick / "measure", keyring=keyring).make()
    world.offload(grace=grace, filesystem=Hooked(lambda point, _: passed.append(point)))
    operations = [point for point in passed if point in OPERATIONS]
    assert len(operations) > 25
    codes = (errno.ENOSPC, errno.EIO) if keyring.seals else tuple(MEANINGS)

    for number in range(1, len(operations) + 1):
        for code in codes:
            world = World(quick / f"{number}-{code}", keyring=keyring).make()
            written = world.lines()

            with pytest.raises(ExportError) as caught:
                world.offload(grace=grace, filesystem=Failing(number, code))

            assert caught.value.exit_code == MEANINGS[code]
            assert world.lost(written) == set()
            assert world.torn() == []
            assert world.stray() == []
            world.offload(grace=grace)
            assert world.lost(written) == set()
            assert world.left_behind() == ["today.jsonl"]
            assert world.archived_twice() == []
            shutil.rmtree(world.root)
    proven(len(operations) * len(codes), "injected errors", "0 lost")


@pytest.mark.suite("full-disk")
@pytest.mark.promise("nothing-deleted-unproven")
def test_a_limit_of_the_file_size_is_told_as_a_full_disk(tmp_path: Path) -> None:
    world = World(tmp_path).make(lines=4_000)
    script = """
import resource, sys
from pathlib import Path
from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.errors import ExportError
from export_assets_tests.archives.keys import OPENING
from export_assets_tests.archives.offload_world import World

resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    World(Path(sys.argv[1])).offload()
except ExportError as error:
    sys.exit(error.exit_code)
"""
    written = world.lines()

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        timeout=60,
    )

    assert done.returncode == NoSpace.exit_code
    assert world.lost(written) == set()
    assert world.left_behind() == sorted((*OLD_FILES, "today.jsonl"))
    assert world.stray() == []
