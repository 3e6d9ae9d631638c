"""Exports of every version of the format ever released are read for ever.

The files in `golden/` were written by version 1 and are never written again.
"""

import shutil
from pathlib import Path

import pytest

from export_assets.engine.bundles.checking import differing_content
from export_assets.store.verify import verify_tree
from export_assets_tests.proof.plugin import Proven

pytestmark = [pytest.mark.suite("golden"), pytest.mark.promise("complete-or-loud")]

GOLDEN = Path(__file__).with_name("golden")
ROWS, DIGEST = 4, "2ece7db279b98ef8"
FORMATS = {"csv", "json", "ndjson", "parquet", "set", "sqlite", "xlsx"}


@pytest.mark.parametrize("version", ["v1"])
def test_exports_of_an_earlier_version_are_verified_value_by_value(
    version: str, proven: Proven
) -> None:
    verdicts = list(verify_tree(GOLDEN / version, compare_values=differing_content, placed=True))

    assert [finding for verdict in verdicts for finding in verdict.findings] == []
    manifests = [verdict.manifest for verdict in verdicts if verdict.manifest is not None]
    assert {one.format for one in manifests} == FORMATS
    assert {(one.rows, one.format_version) for one in manifests} == {(ROWS, 1)}
    assert {one.row_digest for one in manifests if one.format != "set"} == {DIGEST}
    told = f"{len(verdicts)} read back value by value"
    proven(len(manifests), f"manifests of {version}", told)


def test_a_value_changed_in_one_is_found(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "v1", tmp_path / "v1")
    [part] = (tmp_path / "v1" / "shop" / "orders" / "csv").rglob("part-*")
    part.write_bytes(part.read_bytes().replace(b"1.5", b"1.6"))

    verdicts = list(verify_tree(tmp_path / "v1", compare_values=differing_content, placed=True))

    [found] = [finding for verdict in verdicts for finding in verdict.findings]
    assert found.path == part
