"""How the rows of a query are printed: a table for people, or one JSON document."""

import base64
import json
import math
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Self

from export_assets.cli.figures import count, counted
from export_assets.cli.output import Output
from export_assets.engine.catalog.rows import Rows
from export_assets.tables.schema import LogicalType, TableSchema

_NUMBERS = frozenset({LogicalType.INTEGER, LogicalType.FLOAT, LogicalType.DECIMAL})
_LONGEST = 2_000
"""Characters of a value that a table shows."""


@dataclass(frozen=True, kw_only=True)
class Printed:
    """The rows to be printed, and how many others there are."""

    schema: TableSchema
    rows: list[tuple[Any, ...]]
    left_out: int

    @classmethod
    def of(cls, found: Rows, limit: int | None) -> Self:
        """Take *limit* rows of those *found*, all where it is None, and count the others."""
        rows: list[tuple[Any, ...]] = []
        total = 0
        for batch in found.batches:
            wanted = batch.rows if limit is None else max(0, limit - len(rows))
            rows += batch.frame.head(wanted).rows()
            total += batch.rows
        return cls(schema=found.schema, rows=rows, left_out=total - len(rows))

    def print(self, output: Output) -> None:
        """Print them as *output* wants it."""
        columns = self.schema.columns
        right = [column.name for column in columns if column.logical in _NUMBERS]
        shown = (tuple(_text(value) for value in row) for row in self.rows)
        output.table(self.schema.names, shown, right=right)
        output.line(counted(len(self.rows) + self.left_out, "row"))
        if self.left_out and not output.json:
            fact = f"{count(self.left_out)} more {'row' if self.left_out == 1 else 'rows'}"
            output.note(f"{fact} not shown; --limit 0 shows all, --output FILE saves them")
        if output.json:
            output.document(self._document())

    def _document(self) -> dict[str, Any]:
        columns = self.schema.columns
        return {
            "columns": [{"name": one.name, "type": one.declared} for one in columns],
            "rows": [
                {
                    column.name: _plain(value, column.logical)
                    for column, value in zip(columns, row, strict=True)
                }
                for row in self.rows
            ],
            "rows_left_out": self.left_out,
            "exit_code": 0,
        }


def print_plan(output: Output, plan: str) -> None:
    """Print how a query would be, or was, computed."""
    for line in plan.splitlines():
        output.line(line)
    output.document({"plan": plan, "exit_code": 0})


def _text(value: object) -> str:
    """Return *value* as a table shows it; NULL is told from empty text."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower()
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.isoformat(sep=" ")
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _plain(value: object, logical: LogicalType) -> object:
    """Return *value* as JSON holds it: decimals as text with all their digits."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case Decimal():
            return f"{value:f}"
        case bytes():
            return base64.b64encode(value).decode()
        case datetime() | date() | time():
            return value.isoformat()
        case str() if logical is LogicalType.JSON:
            return json.loads(value)
    return value
