"""From a request for rows to the statement that reads them, and how each column is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from export_assets.sources.base import Scan
from export_assets.sources.sqlalchemy_reading import Nature, Reading
from export_assets.sources.sqlalchemy_statement import Relation, among, column, equals, select
from export_assets.sources.sqlalchemy_values import bound, window_conditions
from export_assets.sources.times import INSTANTS
from export_assets.tables.schema import Column


@dataclass(frozen=True, kw_only=True)
class Query:
    """What a scan means for one relation of a server."""

    scan: Scan
    relation: Relation
    natures: Mapping[str, Nature]
    """Of every column of the relation."""
    key: tuple[str, ...] = ()
    """Columns to order by at last."""
    nulls_first: bool = False
    """Whether the server must be told to put NULL first."""
    odd_times: bool = True
    """Whether the time column may hold what is no moment."""

    @property
    def readings(self) -> list[Reading]:
        """How the columns of the schema are read, in order."""
        return [self.natures[one.name].reads(one) for one in self.scan.schema.columns]

    @property
    def statement(self) -> sa.Select[Any]:
        """The SELECT of the rows asked for."""
        expressions = [
            reading.expression(column(one.name)).label(f"c{position}")
            for position, (one, reading) in enumerate(
                zip(self.scan.schema.columns, self.readings, strict=True)
            )
        ]
        return select(
            self.relation,
            expressions,
            where=self._where(),
            order_by=self._order(),
            limit=self.scan.limit,
            offset=self.scan.offset,
        )

    def _where(self) -> list[sa.ColumnElement[bool]]:
        scan = self.scan
        found = self._window()
        for name, value in scan.where.items():
            found.append(equals(self._comparable(name), self._value(name, value)))
        if (keys := scan.among) is not None:
            of = {name: self._comparable(name) for name in keys.columns}
            rows = [
                tuple(self._value(name, one) for name, one in zip(keys.columns, row, strict=True))
                for row in keys.values
            ]
            found.append(among(keys, of, rows))
        return found

    def _window(self) -> list[sa.ColumnElement[bool]]:
        scan = self.scan
        promised = self._promised(scan.time_column)
        if promised is None or not scan.window.bounded or promised.logical not in INSTANTS:
            return []
        nature = self.natures[promised.name]
        of = column(promised.name, nature.compared)
        inside = window_conditions(
            of,
            scan.window,
            nature.logical,
            encoding=promised.encoding,
            zone=nature.zone or scan.assume_timezone,
            aware=nature.aware,
        )
        if not inside:
            return []
        unjudged: list[sa.ColumnElement[bool]] = [of.is_(None)]
        if nature.odd is not None and self.odd_times:
            unjudged.append(nature.odd(of))
        return [sa.or_(sa.and_(*inside), *unjudged)]

    def _comparable(self, name: str) -> sa.ColumnElement[Any]:
        nature = self.natures[name]
        promised = self._promised(name)
        if promised is not None and nature.is_rendered(promised):
            return sa.cast(nature.textual.expression(column(name)), sa.Text())
        return column(name, nature.compared)

    def _value(self, name: str, value: object) -> object:
        nature = self.natures[name]
        promised = self._promised(name)
        rendered = promised is not None and nature.is_rendered(promised)
        logical = promised.logical if promised is not None and rendered else nature.logical
        zone = nature.zone or self.scan.assume_timezone
        where = f"{self.scan.table}.{name}"
        return bound(where, value, logical, zone=zone, aware=nature.aware)

    def _promised(self, name: str | None) -> Column | None:
        return next((one for one in self.scan.schema.columns if one.name == name), None)

    def _order(self) -> list[sa.ColumnElement[Any]]:
        names = list(self.scan.order_by)
        if self.scan.time_column is not None and self.scan.time_column not in names:
            names.insert(0, self.scan.time_column)
        if not names:
            return []
        names += [name for name in self.key if name not in names]
        terms: list[sa.ColumnElement[Any]] = [column(name) for name in names]
        return [sa.nulls_first(term) for term in terms] if self.nulls_first else terms
