"""Looking at a finished export: is everything there, and is it what it says it is?"""

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import polars as pl

from export_assets.errors import ExportError, UsageError
from export_assets.store.directory_record import read_record
from export_assets.store.verify import verify_directory
from export_assets.systems.theprogram.record_pieces import csv_records
from export_assets.systems.theprogram.service_models import (
    ChartsExport,
    ClientsExport,
    Content,
    ExportFormat,
    ExportValidation,
    FullDatabaseExport,
    TableExport,
)

Validated = FullDatabaseExport | TableExport | ClientsExport | ChartsExport | Path
"""A result in memory, or the directory that files were exported to."""

_Result = FullDatabaseExport | TableExport | ClientsExport | ChartsExport
_Files = Mapping[str, Content]

_RECORD = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RECORDS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def validate(result: object) -> ExportValidation:
    """Return what is odd (a table without records) and what is wrong about *result*.

    Raises:
        UsageError: It is neither.
    """
    if not isinstance(
        result, Path | FullDatabaseExport | TableExport | ClientsExport | ChartsExport
    ):
        msg = f"validate_export: takes a result or a Path, not a {type(result).__name__}"
        raise UsageError(msg)
    if isinstance(result, Path):
        warnings, errors = _of_directory(result)
    else:
        files, counts = _files(result), _counts(result)
        warnings = [f"Table '{name}' has 0 records" for name, rows in counts.items() if not rows]
        errors = [*_changed(files, result.hashes), *_miscounted(result, files, counts)]
        errors += _inconsistent(result)
    return ExportValidation(valid=not errors, warnings=warnings, errors=errors)


def _of_directory(directory: Path) -> tuple[list[str], list[str]]:
    errors = [finding.message for finding in verify_directory(directory)]
    try:
        record = read_record(directory)
    except (ExportError, OSError):
        return [], errors
    entries = record.files if record is not None else ()
    warnings = [f"Table '{one.table}' has 0 records" for one in entries if not one.rows]
    return list(dict.fromkeys(warnings)), errors


def _files(result: _Result) -> _Files:
    if isinstance(result.data, dict):
        return dict(result.data)
    name = result.table if isinstance(result, TableExport) else "*"
    return {name: result.data}


def _counts(result: _Result) -> Mapping[str, int]:
    if isinstance(result, FullDatabaseExport):
        return result.record_counts
    if isinstance(result, TableExport):
        return {result.table: result.record_count}
    return {}


def _changed(files: _Files, hashes: Mapping[str, str]) -> Iterator[str]:
    for name, sha256 in hashes.items():
        if name not in files:
            yield f"{_named(name)}: its file is missing"
            continue
        content = files[name]
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        if hashlib.sha256(data).hexdigest() != sha256:
            yield f"{_named(name)}: the content is not what was exported"
    yield from (f"{_named(name)}: is no part of the export" for name in files if name not in hashes)


def _miscounted(
    result: _Result,
    files: _Files,
    counts: Mapping[str, int],
) -> Iterator[str]:
    """Yield where content cannot be read, or holds other than so many records."""
    expected = dict(counts)
    if isinstance(result, ClientsExport | ChartsExport):
        root, rows = _roots(result)
        expected = {root: rows, **result.related_counts}
    for name, content in files.items():
        try:
            found = _found(name, content, result.format)
        except (ValueError, pl.exceptions.PolarsError) as error:
            yield f"{_named(name)}: cannot be read: {' '.join(str(error).split())}"
            continue
        for table, rows in found.items():
            if table in expected and rows != expected[table]:
                yield f"Table '{table}': holds {rows} records instead of {expected[table]}"
        if name == "*" and isinstance(result, FullDatabaseExport):
            missing = [table for table in expected if table not in found]
            yield from (f"Table '{table}': is missing" for table in missing)


def _inconsistent(result: _Result) -> Iterator[str]:
    """Yield where the parts of a result contradict each other."""
    if isinstance(result, FullDatabaseExport):
        yield from _inconsistent_database(result)
        return
    if isinstance(result, TableExport):
        if len(result.records) != result.record_count:
            listed, counted = len(result.records), result.record_count
            yield f"Table '{result.table}': {listed} records, counted as {counted}"
        return
    root, rows = _roots(result)
    found = result.clients if isinstance(result, ClientsExport) else result.charts
    if len(found) != rows:
        yield f"Table '{root}': {len(found)} records, counted as {rows}"
    for table, related in result.related_data.items():
        if len(related) != result.related_counts.get(table):
            yield f"Table '{table}': {len(related)} records, counted otherwise"


def _inconsistent_database(result: FullDatabaseExport) -> Iterator[str]:
    if set(result.tables) != set(result.record_counts):
        yield "tables and record_counts do not name the same tables"
    if isinstance(result.data, dict):
        lost = [name for name in result.tables if name not in {*result.data, *result.hashes}]
        yield from (f"Table '{name}': its file is missing" for name in lost)
    told, total = result.metadata or {}, sum(result.record_counts.values())
    if told.get("record_counts", result.record_counts) != result.record_counts:
        yield "metadata: its record_counts are not those of the tables"
    if told.get("total_records", total) != total:
        yield f"metadata: {told['total_records']} records in all, the tables have {total}"


def _roots(result: ClientsExport | ChartsExport) -> tuple[str, int]:
    if isinstance(result, ClientsExport):
        return "clients", result.client_count
    return "charts", result.chart_count


def _found(name: str, content: Content, fmt: ExportFormat) -> dict[str, int]:
    """Return the records that *content* holds, by table.

    Raises:
        ValueError: It is not of the format *fmt*.
    """
    if isinstance(content, bytes):
        return {name: pl.scan_parquet(io.BytesIO(content)).select(pl.len()).collect().item()}
    if fmt == "csv":
        lines = io.BytesIO(content.encode("utf-8"))
        return {name: sum(1 for _ in csv_records(lines)) - 1}
    if fmt == "ndjson":
        return {name: sum(1 for line in content.split("\n") if line and _is_record(line))}
    if name != "*":
        return {name: len(_RECORDS.decode(content))}
    members = _RECORD.decode(content)
    return {table: len(_RECORDS.decode(rows)) for table, rows in members.items() if _is_list(rows)}


def _is_record(line: str) -> bool:
    return isinstance(_RECORD.decode(line), dict)


def _is_list(value: msgspec.Raw) -> bool:
    return bytes(value).lstrip().startswith(b"[")


def _named(name: str) -> str:
    return "The document" if name == "*" else f"Table '{name}'"
