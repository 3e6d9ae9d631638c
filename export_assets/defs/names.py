"""What Dagster calls things: asset keys, op names, tags, made of names that may be any text."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import dagster as dg

from export_assets.store.layout import safe_name

_OP_NAME = re.compile(r"[A-Za-z0-9_]+\Z")
_NOT_OP = re.compile(r"[^A-Za-z0-9_]+")
_LONGEST_TAG = 63


_T = TypeVar("_T")


def source_table_key(source: str, table: str) -> dg.AssetKey:
    """Return the key of a table where it lies: `[source, table]`."""
    return dg.AssetKey([source, safe_name(table)])


def logs_key(source: str) -> dg.AssetKey:
    """Return the key of the log files of a source: `[source, logs]`."""
    return dg.AssetKey([source, "logs"])


def segments_key(source: str) -> dg.AssetKey:
    """Return the key of what was read of them: `[source, segments]`."""
    return dg.AssetKey([source, "segments"])


def export_key(source: str, table: str, fmt: str) -> dg.AssetKey:
    """Return the key of an export: `[source, table, format]`, as the directories are named."""
    return dg.AssetKey([source, safe_name(table), fmt])


def op_part(name: str) -> str:
    """Return *name* as part of the name of an op, job or check; different names stay different."""
    if _OP_NAME.match(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{_NOT_OP.sub('_', name).strip('_')}_{digest}"


def ops_of(
    name: str, things: Iterable[_T], *, key: Callable[[_T], dg.AssetKey]
) -> Iterator[tuple[str, list[_T]]]:
    """Yield ops, the first one called *name*, each with those of *things* that it is about.

    There is one, unless Dagster would call outputs of two things the same: those of the keys `a-b`
    and `a_b`, of which it keeps one.
    """
    groups: list[dict[str, _T]] = []
    for thing in things:
        output = key(thing).to_python_identifier()
        free = next((group for group in groups if output not in group), None)
        if free is None:
            groups.append(free := {})
        free[output] = thing
    for number, group in enumerate(groups, start=1):
        yield name if number == 1 else f"{name}__{number}", list(group.values())


def tag_value(text: str) -> str:
    """Return *text* as a tag's value, which takes few characters and not many of them."""
    return safe_name(text)[:_LONGEST_TAG]
