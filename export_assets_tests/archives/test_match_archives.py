"""Match archives: everything of one match, under a name that leads nowhere else."""

import errno
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest

from export_assets.archives.match import MatchFile, MatchRequest, archive_match, check_match_id
from export_assets.archives.metadata import MatchMetadata
from export_assets.archives.zip_reader import open_archive
from export_assets.errors import NoSpace, SourceMissing, UsageError
from export_assets.store.filesystem import Filesystem
from export_assets_tests.store.publishing import Failing

NOW = datetime(2026, 2, 8, 10, 30, tzinfo=UTC)
BAD_IDS = (
    "", ".", "..", "../x", "a/b", "/etc", "\\", "a\\b", "C:", "C:\\x", "a\0b", "a\n", "a b", " a",
    "a ", "ä", "日本", "\u202ea", "x" * 65, "x" * 300, ".hidden", "-rf", "_x", "a;b", "a|b", "a*",
    "$(id)", "`id`", "%2e%2e", "a'b",
)  # fmt: skip  # a list of words
GOOD_IDS = (
    "7", "a", "A-1", "final_2026", "x.y", "2026-02-08", "x" * 64, "a..b", "a-", "0_0",
)  # fmt: skip  # a list of words


def request(
    root: Path, *, match_id: str = "final", run_id: str = "r", filesystem: Filesystem | None = None
) -> MatchRequest:
    source = root / "source"
    source.mkdir(exist_ok=True)
    files = {"main.csv": "logs", "timer_events.db": "database", "runs.csv": "exports"}
    for name in files:
        (source / name).write_text(f"content of {name}\n", encoding="utf-8")
    return MatchRequest(
        match_id=match_id,
        archives=root / "archives",
        files=[
            MatchFile(
                folder=folder,  # type: ignore[arg-type]  # one of the three
                path=name,
                file=source / name,
                format="csv" if folder == "exports" else "",
            )
            for name, folder in files.items()
        ],
        counts={"runs": 3},
        run_id=run_id,
        now=NOW,
        filesystem=filesystem or Filesystem(),
    )


def test_it_holds_everything_of_the_match_and_says_so(tmp_path: Path) -> None:
    archive = archive_match(request(tmp_path))

    assert archive == tmp_path / "archives" / "match_final_20260208_103000.zip"
    with ZipFile(archive) as opened:
        names = ["database/timer_events.db", "exports/runs.csv", "logs/main.csv", "metadata.json"]
        assert opened.namelist() == names
        said = json.loads(opened.read("metadata.json"))
    assert said["match_id"] == "final"
    assert said["schema_version"] == "1.0.0"
    assert said["formats"] == ["csv"]
    assert said["counts"] == {"database": 1, "exports": 1, "logs": 1, "runs": 3}
    assert [(one["name"], one["bytes"]) for one in said["members"]] == [
        ("database/timer_events.db", 27),
        ("exports/runs.csv", 20),
        ("logs/main.csv", 20),
    ]
    with open_archive(archive) as checked:
        assert isinstance(checked.metadata, MatchMetadata)
        assert checked.verify() == 3


@pytest.mark.suite("security")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.parametrize("match_id", BAD_IDS)
def test_an_id_that_could_lead_elsewhere_is_refused(tmp_path: Path, match_id: str) -> None:
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(UsageError, match="match id"):
        archive_match(MatchRequest(match_id=match_id, archives=tmp_path, files=[], run_id="r"))

    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("match_id", GOOD_IDS)
def test_an_id_that_is_a_name_everywhere_is_taken(tmp_path: Path, match_id: str) -> None:
    archive = archive_match(request(tmp_path, match_id=check_match_id(match_id)))

    assert archive.parent == tmp_path / "archives"


def test_archives_of_one_second_do_not_replace_each_other(tmp_path: Path) -> None:
    first, second = (archive_match(request(tmp_path, run_id=run)) for run in ("one", "two"))

    assert [first.name, second.name] == [
        "match_final_20260208_103000.zip",
        "match_final_20260208_103000_2.zip",
    ]


def test_matches_archived_at_once_do_not_remove_each_others_work(tmp_path: Path) -> None:
    ids = ["a", "a.b", "x.match_a", "a.match_a"] * 3
    requests = [request(tmp_path, match_id=one, run_id=f"r{n}") for n, one in enumerate(ids[:4])]

    with ThreadPoolExecutor(4) as pool:
        archives = list(pool.map(archive_match, requests * 1))

    assert len(set(archives)) == 4
    assert sorted((tmp_path / "archives").iterdir()) == sorted(archives)


def test_a_file_that_is_missing_leaves_nothing_behind(tmp_path: Path) -> None:
    asked = request(tmp_path)
    (tmp_path / "source" / "runs.csv").unlink()

    with pytest.raises(SourceMissing, match=r"runs\.csv: no such file"):
        archive_match(asked)

    assert list((tmp_path / "archives").iterdir()) == []


def test_a_match_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no files to archive"):
        archive_match(MatchRequest(match_id="a", archives=tmp_path, files=[], run_id="r"))


def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for number in range(1, 5):
        failing = Failing(number, errno.ENOSPC)
        with pytest.raises(NoSpace):
            archive_match(request(tmp_path, filesystem=failing))

        assert failing.failed is not None
        assert list((tmp_path / "archives").iterdir()) == []
