"""Reading back what is published by what its manifest says of it, without any configuration."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
import polars as pl

from export_assets.errors import IntegrityError
from export_assets.formats.base import FormatOptions
from export_assets.formats.parquet import ParquetFormat
from export_assets.formats.registry import format_named
from export_assets.store.contents import ColumnRecord
from export_assets.store.manifest import Manifest
from export_assets.tables.batch import Batch
from export_assets.tables.digest import ALGORITHM, DigestBuilder
from export_assets.tables.schema import Column, LogicalType, TableSchema


def has_its_files(directory: Path, manifest: Manifest) -> bool:
    """Whether every file of *manifest* is there with its size; contents are not read."""
    try:
        return all(
            (directory / file.path).lstat().st_size == file.bytes for file in manifest.listed
        )
    except OSError:
        return False


def read_part(part: Path, manifest: Manifest) -> Iterator[Batch]:
    """Yield the rows of one part of the partition *manifest* describes.

    Raises:
        IntegrityError: The file cannot be read as the manifest describes it.
    """
    fmt = format_named(manifest.format)
    return fmt.read(part, published_schema(manifest), published_options(manifest))


def read_columns(
    directory: Path, manifest: Manifest, columns: tuple[str, ...]
) -> Iterator[pl.DataFrame]:
    """Yield *columns* of the partition in *directory*, in the order of its rows.

    Raises:
        IntegrityError: A column or a file is missing, or a file cannot be read as the manifest
            describes it.
    """
    schema, fmt = carried_schema(manifest), format_named(manifest.format)
    for column in columns:
        if column not in schema.names:
            msg = f"{manifest.source}/{manifest.table}/{manifest.format}: has no column {column}"
            raise IntegrityError(msg)
    for part in manifest.files:
        path = directory / part.path
        if isinstance(fmt, ParquetFormat):
            for batch in fmt.read_columns(path, schema, columns):
                yield batch.frame
            continue
        for batch in read_part(path, manifest):
            # By name: Polars takes some for patterns.
            yield pl.DataFrame([batch.frame.get_column(name) for name in columns])


def count_rows(part: Path, manifest: Manifest) -> int:
    """Count the rows of one part with the reader of its format.

    Raises:
        IntegrityError: The file cannot be read as the manifest describes it.
    """
    return sum(batch.rows for batch in read_part(part, manifest))


def differing_values(directory: Path, manifest: Manifest) -> str | None:
    """Read the partition in *directory* and say how it differs from what *manifest* recorded.

    Raises:
        IntegrityError: A file cannot be read as the manifest describes it.
    """
    if manifest.digest_algorithm != ALGORITHM:
        rows = sum(count_rows(directory / part.path, manifest) for part in manifest.files)
        return None if rows == manifest.rows else f"has {rows} rows, recorded are {manifest.rows}"
    builder = DigestBuilder(carried_schema(manifest))
    for part in manifest.files:
        for batch in read_part(directory / part.path, manifest):
            builder.update(batch)
    found = builder.digest(finite=not format_named(manifest.format).carries_nonfinite)
    if found.rows != manifest.rows:
        return f"has {found.rows} rows, recorded are {manifest.rows}"
    # A value the format cannot carry reads back as another one; the manifest counts those.
    carried = [one for one in manifest.columns if one.name in found.columns and _is_carried(one)]
    different = [one.name for one in carried if found.columns[one.name] != one.digest]
    if different:
        return f"its values differ from those recorded in {', '.join(different)}"
    return None


def _is_carried(column: ColumnRecord) -> bool:
    lossy = column.fidelity == "lossy" and column.fidelity_count > 0
    return not lossy


def published_options(manifest: Manifest) -> FormatOptions:
    """Return options under which the files of *manifest* can be read."""
    dialect = manifest.dialect
    profile: Literal["default", "excel", "legacy", "logged"] = "default"
    if dialect.get("lines") == "logged":
        profile = "logged"
    elif dialect.get("byte_order_mark") == "yes":
        profile = "excel"
    elif dialect.get("line_end") == "CRLF":
        profile = "legacy"
    return FormatOptions(
        compression=dialect.get("compression"),
        profile=profile,
        delimiter=dialect.get("delimiter"),
        pretty=dialect.get("layout") == "indented",
        partition_by=dialect.get("partition_by"),
        schema_header=dialect.get("schema_header") == "yes" if "schema_header" in dialect else None,
        schema_version=dialect.get("schema_version"),
        members_of=dialect.get("members_of"),
        stamps=_names(dialect.get("stamps", "[]")),
        as_of=dialect.get("as_of") or None,
    )


def _names(text: str) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(text, type=tuple[str, ...])
    except msgspec.MsgspecError as error:
        msg = f"dialect {text!r}: not known to this version"
        raise IntegrityError(msg) from error


def carried_schema(manifest: Manifest) -> TableSchema:
    """Return the columns that the files *manifest* describes hold."""
    schema, options = published_schema(manifest), published_options(manifest)
    return format_named(manifest.format).carried(schema, options)


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
