"""What no policy keeps: the plan that says so, and the deletion of exactly that plan.

    plan = plan_prune(partitions, keep, now)          touches nothing: this is the dry run
    report = prune(plan, store, run_id=run_id)        each partition disappears in one step

Grandfather, father, son over partition *windows*: a rule such as `daily: 30` keeps the newest
partition of each of the 30 newest days that have one. A partition any rule keeps stays.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

from export_assets.errors import ConfigError, ExportError
from export_assets.store.catalogue import Published
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore

_PERIODS: dict[str, Callable[[datetime], tuple[int, ...]]] = {
    "hourly": lambda start: (start.year, start.month, start.day, start.hour),
    "daily": lambda start: (start.year, start.month, start.day),
    "weekly": lambda start: tuple(start.isocalendar()[:2]),
    "monthly": lambda start: (start.year, start.month),
    "yearly": lambda start: (start.year,),
}


@dataclass(frozen=True, kw_only=True)
class Keep:
    """How many periods to keep, by kind of period. The default keeps everything.

    Raises:
        ConfigError: A number is negative.
    """

    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    all_within_days: int | None = None

    def __post_init__(self) -> None:
        for name in (*_PERIODS, "all_within_days"):
            count = getattr(self, name) or 0
            if count < 0:
                msg = f"keep: {name} is {count}, must be 0 or more"
                raise ConfigError(msg)

    @property
    def everything(self) -> bool:
        """Whether no rule is set, so that nothing is ever deleted."""
        return not (self.all_within_days or any(getattr(self, name) for name in _PERIODS))


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A published partition as retention sees it."""

    key: ExportKey
    directory: str
    run_id: str
    """The generation looked at; another one is not deleted in its place."""
    start: datetime | None = None
    end: datetime | None = None
    """Its window; where either bound is open it is never deleted."""
    bytes: int = 0

    def __str__(self) -> str:
        return f"{self.key}/{self.directory}"


@dataclass(frozen=True, kw_only=True)
class PrunePlan:
    """What stays, with the rules that keep it, and what goes."""

    keep: tuple[tuple[Slice, tuple[str, ...]], ...] = ()
    remove: tuple[Slice, ...] = ()

    @property
    def bytes_freed(self) -> int:
        """Bytes of the parts that go."""
        return sum(item.bytes for item in self.remove)


@dataclass(kw_only=True)
class PruneReport:
    """What became of a plan."""

    removed: list[Slice] = field(default_factory=list)
    failed: list[tuple[Slice, ExportError]] = field(default_factory=list)
    """Locked, replaced since the plan, or not permitted; the others were still removed."""


def slice_of(published: Published) -> Slice:
    """Return *published* as retention sees it."""
    window = published.window
    return Slice(
        key=published.key,
        directory=published.directory,
        run_id=published.run_id,
        start=window.start if window else None,
        end=window.end if window else None,
        bytes=published.bytes,
    )


def plan_prune(partitions: Iterable[Slice], keep: Keep, now: datetime) -> PrunePlan:
    """Decide which of *partitions* stay; each export is judged by itself.

    Kept whatever the rules say: partitions without a bounded window, those that have not ended
    by *now*, and the newest of each export.

    Args:
        partitions: Partitions of any number of exports, in any order.
        keep: The rules.
        now: The moment to judge by, aware.
    """
    by_export: dict[ExportKey, list[Slice]] = {}
    for item in partitions:
        by_export.setdefault(item.key, []).append(item)
    kept: list[tuple[Slice, tuple[str, ...]]] = []
    removed: list[Slice] = []
    for items in by_export.values():
        for item, reasons in _judge(items, keep, now.astimezone(UTC)):
            if reasons:
                kept.append((item, reasons))
            else:
                removed.append(item)
    return PrunePlan(keep=tuple(kept), remove=tuple(removed))


def prune(plan: PrunePlan, store: LocalStore, *, run_id: str, timeout: float = 0.0) -> PruneReport:
    """Delete what *plan* removes, each under its lock and only in the generation planned for."""
    report = PruneReport()
    for item in plan.remove:
        try:
            store.remove(
                item.key, item.directory, run_id, expected_run_id=item.run_id, timeout=timeout
            )
        except ExportError as error:
            report.failed.append((item, error))
        else:
            report.removed.append(item)
    return report


def _judge(items: list[Slice], keep: Keep, now: datetime) -> list[tuple[Slice, tuple[str, ...]]]:
    """Pair each partition of one export with the rules that keep it."""
    dated = [(item.start.astimezone(UTC), item) for item in items if item.start is not None]
    dated.sort(key=lambda pair: (pair[0], pair[1].directory), reverse=True)
    newest = dated[0][1] if dated else None
    by_rule = {name: _newest_of_each(dated, name, getattr(keep, name)) for name in _PERIODS}
    judged = []
    for item in items:
        rules = _always(item, keep, now)
        if item is newest:
            rules.append("newest")
        rules += [name for name, directories in by_rule.items() if item.directory in directories]
        judged.append((item, tuple(rules)))
    return judged


def _always(item: Slice, keep: Keep, now: datetime) -> list[str]:
    """Return the rules that keep *item* whatever else there is."""
    if keep.everything:
        return ["no policy"]
    if item.start is None or item.end is None:
        return ["no window"]
    rules = ["not over"] if item.end > now else []
    if keep.all_within_days and item.end > now - timedelta(days=keep.all_within_days):
        rules.append("all_within_days")
    return rules


def _newest_of_each(dated: list[tuple[datetime, Slice]], name: str, count: int) -> set[str]:
    """Return the directories of the newest partition in each of the newest *count* periods."""
    newest: dict[tuple[int, ...], str] = {}
    for start, item in dated:
        newest.setdefault(_PERIODS[name](start), item.directory)
    return set(islice(newest.values(), count))
