"""What is to be repaired: every partition that is wrong, and what will be done about each."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

from export_assets.engine.damage import Damage
from export_assets.engine.partitioning import partitions_of
from export_assets.engine.run import Exporter
from export_assets.engine.verification import (
    WRONG,
    SourceFinding,
    verify_exports,
    verify_table,
)
from export_assets.errors import IntegrityError
from export_assets.formats.registry import FORMATS
from export_assets.sources.base import Snapshot
from export_assets.store.layout import ExportKey, hashed_name, safe_name
from export_assets.tables.partitions import ExportPartitions

Place = tuple[str, str, str]
"""Table, format and partition key."""


@dataclass(frozen=True, kw_only=True)
class Thoroughness:
    """How closely to look, and what may be lost."""

    deep: bool = False
    """Read every published file and compare its values."""
    against_source: bool = False
    """Read the source and compare it with everything published."""
    may_lose: bool = False
    """Replace a partition although the source can no longer give back its rows."""


@dataclass(frozen=True, kw_only=True)
class Repair:
    """One partition of one export that is wrong, and what will be done about it."""

    table: str
    format: str
    partition: str
    """Its key; its directory where that stands for none."""
    path: Path
    facts: Sequence[str]
    """What is wrong."""
    kept: str | None = None
    """Why it is left as it is; None where it is published again."""
    exit_code: int = IntegrityError.exit_code
    """What leaving it comes to."""


def plan_repairs(
    exporter: Exporter,
    snapshot: Snapshot,
    damages: Sequence[Damage],
    exports: AbstractSet[tuple[str, str]],
    how: Thoroughness,
) -> list[Repair]:
    """Decide over every partition that is wrong, in order of table, format and partition.

    *exports*, each a table and a format, are those to compare with the source where *how* says so.
    """
    store, source = exporter.workspace.store, exporter.source
    damaged, plan = _placed(exporter, snapshot, damages)
    found: dict[Place, SourceFinding] = {}
    unreadable: dict[str, SourceFinding] = {}
    for one in _compared(exporter, snapshot, damaged, exports, against_source=how.against_source):
        if one.verdict == "unreadable":
            unreadable[one.table] = one
        else:
            found[one.table, one.format, one.partition] = one
    for table, finding in unreadable.items():
        if not any(place[0] == table for place in damaged):
            plan.append(_unread(finding, store.root / safe_name(source.name) / safe_name(table)))
    wrong = {place for place, one in found.items() if one.verdict in WRONG}
    wrong -= {(one.table, one.format, one.partition) for one in plan}
    for table, fmt, key in sorted(damaged.keys() | wrong):
        damage, finding_of = damaged.get((table, fmt, key)), found.get((table, fmt, key))
        if damage is None and finding_of is not None:
            partitions = partitions_of(source.config, table)
            path = store.partition_path(ExportKey(source.name, table, fmt), "all").parent
            if table in snapshot.tables() and not _is_foreign(finding_of):
                path /= partitions.directory(key)
        else:
            path = damage.path if damage is not None else store.root
        kept, code = _kept(damage, finding_of, unreadable.get(table), may_lose=how.may_lose)
        facts = list(damage.facts) if damage is not None else []
        if finding_of is not None and finding_of.verdict in WRONG and finding_of.fact not in facts:
            facts.append(finding_of.fact)
        plan.append(
            Repair(
                table=table,
                format=fmt,
                partition=key,
                path=path,
                facts=facts,
                kept=kept,
                exit_code=code,
            )
        )
    return sorted(plan, key=lambda one: (one.table, one.format, one.partition))


def _placed(
    exporter: Exporter, snapshot: Snapshot, damages: Sequence[Damage]
) -> tuple[dict[Place, Damage], list[Repair]]:
    """Return the damages by what they are partitions of, and those that are of nothing."""
    tables = snapshot.tables()
    names = {hashed_name(name): name for name in tables}
    names |= {safe_name(name): name for name in tables}
    placed: dict[Place, Damage] = {}
    lost: list[Repair] = []
    for damage in damages:
        table = names.get(damage.table)
        if table is None:
            lost.append(_left(damage, f"the source has no table {damage.table}"))
            continue
        if damage.format not in FORMATS:
            lost.append(_left(damage, f"{damage.format} is no format"))
            continue
        partitions = partitions_of(exporter.source.config, table)
        key = partitions.key_of_directory(damage.path.name)
        if key is None:
            lost.append(_left(damage, "is of another slicing; move it away"))
        elif isinstance(partitions, ExportPartitions) and key != partitions.key_of(
            exporter.run.now
        ):
            lost.append(_left(damage, "is of another time, which no run can read again"))
        else:
            placed[table, damage.format, key] = damage
    return placed, lost


def _compared(
    exporter: Exporter,
    snapshot: Snapshot,
    damaged: Mapping[Place, Damage],
    exports: AbstractSet[tuple[str, str]],
    *,
    against_source: bool,
) -> Iterator[SourceFinding]:
    """Compare all *exports* with the source, or else only what is damaged.

    What is damaged is compared in any case, to know what the source can give back of it.
    """
    if against_source:
        exports = exports | {(table, fmt) for table, fmt, _ in damaged}
        yield from verify_exports(exporter, snapshot, exports)
        return
    for table in sorted({table for table, _, _ in damaged}):
        places = [place for place in damaged if place[0] == table]
        request = replace(
            exporter.request,
            tables=(table,),
            formats=tuple(sorted({fmt for _, fmt, _ in places})),
            partitions=tuple(sorted({key for _, _, key in places})),
        )
        for one in verify_table(replace(exporter, request=request), table, snapshot):
            if one.format == "*" or (table, one.format, one.partition) in damaged:
                yield one


def _kept(
    damage: Damage | None,
    finding: SourceFinding | None,
    unreadable: SourceFinding | None,
    *,
    may_lose: bool,
) -> tuple[str | None, int]:
    """Return why a partition must be left as it is, None where it need not, and the exit code."""
    code = IntegrityError.exit_code
    if unreadable is not None:
        return unreadable.fact, unreadable.exit_code
    if damage is not None and damage.kept is not None:
        return damage.kept, code
    if finding is not None and _is_foreign(finding):
        return finding.fact, code
    rows = finding.rows if finding is not None else 0
    published = finding.published if finding is not None else None
    if damage is not None:
        published = damage.manifest.rows if damage.manifest is not None else None
        fewer = published is not None and rows < published
        loses = damage.holds_rows and (rows == 0 or fewer) and published != 0
    else:
        loses = rows == 0 and bool(published)
    if loses and not may_lose:
        return last_copy(rows, published), code
    return None, code


def last_copy(rows: int, published: int | None) -> str:
    """Say why what holds *published* rows is not replaced by the *rows* that the source has."""
    held = f", published were {published}" if published is not None else ""
    return f"the source has {rows} rows of it{held}; --yes publishes what is left"


def _is_foreign(finding: SourceFinding) -> bool:
    """Whether no pass over the source can publish the partition again."""
    return finding.verdict == "vanished" and finding.beyond


def _left(damage: Damage, kept: str) -> Repair:
    return Repair(
        table=damage.table,
        format=damage.format,
        partition=damage.path.name,
        path=damage.path,
        facts=damage.facts,
        kept=damage.kept or kept,
    )


def _unread(finding: SourceFinding, path: Path) -> Repair:
    return Repair(
        table=finding.table,
        format=finding.format,
        partition=finding.partition,
        path=path,
        facts=(),
        kept=finding.fact,
        exit_code=finding.exit_code,
    )
