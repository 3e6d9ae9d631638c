"""What retention says of everything published of a source: each table by its own `keep`."""

from collections.abc import Iterable
from datetime import datetime

from export_assets.config.models import SourceConfig
from export_assets.config.settings import Settings
from export_assets.store.catalogue import Published
from export_assets.store.retention import Keep, PrunePlan, Slice, plan_prune, slice_of


def plan_for(config: SourceConfig, published: Iterable[Published], now: datetime) -> PrunePlan:
    """Decide over *published* partitions of a source by the rules of their tables.

    Args:
        config: The source.
        published: Its partitions, those of any number of tables and formats.
        now: The moment to judge by, aware.
    """
    by_table: dict[str, list[Slice]] = {}
    for one in published:
        by_table.setdefault(one.table, []).append(slice_of(one))
    keep: list[tuple[Slice, tuple[str, ...]]] = []
    remove: list[Slice] = []
    for table, slices in by_table.items():
        rules = config.keep_of(table)
        given = rules.model_dump(exclude_none=True) if rules is not None else {}
        plan = plan_prune(slices, Keep(**given), now)
        keep += plan.keep
        remove += plan.remove
    return PrunePlan(keep=tuple(keep), remove=tuple(remove))


def has_rules(config: SourceConfig) -> bool:
    """Whether any `keep` of the source may let something go."""
    return config.keep is not None or any(table.keep for table in config.tables.values())


def unattended_deletion(settings: Settings, config: SourceConfig) -> str | None:
    """Return why nobody but a person may delete what a plan removes; None where it is permitted.

    It takes the project and the source to permit it. `prune --yes` is such a person.
    """
    if not settings.allow_delete:
        return "allow_delete is false in the project's settings"
    return None if config.prune.delete else f"{config.source}: prune.delete is false"
