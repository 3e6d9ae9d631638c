"""Reading back what is published, by what its manifest says of it."""

import ast
from collections.abc import Iterator

import polars as pl

from export_assets.defs.table import TableExport
from export_assets.errors import IntegrityError
from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import format_named
from export_assets.store.manifest import ColumnRecord, Manifest
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema


def read_published(table: TableExport, manifest: Manifest) -> Iterator[Batch]:
    """Yield the rows of a partition, file after file.

    Raises:
        IntegrityError: A file is missing or cannot be read as the manifest describes it.
    """
    fmt = format_named(manifest.format)
    config = table.configured.config
    name = table.formats[table.formats.index(fmt.name)]
    options = FormatOptions(**config.format_options_of(table.name, name).given())
    schema = published_schema(manifest)
    directory = table.partition_path(manifest.format, manifest.partition)
    for record in manifest.files:
        yield from fmt.read(directory / record.path, schema, options)


def read_columns(table: TableExport, manifest: Manifest, columns: tuple[str, ...]) -> pl.DataFrame:
    """Return *columns* of a partition in the order of its rows.

    Raises:
        IntegrityError: A column or a file is not there.
    """
    schema = published_schema(manifest)
    for column in columns:
        if column not in schema.names:
            msg = f"{table.source}/{table.name}/{manifest.format}: has no column {column}"
            raise IntegrityError(msg)
    empty = schema.select(columns).polars.to_frame(eager=True)
    batches = (batch.frame.select(columns) for batch in read_published(table, manifest))
    return pl.concat([empty, *batches])


def published_schema(manifest: Manifest) -> TableSchema:
    """Return the schema of the files *manifest* describes."""
    return TableSchema(
        name=manifest.table,
        columns=tuple(_column(record) for record in manifest.columns),
        primary_key=manifest.primary_key,
    )


def _column(record: ColumnRecord) -> Column:
    logical = LogicalType(record.logical_type)
    dtype = parse_dtype(record.physical_type)
    decimal = dtype if isinstance(dtype, pl.Decimal) else None
    return Column(
        name=record.name,
        logical=logical,
        declared=record.declared_type,
        nullable=record.nullable,
        precision=decimal.precision if decimal is not None else None,
        scale=decimal.scale if decimal is not None else None,
        nested=dtype if logical is LogicalType.NESTED else None,
    )


def parse_dtype(text: str) -> pl.DataType:
    """Return the Polars type that prints as *text*, such as `List(Struct({'a': Int64}))`.

    Raises:
        IntegrityError: There is no such type.
    """
    try:
        found = _build(ast.parse(text, mode="eval").body)
    except (SyntaxError, TypeError, ValueError) as error:
        msg = f"physical type {text!r}: not known to this version"
        raise IntegrityError(msg) from error
    dtype = found() if isinstance(found, type) and issubclass(found, pl.DataType) else found
    if not isinstance(dtype, pl.DataType):
        msg = f"physical type {text!r}: not known to this version"
        raise IntegrityError(msg)
    return dtype


def _build(node: ast.expr) -> object:
    """Build a type from its printed form: names, calls and literals, nothing else."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            found = getattr(pl, name, None)
            if isinstance(found, type) and issubclass(found, pl.DataType):
                return found
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(map(_build, items))
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {_build(key): _build(value) for key, value in pairs if key is not None}
        case ast.Call(func=func, args=args, keywords=keywords):
            kind = _build(func)
            if isinstance(kind, type):
                named = {keyword.arg: _build(keyword.value) for keyword in keywords if keyword.arg}
                return kind(*map(_build, args), **named)
    msg = "no type"
    raise ValueError(msg)
