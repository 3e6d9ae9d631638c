"""The sets of `labeling`: the whole database in one of two layouts, and each project alone."""

from collections.abc import Callable, Sequence
from typing import Final

from export_assets.config.models import SourceConfig
from export_assets.config.sets import SetConfig
from export_assets.engine.sets.spec import ExportSet, SetDocument, SetFile
from export_assets.errors import ConfigError, UsageError
from export_assets.systems.labeling import legacy, tidy
from export_assets.systems.labeling.settings import SET
from export_assets.systems.labeling.sql import ENTITIES, Entities

PROJECT_DOCUMENTS: Final = "project_documents"
PROFILES: Final = ("legacy", "tidy")
_MB: Final = 1_000_000
_DOCUMENT: Final = "json"


def labeling_sets(entities: Entities, config: SourceConfig, *, profile: str) -> list[ExportSet]:
    """Return those sets that *config* names.

    Raises:
        ConfigError: A set has formats or a profile that it cannot have.
        UsageError: The source lacks an entity, or there is no such profile.
    """
    wanted = {name: rules for name, rules in config.sets.items() if name in _MADE}
    if not wanted:
        return []
    entities.check()
    return [
        _MADE[name](entities, rules, profile or rules.profile or PROFILES[0], config.selects)
        for name, rules in wanted.items()
    ]


def _whole(
    entities: Entities, rules: SetConfig, profile: str, selects: Callable[[str], bool]
) -> ExportSet:
    if profile not in PROFILES:
        msg = f"{SET}: there is no profile {profile!r}; there are {', '.join(PROFILES)}"
        raise UsageError(msg)
    old = profile == PROFILES[0]
    views = dict(legacy.csv_views(entities)) if old and "csv" in rules.formats else {}
    documents: tuple[SetDocument, ...] = ()
    if _DOCUMENT in rules.formats:
        views |= legacy.document_views(entities) if old else tidy.views(entities)
        documents = (
            legacy.document(pretty=True)
            if old
            else tidy.document(entities, legacy.FILE, pretty=True),
        )
    return ExportSet(
        name=SET,
        description=rules.description,
        files=tuple(_files(entities, rules, old=old, selects=selects)),
        documents=documents,
        views=views,
        profile=profile,
        by_default=rules.by_default,
        most_bytes=None if rules.max_mb is None else int(rules.max_mb * _MB),
    )


def _files(
    entities: Entities, rules: SetConfig, *, old: bool, selects: Callable[[str], bool]
) -> Sequence[SetFile]:
    tables = rules.tables or [name for name in entities.columns_of if selects(name)]
    files = []
    for fmt in rules.formats:
        if fmt == "csv":
            files += [
                SetFile(stem=name, table=legacy.CSV[name] if old else name, format=fmt)
                for name in ENTITIES
            ]
        elif fmt != _DOCUMENT:
            files += [SetFile(stem=name, table=name, format=fmt) for name in tables]
    return files


def _projects(
    entities: Entities, rules: SetConfig, profile: str, selects: Callable[[str], bool]
) -> ExportSet:
    del profile, selects  # there is one layout, of tables that are always in it
    if tuple(rules.formats) != (_DOCUMENT,):
        msg = f"sets.{PROJECT_DOCUMENTS}.formats: are documents; the one format is {_DOCUMENT}"
        raise ConfigError(msg)
    return ExportSet(
        name=PROJECT_DOCUMENTS,
        description=rules.description,
        documents=(tidy.document(entities, "project.json", pretty=True),),
        views=tidy.views(entities),
        split="project_id",
        by_default=rules.by_default,
        most_bytes=None if rules.max_mb is None else int(rules.max_mb * _MB),
    )


_MADE: Final = {SET: _whole, PROJECT_DOCUMENTS: _projects}
