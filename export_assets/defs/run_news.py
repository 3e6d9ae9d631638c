"""What a finished run of Dagster says: what failed, what goes well again, which checks failed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)

from export_assets.engine.notifying.notice import Notice, safe_partition
from export_assets.translate import mask_secrets

_LOOKED_BACK = 50
"""Finished runs before one that went well, among which failures of the same assets are found."""
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_IMPLICIT = "__"
_KINDS = {None: "failed", "DagsterAssetCheckFailedError": "a check failed"}


def news_of_failure(instance: dg.DagsterInstance, run: dg.DagsterRun, said: str) -> list[Notice]:
    """Return what to tell of *run*, which failed: that it did, and which checks failed in it.

    Args:
        instance: Where its events are.
        run: The run.
        said: What Dagster says of it, for a run that failed outside its steps.
    """
    if will_retry(run):
        return []
    failed = _failed_steps(instance, run)
    checks = failed_checks(instance, run)
    keys = _failed_assets(instance, run, failed) or set(checks.values())
    partition = partition_of(run)
    facts: dict[str, Any] = {
        **_about(run, keys),
        "partitions": partition.shown,
        "checks": tuple(checks),
        "error": next(iter(failed.values()), " ".join(mask_secrets(said).split())),
    }
    notices = [Notice(occasion="failure", **facts)]
    return [*notices, Notice(occasion="check", **facts)] if checks else notices


def news_of_success(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[Notice]:
    """Return what to tell of *run*, which succeeded: checks that failed, and a recovery."""
    notices = []
    checks = failed_checks(instance, run)
    if checks:
        about = _about(run, checks.values())
        shown = partition_of(run).shown
        notices.append(Notice(occasion="check", partitions=shown, checks=tuple(checks), **about))
    failures = _failures_before(instance, run)
    if failures:
        own = partition_of(run)
        missing = {
            name
            for _, partition in failures
            for name in partition.shown
            if not own.covers(partition)
        }
        keys = {key for assets, _ in failures for key in assets}
        notices.append(
            Notice(
                occasion="recovery",
                partitions=tuple(sorted(missing)),
                failures=len(failures),
                **_about(run, keys),
            )
        )
    return notices


def will_retry(run: dg.DagsterRun) -> bool:
    """Whether Dagster tries a failed *run* again by itself; the last attempt is told of."""
    return run.tags.get(WILL_RETRY_TAG) == "true"


@dataclass(frozen=True, kw_only=True)
class RunPartition:
    """The partitions a run is about: `start` to `end`, None for all there are."""

    start: str | None = None
    end: str | None = None

    @property
    def shown(self) -> tuple[str, ...]:
        """The key, or first and last of a range; nothing where it may be a value of the data."""
        ends = dict.fromkeys((self.start, self.end))
        safe = [safe_partition(key) for key in ends if key is not None]
        return ("…".join(key for key in safe if key is not None),) if all(safe) and safe else ()

    def covers(self, other: "RunPartition") -> bool:
        """Whether a run of these exports what one of *other* does."""
        if self.start is None or self.end is None:
            return True
        if other.start is None or other.end is None:
            return False
        return self.start <= other.start and other.end <= self.end


def partition_of(run: dg.DagsterRun) -> RunPartition:
    """Return what *run* says of partitions."""
    tags = run.tags
    one = tags.get(PARTITION_NAME_TAG)
    return RunPartition(
        start=tags.get(ASSET_PARTITION_RANGE_START_TAG, one),
        end=tags.get(ASSET_PARTITION_RANGE_END_TAG, one),
    )


def failed_checks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, dg.AssetKey]:
    """Return the checks of severity ERROR that failed in *run*, as `shop/orders/csv: contract`."""
    found: dict[str, dg.AssetKey] = {}
    for event in _events(instance, run, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        check = event.asset_check_evaluation_data
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR:
            found[f"{check.asset_key.to_user_string()}: {check.check_name}"] = check.asset_key
    return dict(sorted(found.items()))


def _failures_before(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> list[tuple[set[dg.AssetKey], RunPartition]]:
    """Return failures of assets of *run* since each last went well: which, and of what."""
    own = instance.get_run_record_by_id(run.run_id)
    open_keys = _assets_of(instance, run)
    found: list[tuple[set[dg.AssetKey], RunPartition]] = []
    if own is None or not open_keys:
        return found
    for record in instance.get_run_records(dg.RunsFilter(statuses=_ENDED), limit=_LOOKED_BACK):
        before = record.dagster_run
        if record.storage_id >= own.storage_id or will_retry(before):
            continue
        assets = _assets_of(instance, before)
        failed = set[dg.AssetKey]()
        if before.status is dg.DagsterRunStatus.FAILURE and assets & open_keys:
            failed = _failed_assets(instance, before, _failed_steps(instance, before)) & open_keys
        if failed:
            found.append((failed, partition_of(before)))
        open_keys -= assets - failed
        if not open_keys:
            break
    return found


def _about(run: dg.DagsterRun, keys: Iterable[dg.AssetKey]) -> dict[str, Any]:
    """Return what every notice of *run* says, about the assets *keys*."""
    paths = sorted({tuple(key.path) for key in keys})
    return {
        "source": ", ".join(dict.fromkeys(path[0] for path in paths)) or run.job_name,
        "tables": tuple(dict.fromkeys(path[1] for path in paths if len(path) > 1)),
        "job": "" if run.job_name.startswith(_IMPLICIT) else run.job_name,
        "run_id": run.run_id,
        "path": f"/runs/{run.run_id}",
        "at": datetime.now(UTC),
    }


def _assets_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[dg.AssetKey]:
    if run.asset_selection is not None:
        return set(run.asset_selection)
    return {key for key, _ in _planned(instance, run)}


def _failed_assets(
    instance: dg.DagsterInstance, run: dg.DagsterRun, steps: Iterable[str]
) -> set[dg.AssetKey]:
    """Return the assets of the failed *steps* of *run*; all of them where none is known."""
    named = set(steps)
    failed = {key for key, step in _planned(instance, run) if step in named}
    return failed or _assets_of(instance, run)


def _planned(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> set[tuple[dg.AssetKey, str | None]]:
    events = _events(instance, run, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    return {(event.asset_key, event.step_key) for event in events if event.asset_key is not None}


def _failed_steps(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, str]:
    """Return one line for each step that failed; of what is no error of ours its class alone."""
    found: dict[str, str] = {}
    for event in _events(instance, run, dg.DagsterEventType.STEP_FAILURE):
        data = event.step_failure_data
        said = data.user_failure_data.description if data.user_failure_data else None
        kind = data.error.cls_name if data.error else None
        found[event.step_key or ""] = said or f"{event.step_key}: {_KINDS.get(kind, kind)}"
    return found


def _events(
    instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType
) -> Sequence[dg.DagsterEvent]:
    records = instance.get_records_for_run(run.run_id, of_type=kind).records
    events = [record.event_log_entry.dagster_event for record in records]
    return [event for event in events if event is not None]
