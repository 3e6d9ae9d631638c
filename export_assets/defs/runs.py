"""Which runs bring tables up to date: tables of the same slices together, ranges in pieces."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby

import dagster as dg

from export_assets.defs.table import TableExport
from export_assets.tables.partitions import ALL

CHUNK = 100
"""Partitions per run: Dagster writes an event for each and format before the run starts."""


def partitions_per_run(table: TableExport) -> int:
    """Return the most partitions of *table* that one run is asked for."""
    return min(CHUNK, table.partitions_per_run or CHUNK)


def requests_for(
    wanted: Mapping[str, Sequence[str]],
    tables: Sequence[TableExport],
    steps: Sequence[dg.AssetKey],
    *,
    tags: Mapping[str, str] | None = None,
    run_key: str | None = None,
    formats: Collection[str] | None = None,
) -> Iterator[dg.RunRequest]:
    """Yield requests for the partitions *wanted* of each table, in order.

    Args:
        wanted: Consecutive partition keys by table; `all` alone is the whole table in one read,
            whether it has partitions or not.
        tables: Every table of one source.
        steps: Upstream tables to fill first; they are part of the first run.
        tags: Tags of the runs.
        run_key: What makes a second request of the same runs do nothing; None to run again.
        formats: The formats wanted of those configured; None for all.
    """
    first, count = list(steps), 0
    for keys, group in _groups(wanted, tables):
        assets = [
            table.key(fmt)
            for table in group
            for fmt in table.formats
            if formats is None or fmt in formats
        ]
        if not assets:
            continue
        most = min(partitions_per_run(table) for table in group)
        for start in range(0, len(keys), most):
            chunk = keys[start : start + most]
            own_key = f"{run_key}#{count}" if run_key is not None else None
            yield _request(first + assets, chunk, tags or {}, own_key)
            first, count = [], count + 1


def _groups(
    wanted: Mapping[str, Sequence[str]], tables: Sequence[TableExport]
) -> Iterator[tuple[Sequence[str], list[TableExport]]]:
    """Yield tables that share their partitions and want the same of them."""

    def likeness(table: TableExport) -> tuple[str, str, str, int]:
        slices, keys = table.partitions_def, wanted[table.name]
        if slices is None or keys[0] == ALL:
            return "", ALL, ALL, 0
        identity = slices.get_serializable_unique_identifier()
        return identity, keys[0], keys[-1], partitions_per_run(table)

    chosen = sorted((table for table in tables if wanted.get(table.name)), key=likeness)
    for _, group in groupby(chosen, key=likeness):
        alike = list(group)
        yield wanted[alike[0].name], alike


def _request(
    assets: list[dg.AssetKey], keys: Sequence[str], tags: Mapping[str, str], run_key: str | None
) -> dg.RunRequest:
    partition = keys[0] if len(keys) == 1 and keys[0] != ALL else None
    if len(keys) > 1:
        tags = {
            **tags,
            "dagster/asset_partition_range_start": keys[0],
            "dagster/asset_partition_range_end": keys[-1],
        }
    return dg.RunRequest(
        run_key=run_key, asset_selection=assets, partition_key=partition, tags=dict(tags)
    )
