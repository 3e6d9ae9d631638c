"""The rows that a query gives, as batches of a table that every format can write."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from export_assets.engine.catalog.session import Catalog
from export_assets.engine.catalog.statement import checked_statement, is_explanation
from export_assets.errors import UsageError
from export_assets.sources.duckdb_types import Natural, natural
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema

_BATCH = 8_192
_TIME = Natural(logical=LogicalType.TIME, dtype=pl.Time())


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What a query gives."""

    schema: TableSchema
    """Its columns; none is called like another, case included."""
    batches: Iterator[Batch]
    """Its rows in their order, computed as they are taken."""


def explanation_of(catalog: Catalog, sql: str) -> str | None:
    """Return the plan that *sql* asks for, None where it asks for rows.

    Raises:
        UsageError: It is no statement that reads.
    """
    statement = checked_statement(sql)
    if not is_explanation(statement):
        return None
    found = catalog.query(statement)
    return "\n".join(str(row[-1]) for row in catalog.run(found.fetchall))


def rows_of(catalog: Catalog, sql: str) -> Rows:
    """Return the columns that *sql* gives, and its rows.

    Types without a place in a table become text, lists and structs JSON; integers of more than 64
    bits become decimals.

    Raises:
        UsageError: It is no statement that reads, or asks for what does not exist.
        IntegrityError: A published file is gone or damaged.
    """
    statement = checked_statement(sql)
    if is_explanation(statement):
        msg = "query: EXPLAIN gives a plan, no rows"
        raise UsageError(msg)
    # A comment at its end must not take the bracket in.
    asked = f"({statement}\n)"
    described = catalog.query(f"DESCRIBE FROM {asked}")
    columns = [(str(row[0]), str(row[1])) for row in catalog.run(described.fetchall)]
    how = [_TIME if kind == "TIME_NS" else natural(kind) for _, kind in columns]
    names = [f"c{place}" for place in range(len(columns))]
    values = ", ".join(
        f"{one.expression.format(c=name)} AS {name}" for one, name in zip(how, names, strict=True)
    )
    renamed = f"{asked} AS asked({', '.join(names)})"
    relation = catalog.query(f"SELECT {values} FROM {renamed}")  # noqa: S608 - that is the point
    reader = catalog.run(lambda: relation.to_arrow_reader(_BATCH))
    schema = TableSchema(
        name="query",
        columns=tuple(
            Column(
                name=name,
                logical=one.logical,
                declared=kind,
                precision=one.precision,
                scale=one.scale,
            )
            for (name, kind), one in zip(columns, how, strict=True)
        ),
    )
    return Rows(schema=schema, batches=_batches(catalog, reader, schema))


def _batches(
    catalog: Catalog, reader: pa.RecordBatchReader, schema: TableSchema
) -> Iterator[Batch]:
    def next_batch() -> pa.RecordBatch | None:
        return next(iter(reader), None)

    while (batch := catalog.run(next_batch)) is not None:
        frame = pl.from_arrow(batch)
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a batch always gives a frame
        columns = zip(frame.get_columns(), schema.columns, strict=True)
        yield Batch(
            pl.DataFrame([values.cast(one.dtype).alias(one.name) for values, one in columns])
        )
