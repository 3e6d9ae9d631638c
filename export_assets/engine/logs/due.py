"""What is to be exported once logs were read: partitions whose rows are made of something new.

Found by whoever reads logs for others to export, and kept in `<exports>/.state/<source>.due.json`
so that they need neither open a log nor load a segment. Only an optimisation: losing it costs one
more pass over the logs, in which there is nothing new to read.
"""

import uuid
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import msgspec
import polars as pl

from export_assets.engine.archiving.match_logs import window_of
from export_assets.engine.logs.snapshot import LogSnapshot
from export_assets.engine.memory import STATE
from export_assets.engine.privacy import review_plans
from export_assets.engine.run import Exporter
from export_assets.engine.scope import published_keys
from export_assets.engine.shape_changes import judge_drift
from export_assets.engine.tables import TablePlan, plan_tables, select_tables
from export_assets.engine.workspace import ConfiguredSource
from export_assets.sources.base import Remarks, Scan, Snapshot
from export_assets.store.durable import write_durably
from export_assets.store.layout import safe_name
from export_assets.store.local import LocalStore
from export_assets.tables.partitions import UNDATED, TimePartitions, Window

EVERYTHING = "*"
"""Stands for all partitions of a table of which nobody can say more: it is refused as it is."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """What was to be exported when logs had been read."""

    id: str
    """Of the look that found it."""
    fingerprint: str
    """Of the logs when they were read."""
    tables: dict[str, dict[str, str]]
    """By table and partition key, the stamp of what the rows are made of."""
    matches: dict[str, list[str]] = {}
    """Of matches told by days, the names (escaped) that logs with events of them had."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a pass over logs found."""

    due: Due
    remarks: Remarks


def find_due(exporter: Exporter) -> Reading:
    """Read what is new in the logs of the exporter's source and say what is due then.

    Where a log could not be read the fingerprint is empty: there is more to read.

    Raises:
        ExportError: The logs cannot be read, or nothing of them may be exported.
    """
    tables: dict[str, dict[str, str]] = {}
    source = exporter.source
    exporter.choices.check_options()
    with source.source.snapshot() as snapshot:
        names = select_tables(snapshot.tables(), source.config, exporter.request)
        plans, unreadable = plan_tables(
            names, snapshot, source.config, source.system, exporter.request
        )
        review_plans(source.config, plans)
        verdict = judge_drift(plans, exporter.workspace.store, exporter.choices)
        for name in (*unreadable, *verdict.refused):
            tables[name] = {EVERYTHING: snapshot.info.id}
        for plan in verdict.plans:
            found = _due_of(exporter, plan, snapshot)
            if found:
                tables[plan.name] = found
        remarks = snapshot.remarks()
        fingerprint = "" if remarks.failures else snapshot.info.id
        due = Due(
            id=uuid.uuid4().hex[:16],
            fingerprint=fingerprint,
            tables=tables,
            matches=_matches_of(exporter.source, snapshot),
        )
        return Reading(due=due, remarks=remarks)


def _matches_of(source: ConfiguredSource, snapshot: Snapshot) -> dict[str, list[str]]:
    """Return by match the names of logs, by the times that their segments are of."""
    found: dict[str, list[str]] = {}
    for name, match in source.config.log.matches.items():
        window = window_of(match)
        if window is not None and not match.files and isinstance(snapshot, LogSnapshot):
            segments = snapshot.view.segments
            found[name] = sorted({one.record.file for one in segments if one.overlaps(window)})
    return found


def _due_of(exporter: Exporter, plan: TablePlan, snapshot: Snapshot) -> dict[str, str]:
    """Return what is due of a table in any of its formats, which may see different rows of it."""
    found: dict[str, str] = {}
    for seen, formats in exporter.choices.views(plan, exporter.choices.formats(plan.name)):
        run = exporter.tables.follow(exporter.tables.table_run(seen, formats, snapshot))
        if run.stamped is None:
            return {EVERYTHING: snapshot.info.id}
        found |= run.stamped.read
    if isinstance(plan.partitions, TimePartitions):
        names = exporter.source.config.formats_of(plan.name)
        store, source = exporter.workspace.store, exporter.source.name
        published = published_keys(store, source, plan=plan, formats=names)
        held = _with_rows(plan, plan.partitions, snapshot, found.keys() - published)
        found = {key: stamp for key, stamp in found.items() if key in published or key in held}
    return found


def _with_rows(
    plan: TablePlan, partitions: TimePartitions, snapshot: Snapshot, keys: Collection[str]
) -> set[str]:
    """Return those of *keys* that have rows: a log may have none of a day between two others."""
    windows = [partitions.window(key) for key in sorted(set(keys) - {UNDATED})]
    if not windows:
        return set()
    scan = Scan(
        table=plan.name,
        schema=plan.schema.select((partitions.column,)),
        window=Window(start=windows[0].start, end=windows[-1].end),
        time_column=partitions.column,
    )
    found: set[str] = set()
    for frame in snapshot.scan(scan):
        moments = frame.select(pl.col(partitions.column).dt.truncate("1h").unique())
        found |= {
            partitions.key_of(moment.replace(tzinfo=moment.tzinfo or UTC))
            for (moment,) in moments.drop_nulls().iter_rows()
        }
    return found & set(keys)


def keep_due(store: LocalStore, source: str, due: Due) -> None:
    """Write down what is due of *source*.

    Raises:
        OSError: It cannot be written.
    """
    path = _path(store, source)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, msgspec.json.encode(due) + b"\n")


def read_due(store: LocalStore, source: str) -> Due | None:
    """Return what was found due of *source* last; None where nobody knows."""
    with suppress(OSError, ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return msgspec.json.decode(_path(store, source).read_bytes(), type=Due)
    return None


def _path(store: LocalStore, source: str) -> Path:
    return store.root / STATE / f"{safe_name(source)}.due.json"
