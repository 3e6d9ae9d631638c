"""Types of the columns of a configured view, from every value it gives: drivers name no types."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from export_assets.sources.sqlalchemy_catalog import CatalogColumn

_BY_KIND: dict[frozenset[type], sa.types.TypeEngine[Any]] = {
    frozenset({bool}): sa.Boolean(),
    frozenset({int}): sa.BigInteger(),
    frozenset({float}): sa.Double(),
    frozenset({int, float}): sa.Double(),
    frozenset({str}): sa.String(),
    frozenset({bytes}): sa.LargeBinary(),
    frozenset({datetime}): sa.DateTime(),
    frozenset({date}): sa.Date(),
    frozenset({time}): sa.Time(),
    frozenset({UUID}): sa.Uuid(),
    frozenset({dict}): sa.JSON(),
    frozenset({list}): sa.JSON(),
}
_AS_BYTES = (bytearray, memoryview)


class _Seen:
    """What the values of one column are."""

    def __init__(self) -> None:
        self.kinds: set[type] = set()
        self.whole = 0
        self.fraction = 0
        self.aware = True

    def update(self, values: Iterable[object]) -> None:
        for value in values:
            if value is None:
                continue
            self.kinds.add(bytes if isinstance(value, _AS_BYTES) else type(value))
            if isinstance(value, Decimal) and isinstance(
                exponent := value.as_tuple().exponent, int
            ):
                self.fraction = max(self.fraction, -exponent)
                self.whole = max(self.whole, value.adjusted() + 1)
            elif isinstance(value, datetime) and value.tzinfo is None:
                self.aware = False

    @property
    def type(self) -> sa.types.TypeEngine[Any]:
        if self.kinds == {Decimal}:
            return sa.Numeric(max(self.whole, 1) + self.fraction, self.fraction)
        if self.kinds == {datetime} and self.aware:
            return sa.DateTime(timezone=True)
        return _BY_KIND.get(frozenset(self.kinds), sa.String())


def observe(
    names: Sequence[str], chunks: Iterable[Sequence[Sequence[object]]]
) -> dict[str, CatalogColumn]:
    """Return the columns called *names* with types that hold for the rows of *chunks*."""
    seen = [_Seen() for _ in names]
    for rows in chunks:
        for one, values in zip(seen, zip(*rows, strict=True), strict=True):
            one.update(values)
    return {
        name: CatalogColumn(declared="", type=one.type)
        for name, one in zip(names, seen, strict=True)
    }
