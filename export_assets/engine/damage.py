"""Which published partitions are not what their manifests say, and what may be done about it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from export_assets.engine.bundles.checking import differing_content
from export_assets.store.manifest import BUNDLE, MANIFEST_NAME, SET, Manifest
from export_assets.store.staging import walk
from export_assets.store.verify import Verdict, verify_tree

_PART = re.compile(r"part-\d{5,}\.[a-z0-9.]+\Z")


@dataclass(frozen=True, kw_only=True)
class Damage:
    """One partition that is not what its manifest says."""

    path: Path
    facts: Sequence[str]
    """What is wrong; each names the file, then the fact."""
    manifest: Manifest | None
    """None where it cannot be read, or is that of another partition."""
    holds_rows: bool
    """Whether anything is left in its files."""
    kept: str | None = None
    """Why it must be left alone, where it must."""

    @property
    def table(self) -> str:
        """Directory name of the table."""
        return self.path.parts[-3]

    @property
    def format(self) -> str:
        """Name of the format."""
        return self.path.parts[-2]


def find_damages(root: Path, source: str, *, tables: Sequence[str], deep: bool) -> list[Damage]:
    """Compare what is published of *source* below *root* with its manifests.

    Args:
        root: The export root.
        source: The source.
        tables: Only these tables; all where none is named.
        deep: Also read every file and compare its values.
    """
    compare = differing_content if deep else None
    return [
        _damage(verdict)
        for table in tables or (None,)
        for verdict in verify_tree(
            root, source=source, table=table, compare_values=compare, placed=True
        )
        if verdict.findings
    ]


def _damage(verdict: Verdict) -> Damage:
    problems = {finding.problem for finding in verdict.findings}
    manifest, kept = verdict.manifest, None
    files = dict(_files(verdict.path))
    bundle = verdict.path.parts[-2] in {BUNDLE, SET}
    listed = {file.path for file in manifest.files} if manifest is not None else set()
    others = [] if bundle else sorted(name for name in files if not _PART.match(name))
    if others or "extra" in problems:
        others = sorted(name for name in files if name not in listed and name in others)
        others = others or [one.path.name for one in verdict.findings if one.problem == "extra"]
        kept = f"{verdict.path} holds {', '.join(others[:3])}, which is not ours; move it away"
    if manifest is not None and "manifest" in problems:
        if manifest.table != verdict.path.parts[-3]:
            kept = kept or f"{verdict.path} holds another table; move it away"
        manifest = None
    if verdict.path.is_symlink() or (not files and "unreadable" in problems):
        kept = kept or "; ".join(one.message for one in verdict.findings)
    return Damage(
        path=verdict.path,
        facts=tuple(finding.message for finding in verdict.findings),
        manifest=manifest,
        holds_rows=any(files.values()),
        kept=kept,
    )


def _files(path: Path) -> Iterator[tuple[str, int]]:
    """Yield name and size of every file besides the manifest, as far as they can be seen."""
    try:
        for name, size in walk(path):
            if name != MANIFEST_NAME:
                yield name, size
    except OSError:
        return
