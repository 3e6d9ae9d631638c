"""`plan --compare`: reads what a run would read, writes nothing, says what would be published."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from export_assets.engine.changes import UNCHANGED
from export_assets.engine.following import Following, RowsLeft
from export_assets.engine.judge import broken_rules_of
from export_assets.engine.planning import (
    BLOCKED,
    EVERY,
    Action,
    PlannedExport,
    opened_plans,
    recalled_plan,
)
from export_assets.engine.run import Exporter
from export_assets.engine.stamped import WHY_NOT
from export_assets.engine.table_pass import PassResult
from export_assets.engine.table_run import TableRun
from export_assets.engine.tables import TablePlan
from export_assets.errors import ExportError
from export_assets.formats.base import Format
from export_assets.sources.base import Snapshot
from export_assets.store.tree import has_no_manifest
from export_assets.tables.mismatch import ValueMismatch


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a run would publish, and how tables with a cursor would be read."""

    planned: Sequence[PlannedExport]
    notes: Sequence[str] = ()


def compare_exports(exporter: Exporter) -> Comparison:
    """Read the tables of the request and decide over every partition as a run would.

    Raises:
        UsageError: The request names what does not exist.
        SourceError: The source cannot be opened.
    """
    planned: list[PlannedExport] = []
    notes: list[str] = []
    with opened_plans(exporter) as (snapshot, plans, refused):
        planned += refused
        for plan in plans:
            formats: list[Format] = []
            for fmt in exporter.choices.formats(plan.name):
                known = recalled_plan(exporter, plan, fmt, snapshot.info.id)
                if known is None:
                    formats.append(fmt)
                planned += known or []
            if not formats:
                continue
            for seen, group in exporter.choices.views(plan, formats):
                try:
                    found, note = _compared(exporter, seen, group, snapshot)
                except ExportError as error:
                    found = [_planned(plan, fmt.name, EVERY, "refuse", str(error)) for fmt in group]
                    note = None
                planned += found
                notes += [note] if note and note not in notes else []
    return Comparison(planned=planned, notes=notes)


def _compared(
    exporter: Exporter, plan: TablePlan, formats: Sequence[Format], snapshot: Snapshot
) -> tuple[list[PlannedExport], str | None]:
    tables = exporter.tables
    table = tables.follow(tables.table_run(plan, formats, snapshot))
    if table.stamped is not None:
        keys = table.stamped.keys
        return _decided(table, table.of(keys).read() if keys else None), None
    following = table.following
    if following is not None and following.keys is not None:
        try:
            result = table.of(following.keys).read() if following.keys else None
            if result is not None:
                table.refuse_gap(result)
        except (RowsLeft, ValueMismatch):
            table = tables.whole(table)
        else:
            return _decided(table, result), _told(table)
    try:
        result = table.read()
    except ValueMismatch:
        table = tables.whole(replace(table, plan=tables.profiled(plan, snapshot)))
        result = table.read()
    return _decided(table, result), _told(table)


def _decided(table: TableRun, result: PassResult | None) -> list[PlannedExport]:
    following = table.following
    why_not = WHY_NOT if following is None else following.why_not
    decisions = [
        _planned(table.plan, one.format, one.partition, "nothing", why_not)
        for one in table.left_alone()
    ]
    facts = {} if result is None else result.facts
    for fmt in (fmt.name for fmt in table.formats):
        for key, found in facts.items():
            action, reason = _decide(table, fmt, key, result)
            broken = broken_rules_of(found.contract.outcomes(found.statistics))
            if broken:
                action, reason = "refuse", broken
            decisions.append(_planned(table.plan, fmt, key, action, reason))
    names = [fmt.name for fmt in table.formats]
    return sorted(decisions, key=lambda one: (names.index(one.format), one.partition))


def _decide(table: TableRun, fmt: str, key: str, result: PassResult | None) -> tuple[Action, str]:
    if has_no_manifest(table.path(fmt, key)):
        return "refuse", BLOCKED
    assert result is not None  # noqa: S101 - keys come from it
    reason = table.compare(fmt, key, result)
    return ("nothing", UNCHANGED) if reason is None else ("publish", reason)


def _told(table: TableRun) -> str | None:
    """Say how a table with a cursor is read, and when all of it is the next time."""
    following = table.following
    if following is None:
        return None
    subject = f"{table.plan.name}: follows {following.column}, "
    if following.keys is None:
        return f"{subject}read whole: {following.why}"
    return f"{subject}{following.why}; {_next_full(following)}"


def _next_full(following: Following) -> str:
    every, parts = following.rule.full_every, []
    if every.seconds is not None:
        full_at = min(mark.full_at for mark in following.before.values())
        moment = (full_at + timedelta(seconds=every.seconds)).isoformat(timespec="seconds")
        parts.append(f"from {moment} on")
    if every.runs is not None:
        left = max(every.runs - following.passes - 1, 0)
        parts.append(f"after {left} more run{'' if left == 1 else 's'}")
    return f"all of it is read again {' or '.join(parts) or 'when --full is given'}"


def _planned(
    plan: TablePlan, fmt: str, partition: str, action: Action, reason: str
) -> PlannedExport:
    return PlannedExport(
        table=plan.name, format=fmt, partition=partition, action=action, reason=reason
    )
