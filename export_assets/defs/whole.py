"""What bundles and sets have in common in Dagster: files of several tables, published as one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import dagster as dg

from export_assets.defs.findings import Finding
from export_assets.defs.metadata import Metadata, describe_published
from export_assets.engine.bundles.checking import differing_content
from export_assets.errors import ExportError
from export_assets.store.contents import BundledTable
from export_assets.store.manifest import Manifest
from export_assets.store.verify import verify_partition
from export_assets.translate import one_line

_LISTED = 5


def version_of(manifest: Manifest) -> str:
    """Return the version of what *manifest* says is published, and of how it was made."""
    return f"{manifest.row_digest}-{manifest.config_hash}"


def describe_whole(
    manifest: Manifest,
    path: Path,
    tables: Sequence[BundledTable],
    *,
    status: str,
    seconds: float | None = None,
) -> Metadata:
    """Return the figures of what is published at *path*; never a value of the data."""
    sha256 = manifest.files[0].sha256
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(manifest.rows),
        "tables": dg.MetadataValue.json({table.name: table.rows for table in tables}),
        **describe_published(manifest, path, sha256=sha256, status=status, seconds=seconds),
    }


def examine(path: Path, read: Callable[[], Manifest | None]) -> Finding:
    """Compare what is published at *path* with its manifest, which *read* gives."""
    try:
        manifest = read()
        if manifest is None:
            return Finding(passed=False, says=f"{path.name}: is not published")
        findings = verify_partition(path)
        if findings:
            return Finding(passed=False, says="; ".join(item.message for item in findings))
        fact = differing_content(path, manifest)
    except (ExportError, OSError) as error:
        return Finding(passed=False, says=one_line(error))
    return Finding(passed=fact is None, says=f"{path.name}: {fact}" if fact else "as recorded")


def check_result(
    key: dg.AssetKey, name: str, found: Mapping[str, Finding], *, fine: str, counted: str
) -> dg.AssetCheckResult:
    """Return what the check *name* says of everything *found*.

    Args:
        key: The asset.
        name: The check.
        found: What was found, by partition.
        fine: What it says where nothing is broken.
        counted: What the partitions are called.
    """
    broken = [finding.says for finding in found.values() if not finding.passed]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(broken[:_LISTED]) or fine,
        metadata={counted: len(found), "broken": len(broken)},
    )
