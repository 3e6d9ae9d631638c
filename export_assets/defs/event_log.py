"""What Dagster's event log says of exports: the newest materialization of each partition."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from export_assets.defs.metadata import RUN_ID
from export_assets.tables.partitions import ALL

__all__ = [
    "Target",
    "failed_partitions",
    "is_unfinished",
    "latest",
    "observed",
    "run_id_of",
    "target_of",
    "unchanged_at",
]

_BATCH = 500


def latest(
    instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Sequence[str]
) -> Mapping[str, dg.EventLogRecord]:
    """Return the newest materialization of each of *partitions*, leaving out those with none.

    `all` stands for the asset as a whole.
    """
    if list(partitions) == [ALL]:
        found = instance.fetch_materializations(key, limit=1).records
        return {ALL: found[0]} if found else {}
    newest = instance.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, set(partitions)
    )
    return {
        record.partition_key: record
        for batch in _batches(sorted(newest.values()))
        for record in instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key, storage_ids=batch), limit=len(batch)
        ).records
        if record.partition_key is not None
    }


def observed(
    instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Sequence[str]
) -> Mapping[str, int]:
    """Return the storage id of the newest observation of each of *partitions* that has one."""
    return instance.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_OBSERVATION, set(partitions)
    )


def failed_partitions(instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> frozenset[str]:
    """Return the partitions of which *check* found something wrong when it ran last."""
    told = instance.event_log_storage.get_asset_check_partition_info([check])
    return frozenset(
        one.partition_key
        for one in told
        if one.partition_key is not None
        and one.latest_execution_status is AssetCheckExecutionRecordStatus.FAILED
    )


def target_of(record: dg.EventLogRecord) -> Target:
    """Return the pointer by which the evaluation of a check names what it looked at."""
    return Target(storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp)


def run_id_of(record: dg.EventLogRecord) -> str | None:
    """Return the run of the manifest that *record* speaks of."""
    event = record.asset_materialization
    value = event.metadata.get(RUN_ID) if event is not None else None
    return value.value if isinstance(value, dg.TextMetadataValue) else None


def is_unfinished(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether *run_id* is a run of Dagster that will still report what it published itself."""
    run = instance.get_run_by_id(run_id)
    return run is not None and not run.is_finished


def _batches(items: Sequence[int]) -> Iterable[Sequence[int]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))


def unchanged_at(record: dg.EventLogRecord) -> datetime | None:
    """Return when *record* was told, where it tells of rows that were found unchanged."""
    event = record.asset_materialization
    if event is None or "status" not in event.metadata:
        return None
    same = event.metadata["status"].value == "unchanged"
    return datetime.fromtimestamp(record.timestamp, UTC) if same else None
