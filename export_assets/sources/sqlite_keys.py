"""Rows by their keys in SQLite: `Scan.among` as a condition and the values bound to it.

A column's affinity is applied to what is bound, as SQLite does when it follows a foreign key: the
text '1' finds the integer 1 in an INTEGER column. A column without affinity compares storage
classes, so numbers are looked for there as text too, and text as the number it spells.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import product
from math import isnan

from export_assets.sources.base import KeySet
from export_assets.sources.sql import all_of, any_of, quote
from export_assets.sources.sqlite_types import Affinity

Bound = str | int | float | bytes

_NEVER = "0"


def key_filter(
    keys: KeySet, affinities: Mapping[str, Affinity], *, collated: bool
) -> tuple[str, list[Bound]]:
    """Return the condition that a row has one of *keys*, and what to bind to it.

    Keys that no row can have, with a null or a number beyond 64 bits in them, are left out.
    """
    tuples = [
        one
        for values in keys.values
        for one in product(
            *(
                _forms(value, affinities.get(column, "blob"))
                for column, value in zip(keys.columns, values, strict=True)
            )
        )
    ]
    tuples = list(dict.fromkeys(tuples))
    if not tuples:
        return _NEVER, []
    names = [f"{quote(column)}{' collate binary' if collated else ''}" for column in keys.columns]
    bound = [value for one in tuples for value in one]
    if len(names) == 1:
        return f"{names[0]} in ({', '.join('?' * len(tuples))})", bound
    same = all_of([f"{name} = ?" for name in names])
    return any_of([same] * len(tuples)), bound


def _forms(value: object, affinity: Affinity) -> Sequence[Bound]:
    """Return what to look for in a column of *affinity* to find *value*; nothing for no value."""
    plain = _plain(value)
    if plain is None:
        return ()
    if isinstance(plain, bytes):
        # A column that also holds blobs is carried as binary: numbers and text as their UTF-8.
        try:
            text = plain.decode()
        except UnicodeDecodeError:
            return (plain,)
        return (plain, text, *_numbers(text))
    if affinity != "blob":
        return (plain,)
    return (plain, *_numbers(plain)) if isinstance(plain, str) else (plain, repr(plain))


def _numbers(text: str) -> Sequence[Bound]:
    """Return the number that *text* spells as it would be spelt: '01' is no spelling of 1."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if repr(number) == text:
            return () if isinstance(number, int) and not _fits(number) else (number,)
    return ()


def _plain(value: object) -> Bound | None:
    """Return *value* as SQLite can be given it, None where it holds no such value."""
    match value:
        case bool():
            return int(value)
        case int():
            return value if _fits(value) else None
        case float():
            return None if isnan(value) else value
        case str() | bytes():
            return value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case date() | datetime() | time():
            return value.isoformat()
        case _:
            return None


def _fits(value: int) -> bool:
    return -(2**63) <= value < 2**63
