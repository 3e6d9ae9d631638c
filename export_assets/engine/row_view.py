"""Which rows of a table leave in a format, and which members of logged objects stay behind.

Formats that see the same rows share a pass. What a view leaves out is read and counted all the
same, so that a pass proves that nothing was missed; then the digests are of what is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_, or_
from typing import Any, cast

import msgspec
import polars as pl

from export_assets.config.format_options import FormatOptionsConfig
from export_assets.config.models import SourceConfig
from export_assets.config.rules import FormatName, Scalar
from export_assets.engine.request import ExportRequest
from export_assets.errors import UsageError
from export_assets.formats.json_members import Members, without_members
from export_assets.sources.filters import equal
from export_assets.tables.schema import Fidelity, LogicalType, TableSchema

LOGGED = "raw"
"""The column of logged objects."""

Choice = tuple[tuple[str, tuple[Scalar, ...]], ...]
"""Values by column."""


@dataclass(frozen=True, kw_only=True)
class RowView:
    """What a format sees of a table."""

    only: Choice = ()
    """Rows have one of the values in each of these columns."""
    without: Choice = ()
    """No row has one of the values in any of these columns."""
    payload: tuple[tuple[str, Choice], ...] = ()
    """Members that go from logged objects, each where others have one of the values."""

    @property
    def chooses(self) -> bool:
        """Whether rows are left out."""
        return bool(self.only or self.without)

    def check(self, schema: TableSchema) -> None:
        """Refuse columns that are none of *schema*, and values that are none of their columns.

        Raises:
            UsageError: There are such.
        """
        for option, choice in (("only", self.only), ("without", self.without)):
            for name, _ in choice:
                if name not in schema.names:
                    msg = f"{schema.name}: {option}: there is no column {name} to choose rows by"
                    raise UsageError(msg)
        self.rows(schema)

    def rows(self, schema: TableSchema) -> pl.Expr | None:
        """Return the expression for the rows that leave; None for all."""
        kept = [_one_of(schema, name, values) for name, values in self.only]
        kept += [~_one_of(schema, name, values) for name, values in self.without]
        return reduce(and_, kept) if kept else None

    def strips(self, schema: TableSchema) -> bool:
        """Whether members go from objects of *schema*."""
        return bool(self.payload) and any(
            column.name == LOGGED and column.logical is LogicalType.JSON
            for column in schema.columns
        )

    def stripped(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return *frame* with logged objects as they leave."""
        conditions = {name: dict(choice) for name, choice in self.payload}

        def goes(name: str, members: Members) -> bool:
            return all(
                other in members and _value(members[other]) in values
                for other, values in conditions[name].items()
            )

        return frame.with_columns(without_members(frame.get_column(LOGGED), conditions, goes)[0])

    def shown(self, schema: TableSchema) -> TableSchema:
        """Return *schema* with what it says of logged objects that leave in part."""
        if not self.strips(schema):
            return schema
        told = Fidelity(verdict="lossy", reason="members of raw payload are left out")
        return schema.with_column(replace(schema.column(LOGGED), fidelity=told))


WHOLE = RowView()


def _one_of(schema: TableSchema, name: str, values: tuple[Scalar, ...]) -> pl.Expr:
    column = schema.column(name)
    return reduce(or_, [equal(column, value) for value in values]).fill_null(value=False)


def _value(raw: msgspec.Raw) -> object:
    return msgspec.json.decode(raw)


def chosen_options(
    config: SourceConfig, table: str, fmt: str, request: ExportRequest
) -> FormatOptionsConfig:
    """Return what is chosen about files of *table* in *fmt*: by the request, else as configured."""
    configured = config.format_options_of(table, cast("FormatName", fmt))
    return request.options.get(fmt, FormatOptionsConfig()).over(configured)


def view_of(config: SourceConfig, table: str, fmt: str, request: ExportRequest) -> RowView:
    """Return what *fmt* sees of *table*."""
    chosen = chosen_options(config, table, fmt, request)
    # What is asked for narrows further what is configured.
    only = (*_choice(chosen.only or {}), *_choice(request.only.get(table, {})))
    bare = chosen.include_raw_data is False or not request.raw_data
    payload = config.log.payload if bare else {}
    return RowView(
        only=only,
        without=_choice(chosen.without or {}),
        payload=tuple(sorted((name, _choice(where)) for name, where in payload.items())),
    )


def _choice(given: Mapping[str, Any]) -> Choice:
    return tuple(sorted((name, tuple(values)) for name, values in given.items()))
