"""Repairing what is published: find what is wrong, plan, publish exactly that again.

    report = repair(exporter, Thoroughness(deep=True), agree=print_plan)

A damaged partition is exchanged for a new one in one step, so what is there stays until the new
one is proven. Where the source cannot give back the rows that are published, nothing is replaced
unless losing them was permitted. Files of others and files that nobody vouches for stay.
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime

from export_assets.engine.bundle_repair import plan_bundle_repairs, publish_bundle
from export_assets.engine.catalog.keeping import keep_current
from export_assets.engine.computed import with_computed
from export_assets.engine.damage import Damage, find_damages
from export_assets.engine.destination import StoreDestination, StoreSlot
from export_assets.engine.repair_options import computed_exports, options_of
from export_assets.engine.repair_plan import Repair, Thoroughness, plan_repairs
from export_assets.engine.report import ExportRecord
from export_assets.engine.run import Exporter
from export_assets.engine.sets.repair import plan_copy_repairs, plan_set_repairs, publish_set
from export_assets.engine.tables import TablePlan, plan_table
from export_assets.engine.verification import lost_exports, prepare, published_exports
from export_assets.errors import (
    DestConflict,
    ExportError,
    IntegrityError,
    code_of_failures,
)
from export_assets.sources.base import Snapshot
from export_assets.store.layout import hashed_name, safe_name
from export_assets.store.manifest import BUNDLE, SET


@dataclass(frozen=True, kw_only=True)
class RepairReport:
    """What was wrong, and what became of it."""

    plan: Sequence[Repair]
    records: Sequence[ExportRecord] = ()
    afterwards: Sequence[str] = ()
    """What went wrong once all was published, as in `ExportReport`."""

    @property
    def left(self) -> list[Repair]:
        """What was left as it is."""
        return [one for one in self.plan if one.kept is not None]

    @property
    def failed(self) -> list[ExportRecord]:
        """What could not be published."""
        return [record for record in self.records if record.status == "failed"]

    @property
    def exit_code(self) -> int:
        """0 where nothing is wrong any more, 24 where something is left, else the failure's own."""
        failures = {record.exit_code for record in self.failed}
        if failures:
            return code_of_failures(failures, alone=len(self.failed) == len(self.records))
        left = {one.exit_code for one in self.left}
        if len(left) == 1:
            return left.pop()
        return IntegrityError.exit_code if left else 0


def repair(
    exporter: Exporter, how: Thoroughness, *, agree: Callable[[Sequence[Repair]], bool]
) -> RepairReport:
    """Publish again what is wrong of the exporter's source, and nothing else.

    The tables of the exporter's request are looked at, all where it names none. The source is not
    opened where no file is wrong and it was not asked for.

    Args:
        exporter: The source and where it is published.
        how: How closely to look, and what may be lost.
        agree: Called once with the plan, before anything is written; False ends it there.

    Raises:
        UsageError: The configuration names what the source does not have.
        DestConflict: What is published came from another database.
        SourceError: The source is needed and cannot be opened.
    """
    store, name, tables = exporter.workspace.store, exporter.source.name, exporter.request.tables
    damages = find_damages(store.root, name, tables=tables, deep=how.deep)
    copies = plan_copy_repairs(exporter, damages)
    if not damages and not copies and not how.against_source:
        if agree(()):
            store.sweep(name)
        return RepairReport(plan=())
    _refuse_namesake(exporter)
    bundles = [damage for damage in damages if damage.format == BUNDLE]
    broken = [damage for damage in damages if damage.format == SET]
    damages = [damage for damage in damages if damage.format not in {BUNDLE, SET}]
    others = plan_bundle_repairs(exporter, bundles, how) + copies
    others += plan_set_repairs(exporter, broken, how)
    with ExitStack() as snapshots:
        parts: list[tuple[Exporter, Snapshot, list[Repair]]] = []
        for one, exports, found in _parted(exporter, damages):
            snapshot = snapshots.enter_context(one.source.source.snapshot())
            prepare(one, snapshot)
            lost = lost_exports(one, snapshot) if one is exporter else set()
            plan = plan_repairs(one, snapshot, found, exports | lost, how)
            parts.append((one, snapshot, plan))
        plan = sorted(
            (one for repairs in (*(repairs for _, _, repairs in parts), others) for one in repairs),
            key=lambda one: (one.table, one.format, one.partition),
        )
        if not agree(plan):
            return RepairReport(plan=plan)
        store.sweep(name)
        records = [
            record
            for one, snapshot, repairs in parts
            for group in _grouped([repair for repair in repairs if repair.kept is None])
            for record in _publish(one, snapshot, group)
        ]
    for wrong in others:
        if wrong.kept is None:
            publish = publish_set if wrong.format == SET else publish_bundle
            records += publish(exporter, wrong)
    afterwards: tuple[str, ...] = ()
    if any(record.status != "failed" for record in records):
        afterwards = keep_current(exporter.workspace.project.settings, connect=exporter.connect)
    return RepairReport(plan=plan, records=records, afterwards=afterwards)


def _parted(
    exporter: Exporter, damages: Sequence[Damage]
) -> Iterator[tuple[Exporter, AbstractSet[tuple[str, str]], Sequence[Damage]]]:
    """Yield what is published, and its damages, with the exporter that publishes it again.

    The first is *exporter*; another is for exports with computed columns that nobody configured.
    """
    exports = published_exports(exporter)
    computed = computed_exports(exporter, exports)
    places = {
        (name, fmt) for table, fmt in computed for name in (safe_name(table), hashed_name(table))
    }
    theirs = [one for one in damages if (one.table, one.format) in places]
    yield exporter, exports - computed, [one for one in damages if one not in theirs]
    if computed:
        yield replace(exporter, source=with_computed(exporter.source)), computed, theirs


def _refuse_namesake(exporter: Exporter) -> None:
    """Refuse to replace what was published from another database of the same name."""
    source = exporter.source
    if not source.ad_hoc:
        return
    with suppress(IntegrityError):
        for path, manifest in exporter.workspace.store.manifests(source.name):
            if manifest.snapshot.origin != source.origin:
                msg = f"{source.name}: {path} was published from another database; repair it from "
                raise DestConflict(msg + "that one")
            break


def _grouped(wanted: Sequence[Repair]) -> Iterator[list[Repair]]:
    """Put together what one read of a table can publish: partitions wrong in the same formats."""
    formats: dict[tuple[str, str], list[Repair]] = {}
    for one in wanted:
        formats.setdefault((one.table, one.partition), []).append(one)
    groups: dict[tuple[str, tuple[str, ...]], list[Repair]] = {}
    for (table, _), repairs in formats.items():
        key = table, tuple(sorted(one.format for one in repairs))
        groups.setdefault(key, []).extend(repairs)
    yield from groups.values()


def _publish(
    exporter: Exporter, snapshot: Snapshot, group: Sequence[Repair]
) -> Sequence[ExportRecord]:
    """Publish one group again; whatever goes wrong is in the records."""
    table, formats = group[0].table, tuple(sorted({one.format for one in group}))
    request = replace(
        exporter.request,
        tables=(table,),
        formats=formats,
        options=options_of(exporter, table, formats, [one.path.name for one in group]),
        partitions=tuple(sorted({one.partition for one in group})),
        overwrite=True,
    )
    asking = replace(exporter, request=request)
    source, store, moment = exporter.source, exporter.workspace.store, snapshot.info.taken_at

    def destination(slots: ExitStack) -> RepairDestination:
        timeout = request.lock_timeout
        place = RepairDestination(store, source.name, exporter.run.id, slots, timeout)
        place.moment = moment
        return place

    try:
        plan = plan_table(table, snapshot, source.config, source.system, request)
        asking.choices.contract(plan)
    except ExportError as error:
        return asking.tables.failed(table, error)
    return asking.tables.export(plan, snapshot, destination)


class RepairDestination(StoreDestination):
    """The store, where what is damaged is replaced and what is newer stays."""

    replaces_unproven = True
    moment: datetime
    """When the rows to be published were read."""

    def open(self, plan: TablePlan, fmt: str, suffix: str, key: str) -> StoreSlot:
        """Lock and stage the partition.

        Raises:
            DestConflict: Another run published a later moment meanwhile.
        """
        slot = super().open(plan, fmt, suffix, key)
        previous = slot.previous
        if previous is not None and previous.snapshot.taken_at > self.moment:
            msg = f"{plan.name}/{fmt}/{key}: run {previous.run_id} published rows of a later "
            raise DestConflict(msg + "moment; repair again")
        return slot
