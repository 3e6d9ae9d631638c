"""Rows as they arrive from PostgreSQL, as Arrow batches of one fixed schema."""

import re
from collections.abc import Generator
from contextlib import closing

import polars as pl
import pyarrow as pa

from export_assets.errors import ExportError
from export_assets.sources.postgres_plan import MISFIT, Plan
from export_assets.sources.postgres_session import Session
from export_assets.tables.batch import Batch
from export_assets.tables.mismatch import ValueMismatch

_MISFIT = re.compile(rf"{MISFIT} (\d+):")
_ARROW: dict[pl.DataType, pa.DataType] = {
    pl.Boolean(): pa.bool_(),
    pl.Int64(): pa.int64(),
    pl.Float64(): pa.float64(),
    pl.String(): pa.large_string(),
    pl.Binary(): pa.large_binary(),
    pl.Date(): pa.date32(),
    pl.Time(): pa.time64("us"),
    pl.Datetime("us"): pa.timestamp("us"),
    pl.Datetime("us", "UTC"): pa.timestamp("us", "UTC"),
    pl.List(pl.Boolean()): pa.large_list(pa.bool_()),
    pl.List(pl.Int64()): pa.large_list(pa.int64()),
    pl.List(pl.Float64()): pa.large_list(pa.float64()),
    pl.List(pl.String()): pa.large_list(pa.large_string()),
}


def stream(plan: Plan, statement: str, session: Session) -> Generator[Batch, None, None]:
    """Yield the rows of *plan*, which *statement* asks for.

    Raises:
        ValueMismatch: A value does not fit the type promised for its column.
        ExportError: The server failed, or the connection did.
    """
    names = list(plan.scan.schema.names)
    kinds = [_ARROW[plan.reading(column).dtype] for column in plan.scan.schema.columns]
    subject = plan.scan.table
    try:
        with closing(session.stream(statement, subject=subject)) as batches:
            for batch in batches:
                pairs = zip(batch.columns, kinds, strict=True)
                arrays = [_plain(array, kind) for array, kind in pairs]
                table = pa.Table.from_arrays(arrays, names=names)
                for offset in range(0, table.num_rows, plan.scan.batch_rows):
                    yield Batch(table=table.slice(offset, plan.scan.batch_rows))
    except ExportError as error:
        if found := _MISFIT.search(str(error)):
            column = plan.scan.schema.columns[int(found[1])]
            raise ValueMismatch(subject, column.name, plan.reading(column).fact) from error
        raise


def _plain(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return *array* as *kind*; that text is UTF-8 has been seen to by the server."""
    return array if array.type == kind else array.cast(kind)
