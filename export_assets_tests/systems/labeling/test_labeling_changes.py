"""What is exported follows whatever happens to the database, and nothing else is touched."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest
from export_assets.engine.watching import Watch
from export_assets.store.manifest import SET
from export_assets.systems.labeling.live_edit import Edit, Kind
from export_assets.systems.labeling.live_edits import KINDS, Editor
from export_assets.systems.labeling.sample import make_sample
from export_assets_tests.effort import SOAK, effort
from export_assets_tests.systems.labeling import oracle
from export_assets_tests.systems.labeling.labeling_world import (
    Project,
    assert_legacy,
    copied,
    document,
)

SOME: tuple[Kind, ...] = (
    "insert", "rolled_back", "bulk_delete", "upgrade",
)  # fmt: skip
KINDS_FIRST = KINDS if SOAK else SOME
EDITS = effort(len(SOME), soak=500)
FILES = (
    "formats: [parquet]\ntables:\n  images: {partition_by: {column: created_at, every: month}}\n"
)


def tree(home: Path) -> dict[str, tuple[int, int, int]]:
    """Every file that is published or kept, with what changes when it is written."""
    found = {}
    for top in ("exports", "database_exports"):
        for path in (home / top).rglob("*"):
            if path.is_file() and ".locks" not in path.parts:
                stat = path.stat()
                found[str(path.relative_to(home))] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found


def ticks(project: Project) -> Iterator[ExportReport | None]:
    """What looking does, each time it is asked to look once more."""
    workspace = project.workspace()
    numbers = iter(range(10_000))
    watch = Watch(
        workspace=workspace,
        source=workspace.source("labeling"),
        request=ExportRequest(),
        new_run=lambda: project.exporter(next(numbers)).run,
        interval=1,
    )
    done = None
    while True:
        stamp, seen = watch.look(done)
        if seen is None:
            yield None
            continue
        assert seen.error is None, seen.error
        assert seen.report is not None
        assert not seen.failed, [one.error for one in seen.report.failed]
        done = stamp
        yield seen.report


def written(report: ExportReport | None) -> dict[str, set[str]]:
    """Tables and sets with a partition that was published, by whether they are sets."""
    found: dict[str, set[str]] = {"tables": set(), "sets": set()}
    for one in report.records if report is not None else ():
        if one.status in {"success", "empty"}:
            found["sets" if one.format == SET else "tables"].add(one.table)
    return found


def rows_published(project: Project, table: str) -> list[dict[str, object]]:
    parts = sorted((project.home / "exports" / "labeling" / table / "parquet").glob("*/*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def assert_same(project: Project) -> None:
    with tempfile.TemporaryDirectory() as directory:
        _assert_same(project, copied(project.database, Path(directory)))


def _assert_same(project: Project, database: Path) -> None:
    assert_legacy(project.set, database)
    assert_legacy(project.copy, database)
    with oracle.opened(database) as connection:
        tables = [
            name
            for (name,) in connection.execute("select name from sqlite_schema where type = 'table'")
        ]
        for table in tables:
            stored = oracle.rows(connection, f"select * from {table}")
            published = rows_published(project, table)
            assert len(published) == len(stored), table
            if "id" in (stored[0] if stored else {}):
                assert sorted(str(one["id"]) for one in published) == sorted(
                    str(one["id"]) for one in stored
                ), table
    documents = project.home / "exports" / "labeling" / "project_documents" / "set"
    shown = {
        path.name.partition("=")[2]: document(path, "project.json")["projects"]
        for path in documents.iterdir()
    }
    expected = oracle.tidy_document(database)["projects"]
    assert {key for key, one in shown.items() if one} == {str(one["id"]) for one in expected}


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[tuple[Project, Editor]]:
    project = Project(tmp_path / "home")
    make_sample(project.database, generation=16, projects=2, images=3)
    project.configure(FILES)
    with Editor(project.database, older=tmp_path / "older", seed=7) as editor:
        yield project, editor


def test_every_edit_is_followed_and_nothing_else_is_written(
    edited: tuple[Project, Editor],
) -> None:
    project, editor = edited
    looking = ticks(project)
    next(looking)
    assert_same(project)
    for number in range(EDITS):
        edit: Edit = editor.edit(KINDS_FIRST[number] if number < len(KINDS_FIRST) else None)
        published = written(next(looking))
        assert published["tables"] <= edit.tables, (number, edit)
        assert bool(published["sets"]) <= bool(edit.tables), (number, edit)
        assert_same(project)
        before = tree(project.home)
        assert next(looking) is None, edit
        assert tree(project.home) == before, edit


def test_what_an_edit_touches_is_published_again(edited: tuple[Project, Editor]) -> None:
    project, editor = edited
    looking = ticks(project)
    next(looking)
    for kind in ("edit_annotation", "move_image"):
        edit = editor.edit(kind)
        published = written(next(looking))
        assert published["tables"] == edit.tables, edit
        assert "database_export" in published["sets"], edit


def test_a_failed_export_stays_to_be_done(project: Project) -> None:
    looking = ticks(project)
    project.configure("sets: {database_export: {max_mb: 0.01}}\n")
    workspace = project.workspace()
    watch = Watch(
        workspace=workspace,
        source=workspace.source("labeling"),
        request=ExportRequest(),
        new_run=lambda: project.exporter().run,
        interval=1,
    )
    for _ in range(2):  # the second look tries again, though nothing changed
        _, seen = watch.look(None)
        assert seen is not None
        assert seen.failed
        assert not project.set.exists()
        assert not project.copy.exists()
    shutil.rmtree(project.home / "sources")
    looking = ticks(project)
    report = next(looking)
    assert written(report)["sets"] == {"database_export"}
    assert_legacy(project.copy, project.database)


def test_an_older_file_put_back_is_noticed_by_its_content(tmp_path: Path) -> None:
    project = Project(tmp_path / "home")
    make_sample(project.database, projects=1, images=2)
    project.export()
    with Editor(project.database, older=tmp_path / "older") as editor:
        editor.edit("insert")
        project.export(2)
        edit = editor.edit("restore")
        assert edit.tables
    published = written(project.export(3))
    assert published["tables"] == edit.tables & published["tables"]
    assert published["tables"]
    assert_legacy(project.set, project.database)
