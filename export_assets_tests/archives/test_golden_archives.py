"""Archives of every version ever released come back for ever.

The zips in `golden/` were written by version 1 of the format and are never written again.
"""

import shutil
from pathlib import Path

import pytest

from export_assets.archives.catalogue import list_archives, verify_archive
from export_assets.archives.offload.ledger import LEDGER_NAME, read_ledger
from export_assets.archives.restore import restore
from export_assets.store.filesystem import REAL
from export_assets_tests.proof.plugin import Proven

pytestmark = [pytest.mark.suite("golden"), pytest.mark.promise("complete-or-loud")]

GOLDEN = Path(__file__).with_name("golden")
OFFLOADED = {
    "a.jsonl": b'{"n":1}\n',
    "bay/a.jsonl": b'{"n":2}\n',
    "new\nline %.log": b"odd\n",
    "empty.log": b"",
}
MATCH = {
    "logs/main.csv": b"Datetime,Type\r\n",
    "database/timer_events.db": b"SQLite format 3\0",
    "exports/runs.csv": b"run_id\n",
}


@pytest.mark.parametrize(
    ("name", "files"), [("offload_v1.zip", OFFLOADED), ("match_v1.zip", MATCH)]
)
def test_an_archive_of_version_1_comes_back(
    tmp_path: Path, name: str, files: dict[str, bytes], proven: Proven
) -> None:
    verified = verify_archive(GOLDEN / name)

    restore(GOLDEN / name, tmp_path, run_id="r")

    assert verified.members == len(files)
    assert {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    } == files
    assert {path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if path.is_file()} == {
        1_770_000_000_000_000_001
    }
    proven(1, "archive of version 1", f"{verified.members} of {len(files)} files restored")


def test_archives_of_version_1_are_listed() -> None:
    listed = {one.path.name: (one.kind, one.members, one.problem) for one in list_archives(GOLDEN)}

    assert listed == {"offload_v1.zip": ("offload", 4, None), "match_v1.zip": ("match", 3, None)}


def test_a_ledger_of_version_1_is_read_and_appended_to(tmp_path: Path, proven: Proven) -> None:
    shutil.copy(GOLDEN / "offload_ledger_v1.jsonl", tmp_path / LEDGER_NAME)

    ledger = read_ledger(tmp_path, filesystem=REAL)
    [archived] = ledger.archived()
    ledger.append(archived)

    again = read_ledger(tmp_path, filesystem=REAL)
    assert (ledger.damage, again.damage) == (None, None)
    assert [one.event for one in again.entries] == ["ARCHIVED", "DONE", "PURGED", "ARCHIVED"]
    assert set(archived.by_path()) == {"a.jsonl", "new\nline.log"}
    proven(1, "ledger of version 1", f"{len(again.entries) - 1} lines read")
