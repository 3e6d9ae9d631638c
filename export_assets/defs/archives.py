"""Archives as assets: one per match, a dynamic partition each, and the offloaded logs of a source.

What may be deleted is said by the project's settings and the source's YAML alone. A run takes no
configuration: it is anybody's who reaches the web server.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from export_assets.archives.catalogue import ListedArchive, list_archives, verify_archive
from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.archives.encryption.reading import read_metadata
from export_assets.archives.match import archives_of_match
from export_assets.archives.member_names import encoded_path
from export_assets.archives.metadata import OffloadMetadata
from export_assets.defs.code_references import code_references
from export_assets.defs.failing import failing
from export_assets.defs.findings import Finding
from export_assets.defs.held import RunSources
from export_assets.defs.log_assets import log_tables
from export_assets.defs.metadata import Metadata
from export_assets.defs.names import logs_key, source_table_key
from export_assets.defs.pools import pool_of, retry_policy
from export_assets.defs.shares import share_of
from export_assets.defs.tags import asset_tags
from export_assets.defs.wording import counted
from export_assets.engine.archiving.match_archives import MatchArchiver, MatchOrder, MatchOutcome
from export_assets.engine.archiving.offloading import Offloader, OffloadOutcome
from export_assets.engine.request import Run
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import ExportError
from export_assets.store.hashing import hash_file

CHECK = "archive"
_TABLES = ("events", "runs")
_LISTED = 20


def matches_key(source: str) -> dg.AssetKey:
    """Return the key of the archives of matches: `[source, match_archives]`."""
    return dg.AssetKey([source, "match_archives"])


def offload_key(source: str) -> dg.AssetKey:
    """Return the key of the archives of old logs: `[source, offload_archives]`."""
    return dg.AssetKey([source, "offload_archives"])


def matches_partitions(source: str) -> dg.DynamicPartitionsDefinition:
    """Return the matches that are known so far."""
    return dg.DynamicPartitionsDefinition(name=f"{source}_matches")


def build_archives(source: ConfiguredSource, *, retry_seconds: float) -> list[dg.AssetsDefinition]:
    """Return the assets of the archives of *source*, each with its check."""
    return [_build_matches(source, retry_seconds), _build_offload(source, retry_seconds)]


def _spec(
    source: ConfiguredSource,
    key: dg.AssetKey,
    description: str,
    *,
    written_by: Callable[..., Any],
) -> dg.AssetSpec:
    name = source.name
    tables = [table for table in _TABLES if table in log_tables(source)]
    return dg.AssetSpec(
        key,
        deps=[
            dg.AssetDep(upstream, partition_mapping=dg.AllPartitionMapping())
            for upstream in (logs_key(name), *(source_table_key(name, table) for table in tables))
        ],
        group_name=name,
        kinds={"zip", "logs"},
        owners=list(source.config.owners),
        tags=asset_tags(source, fmt="archive"),
        description=description,
        metadata=code_references(source, "log", written_by=written_by),
    )


def _check(key: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        CHECK,
        asset=key,
        description="Every member of the archives is what was archived, byte for byte.",
        blocking=True,
    )


def _build_matches(source: ConfiguredSource, retry_seconds: float) -> dg.AssetsDefinition:
    name, key = source.name, matches_key(source.name)
    spec = _spec(
        source,
        key,
        "Everything of one match in one closed zip: its logs, a database as of one moment, and "
        "exports of exactly these logs. A partition is the id of a match.",
        written_by=MatchArchiver.archive,
    )

    @dg.multi_asset(
        name=f"archive_matches__{name}",
        specs=[spec],
        check_specs=[_check(key)],
        can_subset=True,
        partitions_def=matches_partitions(name),
        retry_policy=retry_policy(retry_seconds),
        pool=pool_of(source.config),
    )
    def archive_matches(
        context: dg.AssetExecutionContext, sources: dg.ResourceParam[RunSources]
    ) -> Iterator[Any]:
        matches = _matches_of_run(context, name)
        paths: list[Path] | None = None
        if context.selected_asset_keys:
            outcomes = {match: _archive(context, sources, name, match) for match in matches}
            for match, outcome in outcomes.items():
                context.add_asset_metadata(
                    describe_match(outcome), asset_key=key, partition_key=match
                )
            paths = [outcome.path for outcome in outcomes.values()]
            versions = [hash_file(path)[1] for path in paths]
            version = dg.DataVersion(versions[0]) if len(versions) == 1 else None
            yield dg.MaterializeResult(asset_key=key, data_version=version)
        if context.selected_asset_check_keys:
            if paths is None:
                paths = [path for match in matches for path in _archives_of(sources, match)]
            yield _checked(context, key, paths, sources.workspace.keyring)

    return archive_matches


def _build_offload(source: ConfiguredSource, retry_seconds: float) -> dg.AssetsDefinition:
    name, key = source.name, offload_key(source.name)
    offload = source.config.log.offload
    spec = _spec(
        source,
        key,
        f"Logs without events for {counted(offload.days_old, 'day')}, in closed zips that were "
        "proven. "
        + (
            "Once they are, the logs go to the trash."
            if offload.delete
            else "The logs stay where they are."
        ),
        written_by=Offloader.offload,
    )

    @dg.multi_asset(
        name=f"offload__{name}",
        specs=[spec],
        check_specs=[_check(key)],
        can_subset=True,
        retry_policy=retry_policy(retry_seconds),
        pool=pool_of(source.config),
    )
    def offload_logs(
        context: dg.AssetExecutionContext, sources: dg.ResourceParam[RunSources]
    ) -> Iterator[Any]:
        paths: list[Path] | None = None
        if context.selected_asset_keys:
            outcome = _offload(context, sources, name)
            made = outcome.report.archive
            figures = describe_offload(outcome)
            yield dg.MaterializeResult(asset_key=key, metadata=figures)
            if outcome.problems:
                raise dg.Failure("; ".join(outcome.problems[:_LISTED]), allow_retries=False)
            paths = [made] if made is not None else []
        if context.selected_asset_check_keys:
            if paths is None:
                paths = offload_archives(sources.workspace, name)
            yield _checked(context, key, paths, sources.workspace.keyring)

    return offload_logs


def _matches_of_run(context: dg.AssetExecutionContext, source: str) -> Sequence[str]:
    """Return the matches a run is about: those it names, else all that Dagster knows."""
    if context.has_partition_key or context.has_partition_key_range:
        return list(context.partition_keys)
    return list(context.instance.get_dynamic_partitions(matches_partitions(source).name or ""))


def _archive(
    context: dg.AssetExecutionContext, sources: RunSources, name: str, match: str
) -> MatchOutcome:
    """Archive one match.

    Raises:
        dg.Failure: It cannot be archived.
    """
    with failing(name):
        outcome = MatchArchiver(
            workspace=sources.workspace,
            source=sources.workspace.source(name),
            run=Run(id=context.run.run_id, now=datetime.now(UTC)),
            order=MatchOrder(match_id=match),
        ).archive()
    for line in outcome.warnings:
        context.log.warning(line)
    for log, why in outcome.unread.items():
        context.log.warning("%s: archived, and not exported: %s", log, why)
    return outcome


def _offload(context: dg.AssetExecutionContext, sources: RunSources, name: str) -> OffloadOutcome:
    """Move old logs away, as far as settings and YAML permit.

    Raises:
        dg.Failure: It cannot be done.
    """
    with failing(name):
        return Offloader(
            workspace=sources.workspace,
            source=sources.workspace.source(name),
            run=Run(id=context.run.run_id, now=datetime.now(UTC)),
        ).offload()


def describe_match(outcome: MatchOutcome) -> Metadata:
    """Return what Dagster shows of the archive of a match."""
    return {
        **_described(outcome.path),
        "members": dg.MetadataValue.int(outcome.members),
        "logs": dg.MetadataValue.int(len(outcome.logs.logs)),
        "logs_told_by": dg.MetadataValue.text(outcome.logs.how),
        "formats": dg.MetadataValue.text(", ".join(outcome.formats)),
        "status": dg.MetadataValue.text(outcome.status),
        **{name: dg.MetadataValue.int(count) for name, count in outcome.counts.items()},
    }


def describe_offload(outcome: OffloadOutcome) -> Metadata:
    """Return what Dagster shows of an offload."""
    report = outcome.report
    skipped = Counter(one.reason for one in report.skipped)
    return {
        **(_described(report.archive) if report.archive is not None else {}),
        "members": dg.MetadataValue.int(len(report.archived)),
        "known": dg.MetadataValue.int(len(report.known)),
        "moved_away": dg.MetadataValue.int(len(report.removed)),
        "purged": dg.MetadataValue.int(len(outcome.purged.removed)),
        "cutoff": dg.MetadataValue.timestamp(outcome.cutoff),
        "deletes": dg.MetadataValue.bool(outcome.deletes),
        "status": dg.MetadataValue.text("archived" if report.archive else "nothing new"),
        **{f"stay_{reason}": dg.MetadataValue.int(skipped[reason]) for reason in sorted(skipped)},
    }


def _described(path: Path) -> Metadata:
    size, sha256 = hash_file(path)
    return {
        "path": dg.MetadataValue.path(path),
        "bytes": dg.MetadataValue.int(size),
        "sha256": dg.MetadataValue.text(sha256),
    }


def _archives_of(sources: RunSources, match: str) -> list[Path]:
    workspace = sources.workspace
    return [path for path, _ in archives_of_match(workspace.archives, match, workspace.keyring)]


def offload_archives(workspace: Workspace, source: str) -> list[Path]:
    """Return the archives that hold logs of *source*; those nobody can read are among them."""
    directory = workspace.source(source).url.path
    if directory is None or not workspace.archives.is_dir():
        return []
    own = encoded_path(str(directory.resolve()))
    keyring = workspace.keyring
    return [
        one.path
        for one in list_archives(workspace.archives, keyring)
        if _is_of(one, keyring, source_directory=own)
    ]


def _is_of(listed: ListedArchive, keyring: Keyring, *, source_directory: str) -> bool:
    if listed.kind == "unreadable":
        return listed.path.name.startswith("offload_")
    with suppress(ExportError):
        metadata = read_metadata(listed.path, keyring)
        return isinstance(metadata, OffloadMetadata) and metadata.source_dir == source_directory
    return False


def _checked(
    context: dg.AssetExecutionContext, key: dg.AssetKey, paths: Sequence[Path], keyring: Keyring
) -> dg.AssetCheckResult:
    share = share_of(context.run.tags)
    subset = (share.part, share.parts) if share is not None else None
    finding = judge_archives(paths, subset=subset, keyring=keyring)
    return finding.result(key, CHECK, dg.AssetCheckSeverity.ERROR)


def judge_archives(
    paths: Sequence[Path], *, subset: tuple[int, int] | None = None, keyring: Keyring = NO_KEYS
) -> Finding:
    """Read archives and compare every member, or each n-th, with what was archived."""
    wrong: list[str] = []
    members = size = only_whole = 0
    for path in paths:
        try:
            verified = verify_archive(path, subset, keyring)
        except (ExportError, OSError) as error:
            wrong.append(str(error))
        else:
            members += verified.members
            size += verified.bytes
            only_whole += verified.only_whole
    figures: dict[str, dg.MetadataValue] = {
        "archives": dg.MetadataValue.int(len(paths)),
        "members_read": dg.MetadataValue.int(members),
        "bytes_read": dg.MetadataValue.int(size),
        "only_as_a_whole": dg.MetadataValue.int(only_whole),
        "findings": dg.MetadataValue.int(len(wrong)),
    }
    part = f", part {subset[0]} of {subset[1]}" if subset is not None else ""
    says = f"{counted(len(paths), 'archive')} as written, {counted(members, 'member')} read{part}"
    if only_whole:
        says += f", {counted(only_whole, 'archive')} without their key: only as a whole"
    return Finding(
        passed=not wrong, says="; ".join(wrong[:_LISTED]) if wrong else says, figures=figures
    )
