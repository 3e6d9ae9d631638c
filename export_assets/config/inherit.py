"""What a source takes over from the built-in system it names.

A system's own YAML is laid under the file of a source, key by key:

    tables            table by table, within a table key by key, its format_options option by option
    bundles, log,
    monitor, options,
    types,
    format_options    name by name
    sets              set by set, within a set key by key
    relations         the system's, after which the file's own; an empty list is none at all
    any other key     the file's where it has it, otherwise the system's

The name is the file's own, and so is the url unless the source has the system's name: then it is
the built-in source itself with some keys changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from export_assets.config.keypath import KeyPath
from export_assets.config.models import all_tables

_BY_NAME = frozenset({"bundles", "log", "monitor", "options", "types", "format_options"})


@dataclass(frozen=True, kw_only=True)
class Inherited:
    """A source's raw keys with those of its system under them."""

    raw: Mapping[str, object] = field(repr=False)
    system: str | None = None
    """The system anything came from."""
    paths: frozenset[KeyPath] = frozenset()
    """Where the system's values are; everything under such a path came from the system."""

    def has(self, path: KeyPath) -> bool:
        """Whether the value at *path* came from the system."""
        return any(path[:length] in self.paths for length in range(1, len(path) + 1))


def system_of(raw: Mapping[str, object], systems: Mapping[str, object]) -> str | None:
    """Return which of *systems* the keys *raw* name, None for none of them.

    A source that has the name of a system and says nothing of one means that system;
    `system: null` is a source that happens to have the name.
    """
    name = raw.get("system", raw.get("source"))
    return name if isinstance(name, str) and name in systems else None


def inherit(raw: Mapping[str, object], system: str, defaults: Mapping[str, object]) -> Inherited:
    """Lay the keys *raw* of a source over *defaults*, those of *system*."""
    own_name = raw.get("source") == system
    below = {
        key: value
        for key, value in defaults.items()
        if key not in {"source", "system"} and (key != "url" or own_name)
    }
    merge = _Merge()
    merged = merge.mapping(raw, {"system": system} | below, ())
    for key in _BY_NAME & raw.keys() & below.keys():
        merged[key] = merge.value(raw[key], below[key], (key,))
    if "tables" in raw and "tables" in below:
        merged["tables"] = _tables(merge, raw["tables"], below["tables"])
    if "sets" in raw and "sets" in below:
        merged["sets"] = _each(merge, raw["sets"], below["sets"], ("sets",))
    if "relations" in raw and "relations" in below:
        merged["relations"] = _relations(raw["relations"], below["relations"])
    return Inherited(raw=merged, system=system, paths=frozenset(merge.paths))


class _Merge:
    """Mappings laid over others, and which values were taken from those below."""

    def __init__(self) -> None:
        self.paths: set[KeyPath] = set()

    def mapping(
        self, over: Mapping[str, object], below: Mapping[str, object], at: KeyPath
    ) -> dict[str, object]:
        """Return *below* with the keys of *over* instead of its own."""
        self.paths |= {(*at, key) for key in below if key not in over}
        return {**below, **over}

    def value(self, over: object, below: object, at: KeyPath) -> object:
        """Return *over* laid over *below*, or *over* itself where they are no mappings."""
        if isinstance(over, Mapping) and isinstance(below, Mapping):
            return self.mapping(over, below, at)
        return over


def _tables(merge: _Merge, over: object, below: object) -> object:
    over, below = all_tables(over), all_tables(below)
    if not isinstance(over, Mapping) or not isinstance(below, Mapping):
        return over
    tables = merge.mapping(over, below, ("tables",))
    for name in over.keys() & below.keys():
        one, other, at = over[name], below[name], ("tables", name)
        tables[name] = table = merge.value(one, other, at)
        if isinstance(table, dict) and isinstance(one, Mapping) and "format_options" in one:
            below_it = other.get("format_options", {}) if isinstance(other, Mapping) else {}
            options = _each(merge, one["format_options"], below_it, (*at, "format_options"))
            table["format_options"] = options
    return tables


def _each(merge: _Merge, over: object, below: object, at: KeyPath) -> object:
    """Return rules by name, key by key: asking for one leaves the others as they are."""
    found = merge.value(over, below, at)
    if isinstance(found, dict) and isinstance(over, Mapping) and isinstance(below, Mapping):
        for name in over.keys() & below.keys():
            found[name] = merge.value(over[name], below[name], (*at, name))
    return found


def _relations(over: object, below: object) -> object:
    """Return both lists; of relations from the same column the file's stands."""
    if not isinstance(over, list) or not isinstance(below, list) or not over:
        return over
    given = [relation.get("from") for relation in over if isinstance(relation, Mapping)]
    return [relation for relation in below if relation["from"] not in given] + over
