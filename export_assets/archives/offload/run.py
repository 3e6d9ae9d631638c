"""Offloading: archive old files, prove the archive, and only then move the files away.

Everything before the removal can be repeated; the removal goes by the ledger alone. A run that was
killed anywhere is finished by the next one.
"""

import os
from collections import defaultdict
from pathlib import Path

import msgspec

from export_assets.archives.content import Content, open_below
from export_assets.archives.encryption.record import sweep_records
from export_assets.archives.fingerprint import hash_descriptor
from export_assets.archives.member_names import encoded_path
from export_assets.archives.metadata import OffloadMetadata
from export_assets.archives.offload.ledger import Ledger, LedgerEntry, read_ledger, removal_entry
from export_assets.archives.offload.naming import MATCH_PREFIX, archive_names, check_request
from export_assets.archives.offload.plan import OffloadPlan, plan_offload
from export_assets.archives.offload.recovery import (
    OF_THE_ARCHIVE,
    adopt,
    entry_of,
    settle,
    standing,
    verify_entry,
)
from export_assets.archives.offload.removal import Remover
from export_assets.archives.offload.request import OffloadReport, OffloadRequest
from export_assets.archives.offload.trash import Trash, purge_files
from export_assets.archives.temporary import sweep
from export_assets.archives.zip_reader import true_path
from export_assets.archives.zip_writer import StagedZip, stage_zip
from export_assets.errors import SourceMissing, WrongKey
from export_assets.store.durable import directory, make_directory
from export_assets.store.lock import partition_lock
from export_assets.store.space import check_space
from export_assets.translate import translating

LOCK_NAME = ".offload.lock"
KIND = "offload"


def offload(request: OffloadRequest) -> OffloadReport:
    """Archive the candidates that are old enough; with permission, move them to the trash.

    Damage found on the way, in the ledger or in an archive, never ends the run: it is in
    `OffloadReport.problems`, and nothing that relies on it is removed.

    Raises:
        DestinationError: The archive could not be written; no file was moved.
        DestConflict: An archive has the name asked for.
        DestLocked: Another offload into the same directory is running.
        IntegrityError: The archive, read back, does not hold what was read.
        SourceMissing: There is no source directory.
        UsageError: The request names what cannot be.
    """
    check_request(request)
    if not request.source_dir.is_dir():
        msg = f"{request.source_dir}: no such directory"
        raise SourceMissing(msg)
    with translating(str(request.archives)):
        make_directory(request.archives)
        lock = request.archives / LOCK_NAME
        with partition_lock(lock, holder=request.run_id, subject=f"offload to {request.archives}"):
            return _offload(request)


def preview_offload(request: OffloadRequest) -> OffloadPlan:
    """Return what `offload` would archive and skip, by the ledger that is there; the dry run.

    Raises:
        SourceMissing: There is no source directory.
        UsageError: The request names what cannot be.
    """
    with translating(str(request.archives)):
        ledger = read_ledger(request.archives, filesystem=request.filesystem)
        return plan_offload(request, standing(request.archives, ledger))


def _offload(request: OffloadRequest) -> OffloadReport:
    report = OffloadReport()
    archives, filesystem = request.archives, request.filesystem
    sweep(archives, kind=KIND, filesystem=filesystem)
    sweep_records(archives, names=rf"(?!\.|{MATCH_PREFIX}).+", filesystem=filesystem)
    ledger = read_ledger(archives, filesystem=filesystem)
    if ledger.damage is not None:
        report.problems.append(f"{ledger.damage}; nothing is removed until it is moved away")
    adopted, problems = adopt(
        archives, ledger, run_id=request.run_id, moment=request.now(), keyring=request.keyring
    )
    report.adopted = [entry.archive for entry in adopted]
    report.problems += problems
    there = standing(archives, ledger)
    if ledger.damage is not None:
        there += adopted
    plan = plan_offload(request, _sound(request, there, report))
    report.skipped += plan.skipped
    report.known = {path: entry.archive for path, entry in plan.known.items()}
    entries = dict(plan.known)
    if plan.new:
        entry = _archive(request, plan, ledger, report)
        entries |= dict.fromkeys(report.archived, entry)
    if ledger.damage is None:
        root, moment = request.source_dir.resolve(), request.now()
        settle(root, ledger, run_id=request.run_id, moment=moment)
        if request.allow_delete:
            _remove(request, ledger, entries, report)
    return report


def _sound(
    request: OffloadRequest, there: list[LedgerEntry], report: OffloadReport
) -> list[LedgerEntry]:
    """Return the entries whose archives are sound, where files are to be removed by them.

    What a damaged archive held is archived once more. Without permission to remove, nothing
    depends on it, and reading all archives at each run would cost too much.
    """
    if not request.allow_delete:
        return there
    wanted = plan_offload(request, there).known.values() if there else ()
    damaged = set()
    for entry in {entry.archive: entry for entry in wanted}.values():
        try:
            verify_entry(request.archives, entry, request.keyring)
        except WrongKey:
            # The file that was written: what it holds need not be archived again, nor may it go.
            continue
        except OF_THE_ARCHIVE as error:
            report.problems.append(str(error))
            damaged.add(entry.archive)
    return [entry for entry in there if entry.archive not in damaged]


def _archive(
    request: OffloadRequest, plan: OffloadPlan, ledger: Ledger, report: OffloadReport
) -> LedgerEntry:
    """Write, prove, publish and enter the archive of what is new."""
    root, moment = request.source_dir.resolve(), request.now()
    metadata = OffloadMetadata(
        created_at=moment,
        run_id=request.run_id,
        code_version=request.code_version,
        source_dir=encoded_path(str(root)),
        cutoff=request.cutoff,
    )
    contents = [
        Content(
            path=path,
            data=root / path,
            root=root,
            content_start=candidate.content_start,
            content_end=candidate.content_end,
        )
        for path, candidate in plan.new.items()
    ]
    with directory(request.archives) as dir_fd:
        check_space(dir_fd, subject=str(request.archives), estimated_bytes=plan.bytes)
    with stage_zip(
        request.archives,
        contents,
        metadata,
        kind=KIND,
        run_id=request.run_id,
        filesystem=request.filesystem,
        keyring=request.keyring,
        estimated_bytes=plan.bytes,
    ) as staged:
        entry = prove(staged, root, request, report)
        path = staged.publish(archive_names(request, moment))
    entry = msgspec.structs.replace(entry, archive=path.name)
    if ledger.damage is None:
        ledger.append(entry)
    report.archive = path
    return entry


def prove(
    staged: StagedZip, root: Path, request: OffloadRequest, report: OffloadReport
) -> LedgerEntry:
    """Read the closed archive back, and its sources again; note what changed meanwhile.

    Raises:
        IntegrityError: It does not hold what was read.
    """
    with staged.open() as archive:
        archive.verify(staged.metadata.members)
        entry = entry_of(archive, run_id=request.run_id, moment=request.now())
    for member in staged.metadata.members:
        path = true_path(member)
        report.archived.append(path)
        if _read_again(root, path) != (member.bytes, member.sha256):
            report.skip(path, "changed")
    return entry


def _read_again(root: Path, path: str) -> tuple[int, str] | None:
    try:
        fd = open_below(root, path)
    except OSError:
        return None
    try:
        return hash_descriptor(fd)
    finally:
        os.close(fd)


def _remove(
    request: OffloadRequest,
    ledger: Ledger,
    entries: dict[str, LedgerEntry],
    report: OffloadReport,
) -> None:
    """Move away what the archives hold, each proven once more just before."""
    changed = {skipped.path for skipped in report.skipped}
    by_archive = defaultdict(list)
    for path, entry in entries.items():
        if path not in changed:
            by_archive[entry.archive].append(path)
    for _, paths in sorted(by_archive.items()):
        entry = entries[paths[0]]
        try:
            verify_entry(request.archives, entry, request.keyring)
        except WrongKey:
            for path in paths:
                report.skip(path, "no_key")
        except OF_THE_ARCHIVE as error:
            report.problems.append(str(error))
            for path in paths:
                report.skip(path, "archive_damaged")
        else:
            _remove_of(request, ledger, entry, paths, report)


def _remove_of(
    request: OffloadRequest,
    ledger: Ledger,
    entry: LedgerEntry,
    paths: list[str],
    report: OffloadReport,
) -> None:
    """Move *paths* to the trash; without a grace period, empty it in a second look at each."""
    root, filesystem = request.source_dir.resolve(), request.filesystem
    remover = Remover(
        root=root, archive=entry.archive, ingested=request.ingested, filesystem=filesystem
    )
    members, moved = entry.by_path(), []
    for path in sorted(paths):
        reason = remover.remove(path, members[path])
        if reason is not None:
            report.skip(path, reason)
        else:
            moved.append(path)
    remover.sync()
    if not moved:
        return
    run_id = request.run_id
    done = [members[path] for path in moved]
    ledger.append(removal_entry(entry, "DONE", done, run_id=run_id, moment=request.now()))
    if request.grace:
        report.removed += moved
        return
    trash = Trash(root=root, archive=entry.archive, filesystem=filesystem, watched_only=True)
    gone = purge_files(trash, entry, moved, report)
    if gone:
        ledger.append(removal_entry(entry, "PURGED", gone, run_id=run_id, moment=request.now()))
