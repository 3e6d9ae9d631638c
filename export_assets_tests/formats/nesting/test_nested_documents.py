"""Nested documents: written as Python's json would write them, read back, and no flip unnoticed."""

import json
import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.nesting.layout import Frame, Level, check_level
from export_assets.formats.nesting.lines import LevelLines
from export_assets.formats.nesting.read import read_nested
from export_assets.formats.nesting.write import DocumentWriter
from export_assets_tests.proof.plugin import Proven

ROOT = Level(
    name="projects",
    table="p",
    groups=("statistics",),
    children=(
        Level(name="labels", table="l"),
        Level(
            name="datasets",
            table="d",
            children=(
                Level(name="images", table="i", children=(Level(name="annotations", table="a"),)),
            ),
        ),
    ),
)
ODD = ["", "x", 'a"]\n,{', "é😀", '{"', "]}", ",\n{", "\\", "\u2028", '"annotations": []']


@dataclass
class Made:
    """Lines of every level, and the document they stand for."""

    lines: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {name: [] for name in "pldia"}
    )
    projects: list[dict[str, Any]] = field(default_factory=list)

    def write(self, directory: Path) -> None:
        for name, rows in self.lines.items():
            text = "".join(
                json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows
            )
            (directory / name).write_text(text, encoding="utf-8")


def invent(chance: random.Random, *, most: int = 3) -> Made:
    made = Made()
    for number in range(chance.randint(0, most)):
        statistics = {"a": number, "b": None}
        own = {"id": number, "name": chance.choice(ODD)}
        after = {"list": [1, {"statistics": chance.choice(ODD)}]}
        grouped = {f"statistics.{name}": value for name, value in statistics.items()}
        made.lines["p"].append({"_position": number + 1, **own, **grouped, **after})
        project: dict[str, Any] = {
            **own,
            "statistics": statistics,
            **after,
            "labels": [],
            "datasets": [],
        }
        made.projects.append(project)
        for _ in range(chance.randint(0, 3)):
            label = {"name": chance.choice(ODD)}
            made.lines["l"].append({"_parent": number + 1, **label})
            project["labels"].append(label)
        for _ in range(chance.randint(0, 3)):
            project["datasets"].append(_dataset(chance, made, number + 1))
    return made


def _dataset(chance: random.Random, made: Made, parent: int) -> dict[str, Any]:
    own = {"share": chance.random(), "nested": {"x": [], "y": {}}}
    made.lines["d"].append({"_position": len(made.lines["d"]) + 1, "_parent": parent, **own})
    dataset: dict[str, Any] = {**own, "images": []}
    place = len(made.lines["d"])
    for _ in range(chance.randint(0, 2)):
        image: dict[str, Any] = {"file": chance.choice(ODD)}
        made.lines["i"].append({"_position": len(made.lines["i"]) + 1, "_parent": place, **image})
        image["annotations"] = []
        dataset["images"].append(image)
        for _ in range(chance.choice([0, 1, 2, 700, 1100]) if chance.random() < 0.2 else 1):
            mark: dict[str, Any] = {
                "class": chance.choice(ODD),
                "outline": chance.choice([None, [{"x": 1.5}], {}]),
            }
            made.lines["a"].append({"_parent": len(made.lines["i"]), **mark})
            image["annotations"].append(mark)
    return dataset


def written(directory: Path, path: Path, *, pretty: bool, **around: Any) -> dict[str, LevelLines]:
    with ExitStack() as stack:
        lines = {
            level.table: stack.enter_context(
                LevelLines(level, directory / level.table, root=level is ROOT)
            )
            for level in ROOT.walk()
        }
        writer = DocumentWriter(ROOT, lines, Frame(pretty=pretty))
        with path.open("wb") as file:
            writer.write(file, around.get("head", {}), around.get("tail", {}))
        writer.finish()
    return lines


@pytest.mark.parametrize("pretty", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_a_document_is_what_json_would_write(tmp_path: Path, seed: int, pretty: bool) -> None:  # noqa: FBT001
    chance = random.Random(seed)
    made = invent(chance)
    made.write(tmp_path)
    head = chance.choice([{}, {"at": "2026", "info": {"a": [1]}}])
    tail = chance.choice([{}, {"summary": {"n": 1}}])
    path = tmp_path / "document.json"
    lines = written(tmp_path, path, pretty=pretty, head=head, tail=tail)
    wanted = {**head, "projects": made.projects, **tail}
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == wanted
    if pretty:
        assert text == json.dumps(wanted, indent=2, ensure_ascii=False) + "\n"
    found = read_nested(path, ROOT, Frame(pretty=pretty))
    assert found.rows == {name: len(rows) for name, rows in made.lines.items()}
    assert found.totals == {name: one.total for name, one in lines.items()}
    around = {name: json.loads(bytes(raw)) for name, raw in found.members.items()}
    assert around == {**head, **tail}


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("nothing-changed-silently")
@pytest.mark.parametrize("pretty", [True, False])
def test_no_flipped_bit_is_read_as_the_same_content(
    tmp_path: Path, proven: Proven, *, pretty: bool
) -> None:
    chance = random.Random(5)
    made = invent(chance, most=3)
    made.write(tmp_path)
    path = tmp_path / "document.json"
    written(tmp_path, path, pretty=pretty)
    data = path.read_bytes()
    right = read_nested(path, ROOT, Frame(pretty=pretty))
    refused = blanks = 0
    for _ in range(300):
        at, bit = chance.randrange(len(data)), chance.randrange(8)
        flipped = bytearray(data)
        flipped[at] ^= 1 << bit
        path.write_bytes(flipped)
        try:
            found = read_nested(path, ROOT, Frame(pretty=pretty))
        except IntegrityError:
            refused += 1
            continue
        same = (found.rows, found.totals) == (right.rows, right.totals)
        # Blanks between tokens say nothing; every other bit does.
        assert not same or _says(bytes(flipped)) == _says(data), (at, bit)
        blanks += same
    told = f"{refused} refused, {300 - refused - blanks} read as other content, {blanks} blanks"
    proven(300, "bits of a nested document", told)


def _says(data: bytes) -> object:
    return json.loads(data)


def test_a_document_that_ends_early_is_none(tmp_path: Path) -> None:
    made = invent(random.Random(3))
    made.write(tmp_path)
    path = tmp_path / "document.json"
    written(tmp_path, path, pretty=True)
    data = path.read_bytes()
    for end in range(0, len(data) - 2, max(len(data) // 60, 1)):
        path.write_bytes(data[:end])
        with pytest.raises(IntegrityError, match="document\\.json"):
            read_nested(path, ROOT, Frame(pretty=True))


def test_a_record_whose_parent_is_not_there_is_not_lost_silently(tmp_path: Path) -> None:
    made = invent(random.Random(2))
    made.lines["a"].append({"_parent": 10_000, "class": "orphan"})
    made.write(tmp_path)
    with pytest.raises(IntegrityError, match=r"a: record .* belongs nowhere"):
        written(tmp_path, tmp_path / "document.json", pretty=True)


def test_cut_lines_are_refused(tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(b'{"_parent":1,"name":"x"')
    with pytest.raises(IntegrityError, match="its lines are cut"):
        LevelLines(ROOT.children[0], tmp_path / "l", root=False)


@pytest.mark.parametrize(
    ("columns", "fact"),
    [
        (("_parent", "id"), "needs _position, _parent first"),
        (("_position", "_parent"), "and then its members"),
        (("_position", "_parent", "id", "images"), "is what the list inside its records is called"),
    ],
)
def test_a_table_that_cannot_be_a_level_is_refused(columns: tuple[str, ...], fact: str) -> None:
    with pytest.raises(UsageError, match=fact):
        check_level(ROOT.children[1], columns, root=False)
