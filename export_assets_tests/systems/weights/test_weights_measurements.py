"""Measurements and results that lie beside the states."""

import os
from datetime import datetime
from pathlib import Path

import pytest

from export_assets.errors import SourceCorrupt, SourceMissing
from export_assets.systems.weights.results import read_results
from export_assets_tests.systems.weights.weights_world import Store


def put(store: Store, name: str, content: str | bytes) -> None:
    directory = store.states.parent / "measurements"
    directory.mkdir(exist_ok=True)
    data = content if isinstance(content, bytes) else content.encode()
    (directory / name).write_bytes(data)


def raw(store: Store) -> list[tuple[object, ...]]:
    store.export(tables=("weights_raw", "quarantine"))
    return [tuple(row.values()) for row in store.rows("weights_raw")]


LONG = "id,user_id,timestamp,effectiveDateTime,source_type,weight,unit"
AT = datetime.fromisoformat("2026-01-05T08:00:00")


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (
            "user_id,effectiveDateTime,source_type,weight,unit\nu,2026-01-05 08:00:00,s,80.5,kg\n",
            ("a.csv", 2, None, "u", None, AT, "s", 80.5, "kg"),
        ),
        ("u,2026-01-05 08:00:00,s,80.5,kg\n", ("a.csv", 1, None, "u", None, AT, "s", 80.5, "kg")),
        (
            '"u","2026-01-05T08:00:00","s","80.5","kg"\r\n',
            ("a.csv", 1, None, "u", None, AT, "s", 80.5, "kg"),
        ),
        (
            f"{LONG}\nm,u,2026-01-05 08:00:00,2026-01-05T08:00:00,s,80.5,kg\n",
            ("a.csv", 2, "m", "u", AT, AT, "s", 80.5, "kg"),
        ),
        (
            "m,u,2026-01-05 08:00:00,2026-01-05T08:00:00,s,80.5,kg\n",
            ("a.csv", 1, "m", "u", AT, AT, "s", 80.5, "kg"),
        ),
        (
            "\ufeffuser_id,timestamp,weight,source,unit\nu,2026-01-05 08:00:00,80.5,s,kg\n",
            ("a.csv", 2, None, "u", AT, None, "s", 80.5, "kg"),
        ),
        ("u,2026-01-05 08:00:00,80.5,s,kg", ("a.csv", 1, None, "u", AT, None, "s", 80.5, "kg")),
        (
            "u,0025-03-01 08:00:00,s,NULL,[lb_ap]\n",
            (
                "a.csv",
                1,
                None,
                "u",
                None,
                datetime.fromisoformat("0025-03-01T08:00:00"),
                "s",
                None,
                "[lb_ap]",
            ),
        ),
        ("u,,s,-1e3,NULL\n", ("a.csv", 1, None, "u", None, None, "s", -1000.0, None)),
    ],
)
def test_every_layout_is_the_same_table(
    store: Store, content: str, row: tuple[object, ...]
) -> None:
    put(store, "a.csv", content)

    assert raw(store) == [row]


def test_a_year_25_is_a_year_25_in_every_format(store: Store) -> None:
    put(store, "a.csv", "u,0025-03-01 08:00:00,s,81.2,kg\n")
    report = store.export(tables=("weights_raw",), formats=("parquet", "csv", "ndjson"))

    assert not report.failed
    assert any("effective_date_time >= 1990-01-01" in line for line in report.warnings)
    for fmt in ("csv", "ndjson"):
        (part,) = store.path("weights_raw", fmt=fmt).glob("part-*")
        assert "0025-03-01T08:00:00" in part.read_text()


def test_units_are_told_and_kept(store: Store) -> None:
    lines = [f"u,2026-01-05 08:00:00,s,80,{unit}\n" for unit in ("kg", "[lb_ap]", "m2", "NULL")]
    put(store, "a.csv", "".join(lines))
    report = store.export(tables=("weights_raw",))

    assert [row["unit"] for row in store.rows("weights_raw")] == ["kg", "[lb_ap]", "m2", None]
    told = [line for line in report.warnings if "unit" in line]
    assert told == [
        "weights_raw: 2 rows break 'unit is one of kg'",
        "weights_raw: 1 row breaks 'unit is not null'",
    ]


def test_lines_that_are_no_rows_are_in_quarantine_and_the_others_are_read(store: Store) -> None:
    put(
        store,
        "a.csv",
        b"u,2026-01-05 08:00:00,s,80,kg\n"
        b"u,2026-01-05 08:00:00,s\n"
        b"\n"
        b"u,yesterday,s,80,kg\n"
        b"u,2026-01-05 08:00:00,s,heavy,kg\n"
        b"u,2026-01-05 08:00:00,k\xfcche,80,kg\n"
        b"u,2026-01-06 08:00:00,s,81,kg\n",
    )

    report = store.export(tables=("weights_raw", "quarantine"))
    assert [row["line"] for row in store.rows("weights_raw")] == [1, 7]
    assert "quarantine: 4 lines are no rows of the files beside the states" in report.warnings
    found = [(row["reason"], row["detail"]) for row in store.rows("quarantine")]
    assert found == [
        ("line", "line 2: 3 fields, where 5 belong"),
        ("time", "line 4: effectiveDateTime: is no time to the microsecond"),
        ("shape", "line 5: weight: is no number"),
        ("line", "line 6: no UTF-8"),
    ]


def test_a_file_whose_name_is_no_text_is_read(store: Store) -> None:
    put(store, os.fsdecode(b"a\xff.csv"), "u,2026-01-05 08:00:00,s,80,kg\nu\n")

    assert [row[0] for row in raw(store)] == ["a%FF.csv"]
    assert [row["file"] for row in store.rows("quarantine")] == ["a%FF.csv"]


def test_files_come_by_name_and_a_changed_one_is_noticed(store: Store) -> None:
    put(store, "b.csv", "u,2026-01-05 08:00:00,s,80,kg\n")
    put(store, "a.csv", "u,2026-01-05 08:00:00,s,81,kg\n")
    put(store, "notes.txt", "nothing\n")
    before = store.exporter().source.source.fingerprint()

    assert [row[0] for row in raw(store)] == ["a.csv", "b.csv"]
    put(store, "b.csv", "u,2026-01-05 08:00:00,s,82,kg\n")
    assert store.exporter().source.source.fingerprint() != before
    assert [row[7] for row in raw(store)] == [81.0, 82.0]


def test_a_place_that_is_named_must_be_there(store: Store) -> None:
    store.put("u", {})
    store.config("source: weights\noptions: {measurements: ../elsewhere}\n")
    with pytest.raises(SourceMissing, match="elsewhere: no such file or directory of measurements"):
        store.export()
    store.config("source: weights\noptions: {results: ../results.json}\n")
    with pytest.raises(SourceMissing, match=r"results\.json: no such file"):
        store.export()
    store.config("source: weights\noptions: {measurements: ../elsewhere}\n")
    (store.states.parent / "elsewhere").write_text("u,2026-01-05 08:00:00,s,80,kg\n")
    assert len(raw(store)) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.csv", "user_id,accepted,rejected\nb,3,1\na,0,0\nb,1,0\n"),
        ("r.csv", "accepted,note,user_id\n" + "true,,b\n" * 4 + "rejected,x,b\n"),
        ("r.json", '[{"user_id": "b", "accepted": 4, "rejected": 1}]'),
        (
            "r.json",
            '[{"user_id": "b", "accepted": 4, "rejected": 0}, {"user_id": "b", "accepted": false}]',
        ),
    ],
)
def test_results_in_every_form(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)

    found = {row[0]: row[1:] for row in read_results(tmp_path / name)}
    assert found["b"] == (4, 1, 0.8)
    assert found.get("a", (0, 0, None)) == (0, 0, None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.csv", "user_id,accepted\nb,maybe\n"),
        ("r.csv", "user_id,accepted,rejected\nb,3,-1\n"),
        ("r.csv", "user_id,accepted,rejected\n,3,1\n"),
        ("r.csv", "user,accepted\nb,true\n"),
        ("r.json", "{}"),
        ("r.json", "[1]"),
        ("r.json", "[{"),
    ],
)
def test_what_is_no_results_is_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)

    with pytest.raises(SourceCorrupt, match=r"r\.(csv|json): "):
        list(read_results(tmp_path / name))
