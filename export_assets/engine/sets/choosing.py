"""Which sets a source has, and which of them a request is for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from export_assets.config.models import SourceConfig
from export_assets.config.sets import SetConfig
from export_assets.engine.request import ExportRequest
from export_assets.engine.system import System
from export_assets.errors import UsageError
from export_assets.store.layout import safe_names

if TYPE_CHECKING:
    from export_assets.engine.sets.spec import ExportSet

_MB = 1_000_000


def wanted_sets(config: SourceConfig, request: ExportRequest) -> list[str]:
    """Return the names of the sets that *request* is for.

    What chooses tables, rows or columns chooses no set, unless it names one.

    Raises:
        UsageError: A set is named, and what is asked for is no set.
    """
    named = [name for name in (*request.tables, *request.include) if name in config.sets]
    if request.output_dir is not None:
        if named:
            msg = f"{named[0]}: is a set, which has a directory of its own; use --export-dir"
            raise UsageError(msg)
        return []
    chooses = bool(request.tables) or bool(request.partitions) or request.window.bounded
    by_default = [] if chooses else [name for name, one in config.sets.items() if one.by_default]
    if request.export_dir is not None:
        # One directory holds one of them: that which has a place of its own, else the first.
        kept = [name for name in by_default if config.sets[name].directory is not None]
        by_default = kept or by_default[:1]
    wanted = [name for name in dict.fromkeys((*by_default, *named)) if name not in request.exclude]
    if named and not wanted and tables_besides(request, config) is None:
        msg = f"{config.source}: no set is left to export"
        raise UsageError(msg)
    if request.export_dir is not None and not wanted:
        msg = f"export-dir: {config.source} has no set to put there"
        raise UsageError(msg)
    return wanted


def tables_besides(request: ExportRequest, config: SourceConfig) -> ExportRequest | None:
    """Return what *request* is for besides sets; None where it is for nothing else."""
    if request.export_dir is not None:
        return None
    tables = _without(request.tables, config)
    if request.tables and not tables:
        return None
    include, exclude = _without(request.include, config), _without(request.exclude, config)
    return replace(request, tables=tables, include=include, exclude=exclude)


def _without(names: Sequence[str], config: SourceConfig) -> tuple[str, ...]:
    return tuple(name for name in names if name not in config.sets)


def sets_of(
    columns_of: Mapping[str, Sequence[str]],
    config: SourceConfig,
    system: System | None,
    *,
    profile: str = "",
) -> "dict[str, ExportSet]":
    """Return every set of a source by its name.

    Args:
        columns_of: Columns by table, of every table that can be exported.
        config: The source's configuration.
        system: Its system, where it has one.
        profile: The layout asked for; that configured for each set where empty.

    Raises:
        UsageError: A set has a table that the source lacks, or there is no such layout.
    """
    own = system.sets(columns_of, config, profile=profile) if system is not None else ()
    for one in own:
        hidden = sorted(one.views.keys() & columns_of.keys())
        if hidden:
            msg = f"{one.name}: source has a table {hidden[0]}, which the set makes itself"
            raise UsageError(msg)
    found = {one.name: one for one in own}
    for name, rules in config.sets.items():
        if name in columns_of:
            msg = f"sets.{name}: is called as a table is; exclude that, or export it by a query"
            raise UsageError(msg)
        if name not in found:
            found[name] = _configured(name, rules, list(columns_of), config)
    return found


def _configured(
    name: str, rules: SetConfig, present: Sequence[str], config: SourceConfig
) -> "ExportSet":
    from export_assets.engine.sets.spec import ExportSet, SetFile, SetJoined

    tables = rules.tables or [table for table in present if config.selects(table)]
    for table in tables:
        if table not in present:
            msg = f"sets.{name}: source has no table {table}"
            raise UsageError(msg)
    if rules.profile:
        msg = f"sets.{name}.profile: the files of this set have one layout"
        raise UsageError(msg)
    joined = (
        (SetJoined(stem=config.source, format=rules.one_file, tables=tuple(tables)),)
        if rules.one_file
        else ()
    )
    return ExportSet(
        name=name,
        description=rules.description,
        files=()
        if joined
        else tuple(
            SetFile(stem=stem, table=table, format=fmt)
            for table, stem in safe_names(tables).items()
            for fmt in rules.formats
        ),
        joined=joined,
        by_default=rules.by_default,
        most_bytes=None if rules.max_mb is None else int(rules.max_mb * _MB),
    )
