"""The matrix of SQLite types and values: every value exact in every format, or counted."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from docs.fidelity import page
from docs.generate import REFERENCE
from export_assets.store.manifest import Manifest
from export_assets_tests.engine.engine_world import World
from export_assets_tests.fidelity.fidelity_row import FidelityRow
from export_assets_tests.fidelity.readback import Duck
from export_assets_tests.fidelity.sqlite_matrix import CASES, Case, name_of, rows, script
from export_assets_tests.fidelity.trial import Tally, compare, export_all, published

Published = Mapping[str, Mapping[str, Sequence[tuple[Manifest, Path]]]]


@pytest.fixture(scope="module")
def duck() -> Iterator[Duck]:
    opened = Duck()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Published]:
    world = World(tmp_path_factory.mktemp("matrix"))
    world.sql(script())
    report = export_all(world, {})
    assert [record.error for record in report.records if record.error] == []
    return world, published(world)


def check(world: World, duck: Duck, table: str, found: Published) -> None:
    tally = Tally()
    compare(world, duck, table, found[table], tally)
    assert tally.problems == []
    assert len(tally.cells) == 13


@pytest.mark.parametrize(
    ("index", "case"),
    list(enumerate(CASES)),
    ids=[f"{case.declared} {' '.join(case.values)}"[:60] for case in CASES],
)
def test_every_value_is_exact_or_counted(
    index: int, case: Case, matrix: tuple[World, Published], duck: Duck
) -> None:
    world, found = matrix
    table = name_of(index)

    ((manifest, _),) = found[table]["parquet"]
    row = FidelityRow.of(case.declared, "", manifest.columns[0])

    assert (row.logical, row.verdict, row.count) == (case.logical, case.verdict, case.count)
    assert bool(row.reason) == (case.verdict != "exact")
    check(world, duck, table, found)


def test_every_verdict_but_exact_has_a_case() -> None:
    shown = {(case.declared, case.logical) for case in CASES}

    assert len(CASES) == len({(case.declared, case.values) for case in CASES})
    assert {case.verdict for case in CASES} == {"exact", "widened"}
    assert len(shown) > 40


def test_the_page_in_the_reference_says_what_the_matrix_shows() -> None:
    path = REFERENCE / "fidelity-sqlite.md"

    assert path.read_text(encoding="utf-8") == page("SQLite", rows())
