"""Verifying: every flipped bit is found and its file named."""

import random
from pathlib import Path

import pytest

from export_assets.errors import IntegrityError
from export_assets.store.hashing import hash_file
from export_assets.store.manifest import Manifest
from export_assets.store.reader import open_partition
from export_assets.store.verify import verify_partition, verify_tree
from export_assets_tests.proof.plugin import Proven
from export_assets_tests.store.publishing import KEY, publish


def published(root: Path, directory: str = "all") -> Path:
    publish(root, "r1", directory=directory)
    return root.joinpath(*KEY.parts, directory)


def flip(path: Path, position: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def test_a_sound_partition_has_no_findings(tmp_path: Path) -> None:
    assert verify_partition(published(tmp_path)) == []


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("complete-or-loud")
def test_three_hundred_flips_in_a_part_are_three_hundred_findings(
    tmp_path: Path, proven: Proven
) -> None:
    partition = published(tmp_path)
    part = partition / "part-00000.csv"
    size = part.stat().st_size
    chance = random.Random(300)
    found = 0

    for _ in range(300):
        position, bit = chance.randrange(size), chance.randrange(8)
        flip(part, position, bit)
        found += [(f.path, f.problem) for f in verify_partition(partition)] == [(part, "sha256")]
        flip(part, position, bit)

    assert found == 300
    assert verify_partition(partition) == []
    proven(300, "bits of a part", f"{found} found and named")


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("complete-or-loud")
def test_flips_in_the_manifest_are_found(tmp_path: Path, proven: Proven) -> None:
    partition = published(tmp_path)
    path = partition / "_manifest.json"
    size = path.stat().st_size
    chance = random.Random(301)
    found = 0

    for _ in range(300):
        position, bit = chance.randrange(size), chance.randrange(8)
        flip(path, position, bit)
        findings = verify_partition(partition)
        found += [finding.problem for finding in findings] == ["manifest"]
        assert str(path) in findings[0].message
        flip(path, position, bit)

    assert found == 300
    proven(300, "bits of a manifest", f"{found} found and named")


def test_missing_extra_and_cut_files_are_each_named(tmp_path: Path) -> None:
    partition = published(tmp_path)
    (partition / "part-00000.csv").unlink()
    (partition / "part-00001.csv").write_bytes(b"cut")
    (partition / "stray.csv").write_bytes(b"")

    findings = verify_partition(partition)

    assert [(finding.path.name, finding.problem) for finding in findings] == [
        ("part-00000.csv", "missing"),
        ("part-00001.csv", "size"),
        ("stray.csv", "extra"),
    ]
    assert findings[1].message == f"{partition}/part-00001.csv: has 3 bytes, its manifest says 1984"


def test_rows_are_counted_by_the_reader_given(tmp_path: Path) -> None:
    partition = published(tmp_path)

    def count(path: Path, manifest: Manifest) -> int:
        assert manifest.table == "orders"
        return path.stat().st_size - (path.name == "part-00001.csv")

    findings = verify_partition(partition, count_rows=count)

    assert [(finding.path.name, finding.problem) for finding in findings] == [
        ("part-00001.csv", "rows")
    ]


def test_a_part_its_reader_refuses_is_a_finding(tmp_path: Path) -> None:
    def refuse(path: Path, _: Manifest) -> int:
        msg = f"{path}: not readable"
        raise IntegrityError(msg)

    findings = verify_partition(published(tmp_path), count_rows=refuse)

    assert [finding.problem for finding in findings] == ["unreadable", "unreadable"]


def test_a_directory_without_a_manifest_is_a_finding(tmp_path: Path) -> None:
    findings = verify_partition(tmp_path)

    assert [finding.message for finding in findings] == [f"{tmp_path}: holds no manifest"]


def test_a_link_in_the_place_of_a_part_is_a_finding(tmp_path: Path) -> None:
    partition = published(tmp_path)
    part = partition / "part-00000.csv"
    part.rename(tmp_path / "elsewhere.csv")
    part.symlink_to(tmp_path / "elsewhere.csv")

    assert [finding.problem for finding in verify_partition(partition)] == ["unreadable"]


def test_a_tree_gives_its_verdicts_in_order_with_what_was_looked_at(tmp_path: Path) -> None:
    names = [f"day=2026-02-{day:02}" for day in range(1, 29)]
    for name in names:
        published(tmp_path, name)
    flip(tmp_path.joinpath(*KEY.parts, names[7], "part-00001.csv"), 5, 3)

    verdicts = list(verify_tree(tmp_path))

    assert [verdict.path.name for verdict in verdicts] == names
    assert [verdict.path.name for verdict in verdicts if verdict.findings] == [names[7]]
    assert sum(verdict.files for verdict in verdicts) == 56
    assert sum(verdict.bytes for verdict in verdicts) == 56 * 1984
    assert list(verify_tree(tmp_path, table="nothing")) == []


def test_a_reader_of_a_partition_that_lacks_a_part_is_told(tmp_path: Path) -> None:
    partition = published(tmp_path)
    (partition / "part-00001.csv").unlink()

    with (
        pytest.raises(IntegrityError, match=r"part-00001\.csv is listed in the manifest"),
        open_partition(partition),
    ):
        pass
    with pytest.raises(FileNotFoundError), open_partition(tmp_path / "no such"):
        pass


def test_hashing_gives_size_and_sum_also_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")

    assert hash_file(path) == (
        0,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    )
