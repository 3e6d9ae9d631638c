"""Published files against their manifests: every flipped bit, every missing or extra file.

    for verdict in verify_tree(root):
        for finding in verdict.findings: ...

Counting rows and comparing values need a format's reader, which the store does not know: pass
`count_rows`, `compare_values`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from export_assets.errors import ExportError, IntegrityError
from export_assets.store.directory_record import FileEntry, read_record
from export_assets.store.hashing import hash_file, hash_threads
from export_assets.store.manifest import MANIFEST_NAME, FileRecord, Manifest, read_manifest
from export_assets.store.placement import misplaced
from export_assets.store.staging import walk
from export_assets.store.tree import scan_partitions
from export_assets.translate import translate

Problem = Literal["manifest", "missing", "extra", "size", "sha256", "rows", "values", "unreadable"]

RowCounter = Callable[[Path, Manifest], int]
"""Counts the rows of one part with the reader of its format."""

ValueComparer = Callable[[Path, Manifest], str | None]
"""Reads a whole partition and says how its values differ from what its manifest says of them."""

_ATTEMPTS = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One way in which a partition is not what its manifest says."""

    path: Path
    problem: Problem
    message: str
    """Complete in itself: names the path, then the fact."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What verifying one partition found."""

    path: Path
    manifest: Manifest | None
    findings: tuple[Finding, ...]

    @property
    def files(self) -> int:
        """How many files the manifest lists."""
        return len(self.manifest.files) if self.manifest else 0

    @property
    def bytes(self) -> int:
        """How many bytes the manifest lists."""
        return self.manifest.bytes if self.manifest else 0


def verify_partition(path: Path, *, count_rows: RowCounter | None = None) -> list[Finding]:
    """Compare the partition at *path* with its manifest, hashing its files in parallel."""
    with ThreadPoolExecutor(hash_threads()) as pool:
        return list(_verify(path, count_rows, pool).findings)


def verify_tree(
    root: Path,
    *,
    source: str | None = None,
    table: str | None = None,
    fmt: str | None = None,
    count_rows: RowCounter | None = None,
    compare_values: ValueComparer | None = None,
    placed: bool = False,
) -> Iterator[Verdict]:
    """Verify everything published below *root*, yielding verdicts in order of path.

    With *placed*, a partition that lies where another one belongs is a finding of its manifest.
    """
    partitions = scan_partitions(root, source=source, table=table, fmt=fmt)
    found = verify_partitions(partitions, count_rows=count_rows, compare_values=compare_values)
    return map(_placed, found) if placed else found


def verify_partitions(
    paths: Iterable[Path],
    *,
    count_rows: RowCounter | None = None,
    compare_values: ValueComparer | None = None,
) -> Iterator[Verdict]:
    """Verify the partitions at *paths*, several at once, yielding verdicts in their order."""
    waiting = iter(paths)

    def verify(path: Path) -> Verdict:
        return _with_values(_verify(path, count_rows, None), compare_values)

    with ThreadPoolExecutor(hash_threads()) as pool:
        running: deque[Future[Verdict]] = deque()
        try:
            for path in islice(waiting, 4 * hash_threads()):
                running.append(pool.submit(verify, path))
            while running:
                verdict = running.popleft().result()
                for path in islice(waiting, 1):
                    running.append(pool.submit(verify, path))
                yield verdict
        finally:
            for future in running:
                future.cancel()


def _with_values(verdict: Verdict, compare: ValueComparer | None) -> Verdict:
    """Compare the values of a partition whose files are those of its manifest."""
    if compare is None or verdict.manifest is None:
        return verdict
    if any(finding.problem != "extra" for finding in verdict.findings):
        return verdict
    try:
        fact = compare(verdict.path, verdict.manifest)
    except (ExportError, OSError) as error:
        return replace(verdict, findings=(*verdict.findings, _unreadable(verdict.path, error)))
    if fact is None:
        return verdict
    return replace(verdict, findings=(*verdict.findings, _finding(verdict.path, "values", fact)))


def _placed(verdict: Verdict) -> Verdict:
    fact = None if verdict.manifest is None else misplaced(verdict.path, verdict.manifest)
    if fact is None:
        return verdict
    return replace(verdict, findings=(_finding(verdict.path, "manifest", fact), *verdict.findings))


def verify_directory(directory: Path) -> list[Finding]:
    """Compare the files of an ad-hoc *directory* with its record; other files are not judged."""
    try:
        record = read_record(directory)
    except (ExportError, OSError) as error:
        return [_unreadable(directory, error, "manifest")]
    if record is None:
        return [_finding(directory, "manifest", "holds no record")]
    with ThreadPoolExecutor(hash_threads()) as pool:
        checked = pool.map(lambda entry: _check_entry(directory, entry), record.files)
        return [finding for found in checked for finding in found]


def _check_entry(directory: Path, entry: FileEntry) -> list[Finding]:
    path = directory / entry.path
    if not path.exists():
        return [_finding(path, "missing", "listed in the record but missing")]
    return _check_file(path, entry, lambda: entry.rows)


def _verify(path: Path, count_rows: RowCounter | None, pool: ThreadPoolExecutor | None) -> Verdict:
    """Verify one partition, again where it was replaced meanwhile."""
    for _ in range(_ATTEMPTS):
        before = _identity(path)
        verdict = _verify_once(path, count_rows, pool)
        if not verdict.findings or _identity(path) == before:
            break
    return verdict


def _verify_once(
    path: Path, count_rows: RowCounter | None, pool: ThreadPoolExecutor | None
) -> Verdict:
    try:
        manifest = read_manifest(path / MANIFEST_NAME)
        present = dict(walk(path))
    except IntegrityError as error:
        finding = _unreadable(path, error, "manifest")
        return Verdict(path=path, manifest=None, findings=(finding,))
    except OSError as error:
        return Verdict(path=path, manifest=None, findings=(_unreadable(path, error),))

    def check(record: FileRecord) -> list[Finding]:
        if record.path not in present:
            return [_finding(path / record.path, "missing", "listed in the manifest but missing")]
        part = path / record.path
        if count_rows is None or record not in manifest.files:
            return _check_file(part, record, lambda: record.rows)
        return _check_file(part, record, lambda: count_rows(part, manifest))

    # A thread is started where a file is handed to it: for one file that takes longer than hashing.
    at_once = pool.map if pool is not None and len(manifest.listed) > 1 else map
    checked = at_once(check, manifest.listed)
    findings = [finding for found in checked for finding in found]
    listed = {record.path for record in manifest.listed} | {MANIFEST_NAME}
    findings += [
        _finding(path / name, "extra", "not listed in the manifest")
        for name in sorted(present.keys() - listed)
    ]
    return Verdict(path=path, manifest=manifest, findings=tuple(findings))


def _check_file(path: Path, record: FileRecord, rows_of: Callable[[], int]) -> list[Finding]:
    try:
        size, sha256 = hash_file(path)
        if size != record.bytes:
            fact = f"has {size} bytes, its manifest says {record.bytes}"
            return [_finding(path, "size", fact)]
        if sha256 != record.sha256:
            fact = f"has SHA-256 {sha256}, its manifest says {record.sha256}"
            return [_finding(path, "sha256", fact)]
        rows = rows_of()
    except (ExportError, OSError) as error:
        return [_unreadable(path, error)]
    if rows != record.rows:
        return [_finding(path, "rows", f"has {rows} rows, its manifest says {record.rows}")]
    return []


def _finding(path: Path, problem: Problem, fact: str) -> Finding:
    return Finding(path=path, problem=problem, message=f"{path}: {fact}")


def _unreadable(path: Path, error: Exception, problem: Problem = "unreadable") -> Finding:
    if isinstance(error, FileNotFoundError) and str(error.filename).endswith(MANIFEST_NAME):
        return _finding(path, "manifest", "holds no manifest")
    told = translate(error, subject=str(path), side="source")
    return Finding(path=path, problem=problem, message=str(told))


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat(follow_symlinks=False)
    except OSError:
        return None
    # The number of a removed directory is soon used again.
    return status.st_dev, status.st_ino, status.st_ctime_ns
