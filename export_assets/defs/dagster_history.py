"""Dagster's own history: old runs and their events go, what they say of assets stays.

Deleting a run of Dagster deletes the materializations it made, and partitions of which they were
the newest become missing. So a run that made the newest materialization, or observation, of any
partition of any asset stays, however old it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES

_BATCH = 500
_KINDS = (dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_OBSERVATION)


@dataclass(frozen=True, kw_only=True)
class HistoryPlan:
    """Finished runs that ended before some moment."""

    delete: Sequence[str]
    """Ids of those that nothing hangs on, oldest first."""
    keep: Sequence[str]
    """Ids of those that say what some asset is like now."""


def plan_history(instance: dg.DagsterInstance, *, before: datetime) -> HistoryPlan:
    """Decide which runs that ended *before*, an aware moment, go; touches nothing."""
    old = list(_ended(instance, before))
    needed = set(_runs_of_newest(instance)) if old else set[str]()
    return HistoryPlan(
        delete=[run_id for run_id in reversed(old) if run_id not in needed],
        keep=[run_id for run_id in old if run_id in needed],
    )


def delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a finished run with its events, its captured output, and the file that held them.

    Raises:
        OSError: A file cannot be removed.
        Exception: Whatever Dagster's storage raises.
    """
    # Brings Alembic and half a second, which loading the definitions need not wait for.
    from dagster._core.storage.event_log import SqliteEventLogStorage

    from export_assets.defs.event_storage import OpenSqliteEventLogStorage

    if not run_id:
        return  # the empty prefix would be everything
    instance.delete_run(run_id)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    storage = instance.event_log_storage
    if isinstance(storage, OpenSqliteEventLogStorage):
        storage.release(run_id)
    if isinstance(storage, SqliteEventLogStorage):
        # Dagster leaves the file, emptied, at its full size.
        shard = Path(storage.path_for_shard(run_id))
        for suffix in ("", "-wal", "-shm"):
            shard.with_name(shard.name + suffix).unlink(missing_ok=True)


def _ended(instance: dg.DagsterInstance, before: datetime) -> Iterator[str]:
    """Yield the ids of finished runs that ended *before*, newest first."""
    filters = dg.RunsFilter(statuses=list(FINISHED_STATUSES), updated_before=before)
    cursor: str | None = None
    while records := instance.get_run_records(filters, limit=_BATCH, cursor=cursor):
        for record in records:
            yield record.dagster_run.run_id
        cursor = records[-1].dagster_run.run_id


def _runs_of_newest(instance: dg.DagsterInstance) -> Iterator[str]:
    """Yield the run of the newest event of each kind, of each asset and partition."""
    for key in instance.all_asset_keys():
        for kind in _KINDS:
            fetch = (
                instance.fetch_materializations
                if kind is dg.DagsterEventType.ASSET_MATERIALIZATION
                else instance.fetch_observations
            )
            yield from (record.run_id for record in fetch(key, limit=1).records)
            ids = sorted(instance.get_latest_storage_id_by_partition(key, kind).values())
            for start in range(0, len(ids), _BATCH):
                some = ids[start : start + _BATCH]
                chosen = dg.AssetRecordsFilter(asset_key=key, storage_ids=some)
                yield from (record.run_id for record in fetch(chosen, limit=len(some)).records)
