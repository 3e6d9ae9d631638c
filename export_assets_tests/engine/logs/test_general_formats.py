"""What a file of logs is told to be, JSON or CSV, and that it stays so as it grows."""

from pathlib import Path

import pytest

from export_assets.errors import ConfigError
from export_assets_tests.engine.logs.log_world import LogWorld

T = "2026-01-05T09:00:0{}Z"


@pytest.fixture
def world(tmp_path: Path) -> LogWorld:
    return LogWorld(tmp_path)


def row(second: int, *more: str) -> str:
    return ",".join((T.format(second), *(more or ("x",))))


def values(world: LogWorld, column: str = "v") -> list[object]:
    return world.rows()[column].to_list()


@pytest.mark.parametrize("odd", ["", "[oops", "{oops", '{"a": 1}', "[1]", '{"ts": 1, "v": 2}'])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_no_line_below_a_header_turns_csv_into_json(world: LogWorld, odd: str, place: int) -> None:
    world.log("a.csv", "ts,v", *[odd] * (place == 0), row(1), *[odd] * (place == 1), row(2))
    world.export()
    world.log("a.csv", row(3), *[odd] * (place == 3), row(4))

    world.export()

    assert [value for value in values(world) if value == "x"] == ["x"] * 4


def test_a_blank_line_before_a_header_decides_nothing(world: LogWorld) -> None:
    world.log("a.csv", "", "  ", "ts,v", row(1, "a"))

    report = world.export()

    assert report.exit_code == 0
    assert values(world) == ["a"]


def test_banner_lines_before_json_are_no_header(world: LogWorld) -> None:
    world.log("a.log", *(f"Server, line {n}" for n in range(3)))
    world.export()
    world.log("a.log", '{"ts": "2026-01-05T09:00:00Z", "v": "a"}', '{"ts": 1767603601, "v": "b"}')

    report = world.export()

    assert values(world) == ["a", "b"]
    assert "3 of 5 lines are refused" in " ".join(report.warnings)


def test_a_log_that_begins_within_an_object_is_json(world: LogWorld) -> None:
    world.log("a.log", ':00Z", "v": "a"}', '{"ts": "2026-01-05T09:00:00Z", "v": "b"}')

    world.export()

    assert values(world) == ["b"]


def test_a_file_of_broken_objects_alone_is_quarantined_until_one_is_whole(world: LogWorld) -> None:
    world.log("a.jsonl", '{"ts": "2026-01-05T09:00:00Z", "v": "a"')
    world.log("b.jsonl", '{"ts": "2026-01-05T09:00:00Z", "v": "b"}')

    world.export()

    assert world.rows("quarantine")["file"].to_list() == ["a.jsonl"]
    assert values(world) == ["b"]


def test_csv_without_a_header_is_told_and_not_read(world: LogWorld) -> None:
    world.log("a.csv", row(1, "boot", "1"), row(2, "stop", "2"))
    world.log("b.jsonl", '{"ts": "2026-01-05T09:00:00Z", "v": "b"}')

    report = world.export()

    assert report.exit_code == 3
    assert any("a.csv" in warning for warning in report.warnings)
    assert values(world) == ["b"]
    assert world.rows("quarantine").is_empty()


@pytest.mark.parametrize("first", ["ts,1,x", "ts,2026-01-05,x", "ts,ts,x", "ts,,x", "ts"])
def test_a_line_that_holds_a_value_or_no_name_is_no_header(world: LogWorld, first: str) -> None:
    world.configure(world.yaml + "log: {format: csv}\n")
    world.log("a.csv", first, row(1, "a", "b"))

    report = world.export()

    assert any("a.csv" in warning for warning in report.warnings)
    assert world.rows().is_empty()


@pytest.mark.parametrize("how", ["", ", format: csv"])
def test_names_for_csv_without_a_header_can_be_given(world: LogWorld, how: str) -> None:
    world.configure(world.yaml + f"log: {{header: [ts, event, n]{how}}}\n")
    world.log("a.csv", row(1, "boot", "1"), row(2, "stop", "2"))
    world.log("own.csv", "time,v", row(3, "z"))

    report = world.export()

    rows = world.rows().sort("occurred_at")
    assert report.exit_code == 0
    assert rows["event_type"].to_list() == ["boot", "stop", None]
    assert rows["n"].to_list() == ["1", "2", None]
    assert rows["v"].to_list() == [None, None, "z"]
    assert rows["source_line"].to_list() == [1, 2, 2]


def test_other_names_make_other_events(world: LogWorld) -> None:
    world.configure(world.yaml + "log: {header: [ts, a]}\n")
    world.log("a.csv", row(1))
    world.export()

    world.configure(world.yaml.replace("[ts, a]", "[ts, b]"))
    world.export(overwrite=True)

    assert values(world, "b") == ["x"]


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("header: [a, b]", "header: has no timestamp or"),
        ("{timestamp: when, header: [ts, b]}", "header: has no when"),
        ("header: [ts, ts]", "a name is in it twice"),
        ("header: [ts]", "header"),
        ("delimiter: '\"'", "delimiter must be a single character"),
        ('delimiter: "\\n"', "delimiter must be a single character"),
        ('delimiter: "\\0"', "delimiter must be a single character"),
        ("delimiter: ab", "delimiter must be a single character"),
    ],
)
def test_names_and_delimiters_that_cannot_be_are_refused(
    world: LogWorld, log: str, says: str
) -> None:
    world.configure(world.yaml + f"log: {log if log[0] == '{' else '{' + log + '}'}\n")

    with pytest.raises(ConfigError, match=says):
        world.workspace()


def test_fields_may_be_parted_by_tabs(world: LogWorld) -> None:
    world.configure(world.yaml + "log: {delimiter: tab}\n")
    world.log("a.log", "ts\tv", row(1, "a,b").replace(",", "\t", 1))

    world.export()

    assert values(world) == ["a,b"]


def test_a_long_field_in_quotes_is_read(world: LogWorld) -> None:
    world.log("a.csv", "ts,v", row(1, '"' + "x," * 100_000 + '"'))

    report = world.export()

    assert report.exit_code == 0
    assert values(world) == ["x," * 100_000]


def test_a_header_after_a_byte_order_mark_is_one(world: LogWorld) -> None:
    world.log("a.csv", b"\xef\xbb\xbfts,v\n", row(1))

    report = world.export()

    assert report.exit_code == 0
    assert values(world) == ["x"]
