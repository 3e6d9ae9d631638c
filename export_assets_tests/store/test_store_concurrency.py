"""Several processes on one partition: writers take turns, readers see one generation."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from export_assets.store.local import LocalStore
from export_assets.store.reader import open_partition
from export_assets.store.verify import verify_partition, verify_tree
from export_assets_tests.effort import effort
from export_assets_tests.proof.plugin import Proven
from export_assets_tests.store.publishing import KEY, beside, parts_of, publish

pytestmark = [pytest.mark.suite("concurrency"), pytest.mark.promise("whole-or-absent")]

EACH = effort(5, soak=20)

WRITER = """
import sys
from pathlib import Path
from export_assets_tests.store.publishing import publish
root, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for number in range(count):
    print(publish(root, f"{name}-{number}", timeout=60).generation, flush=True)
"""

READER = """
import sys
from pathlib import Path
from export_assets.store.reader import open_partition
from export_assets_tests.store.publishing import KEY, parts_of
root = Path(sys.argv[1])
reads, generations, mixes = 0, [], 0
while not (root / "stop").exists():
    with open_partition(root.joinpath(*KEY.parts, "all")) as view:
        contents = {name: file.read() for name, file in view.files.items()}
        mixes += contents != parts_of(view.manifest.run_id)
    if generations[-1:] != [view.manifest.generation]:
        generations.append(view.manifest.generation)
    reads += 1
print(reads, len(generations), mixes, generations == sorted(set(generations)))
"""

HOLDER = """
import sys, time
from pathlib import Path
from export_assets.store.local import LocalStore
from export_assets_tests.store.publishing import KEY
with LocalStore(Path(sys.argv[1])).stage(KEY, "all", "holder") as staging:
    (staging.path / "part-00000.csv").write_bytes(b"half")
    print("held", flush=True)
    time.sleep(60)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_eight_processes_on_one_partition_take_turns_and_readers_see_no_mix(
    tmp_path: Path, proven: Proven
) -> None:
    publish(tmp_path, "first")
    readers = [start(READER, tmp_path) for _ in range(4)]
    writers = [start(WRITER, tmp_path, f"writer{number}", EACH) for number in range(8)]

    said = [writer.communicate(timeout=120)[0] for writer in writers]
    (tmp_path / "stop").touch()
    read = [reader.communicate(timeout=60)[0].split() for reader in readers]

    generations = sorted(int(line) for text in said for line in text.splitlines())
    published = LocalStore(tmp_path).manifest(KEY, "all")
    assert [one.returncode for one in (*writers, *readers)] == [0] * 12
    assert generations == list(range(2, 8 * EACH + 2))
    assert published is not None
    assert published.generation == generations[-1]
    assert beside(tmp_path) == ["all"]
    assert verify_partition(tmp_path.joinpath(*KEY.parts, "all")) == []
    assert [(one[2], one[3]) for one in read] == [("0", "True")] * 4, read
    assert all(int(one[1]) > EACH for one in read), "the readers met too few generations"
    reads, mixes = (sum(int(one[column]) for one in read) for column in (0, 2))
    result = f"each published once, {mixes} of {reads} reads by 4 others saw a mix"
    proven(len(generations), "generations by 8 processes", result)


def test_a_reader_during_two_hundred_replacements_never_sees_a_mix(
    tmp_path: Path, proven: Proven
) -> None:
    publish(tmp_path, "writer-first")
    partition = tmp_path.joinpath(*KEY.parts, "all")
    writer = start(WRITER, tmp_path, "writer", 200)
    seen: list[str] = []
    reads = 0

    while writer.poll() is None:
        with open_partition(partition) as view:
            run_id = view.manifest.run_id
            contents = {name: file.read() for name, file in view.files.items()}
        assert contents == parts_of(run_id)
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        assert sums == {record.path: record.sha256 for record in view.manifest.files}
        reads += 1
        if not seen or seen[-1] != run_id:
            seen.append(run_id)
    writer.communicate()

    assert writer.returncode == 0
    assert reads > 50
    assert len(seen) > 20, "the reader met too few generations to prove anything"
    assert len(seen) == len(set(seen)), "an older generation came back"
    proven(reads, "reads during 200 replacements", f"{len(seen)} generations seen, none mixed")


def test_verifying_during_replacements_finds_nothing(tmp_path: Path) -> None:
    publish(tmp_path, "writer-first")
    writer = start(WRITER, tmp_path, "writer", 100)
    findings = []

    while writer.poll() is None:
        findings += [finding for verdict in verify_tree(tmp_path) for finding in verdict.findings]
    writer.communicate()

    assert findings == []


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    holder = start(HOLDER, tmp_path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert len(beside(tmp_path)) == 1
    holder.kill()
    holder.communicate()

    begun = time.monotonic()
    publish(tmp_path, "r1")

    assert time.monotonic() - begun < 1
    assert beside(tmp_path) == ["all"]
