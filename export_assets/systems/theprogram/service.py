"""The export service: what a program asks of a `theprogram` database, without a project of its own.

    service = ExportService("sqlite:////data/theprogram.db")
    everything = service.export_full_database("json", exclude_tables=["transit_events"])
    service.validate_export(everything).valid

Every call reads one moment of the database, proves what it wrote like any other export, and
redacts what the configuration says. Results are in memory, but for `stream_table_export`.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from export_assets.config.format_options import FormatOptionsConfig
from export_assets.engine.bundle import BundleData, Bundler
from export_assets.engine.bundle_request import BundleRequest
from export_assets.engine.computed import with_computed
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.tables import UnknownTables
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import UsageError, class_of
from export_assets.formats.json_values import decode_json
from export_assets.sources.private_temp import private_directory
from export_assets.systems.registry import load_workspace
from export_assets.systems.theprogram.record_pieces import binary_pieces, text_pieces
from export_assets.systems.theprogram.service_arguments import (
    csv_options,
    equality_filters,
    export_format,
    filters_as_json,
    names,
    whole_number,
)
from export_assets.systems.theprogram.service_models import (
    ChartsExport,
    ClientsExport,
    Content,
    ExportFormat,
    ExportValidation,
    FullDatabaseExport,
    Record,
    TableExport,
)
from export_assets.systems.theprogram.service_validation import Validated, validate

SOURCE = "theprogram"
WHOLE = "*"
"""The name of a file that holds several tables."""

_Request = Callable[..., ExportRequest]
"""Makes a request, once it is known where its files go."""


class _Exported(NamedTuple):
    tables: list[str]
    counts: dict[str, int]
    paths: dict[tuple[str, str], Path]
    """File by table and format."""


class ExportService:
    """Exports one database.

    Args:
        url: The database, as an SQLAlchemy URL or a path.
        home: Directory of a project whose configuration of `theprogram` holds; by default that of
            the environment, and where there is none the built-in configuration.
        computed: With the columns computed from others.

    Raises:
        UsageError: *url* is no address of a database.
        ConfigError: The project's configuration is wrong.
    """

    def __init__(self, url: str, *, home: Path | None = None, computed: bool = False) -> None:
        self._workspace: Workspace = load_workspace(home, environ=os.environ)
        source = self._workspace.source(SOURCE, url=url, base=Path.cwd())
        self._source: ConfiguredSource = with_computed(source) if computed else source
        self._computed = computed

    def export_full_database(
        self,
        format: str = "json",  # noqa: A002 - the word of this interface
        *,
        include_tables: Sequence[str] | None = None,
        exclude_tables: Sequence[str] = (),
        include_metadata: bool = True,
        pretty: bool = False,
        csv_delimiter: str = ",",
    ) -> FullDatabaseExport:
        """Export the default tables, or those included, less those excluded.

        Raises:
            UsageError: There is no such format or table, or no table is left.
            ExportError: A table cannot be read, or was not written as it is.
        """
        fmt = export_format(format)
        include = names("include_tables", include_tables)
        if include_tables is not None and not include:
            msg = "include_tables: is empty; leave it out for the default tables"
            raise UsageError(msg)
        one_file = fmt == "json"
        request = self._request(
            fmt,
            pretty=pretty,
            delimiter=csv_delimiter,
            tables=include,
            exclude=names("exclude_tables", exclude_tables),
            one_file=one_file,
            document_metadata=include_metadata,
        )
        run = _run()
        try:
            with self._exported(request, run) as done:
                paths = {WHOLE if one_file else key[0]: path for key, path in done.paths.items()}
                files = {name: _content(path, fmt) for name, path in paths.items()}
        except UnknownTables as error:
            msg = f"Invalid table names: {sorted(error.names)}"
            raise UsageError(msg) from error
        metadata = {
            "timestamp": run.now.isoformat(),
            "tables": done.tables,
            "record_counts": done.counts,
            "total_records": sum(done.counts.values()),
        }
        return FullDatabaseExport(
            format=fmt,
            tables=done.tables,
            record_counts=done.counts,
            metadata=metadata if include_metadata else None,
            data=files[WHOLE] if one_file else files,
            hashes=_hashes(files),
        )

    def export_table(
        self,
        table_name: str,
        format: str = "json",  # noqa: A002 - the word of this interface
        *,
        filters: Mapping[str, object] | None = None,
        limit: int | None = None,
        offset: int = 0,
        columns: Sequence[str] = (),
        order_by: Sequence[str] = (),
        pretty: bool = False,
        csv_delimiter: str = ",",
    ) -> TableExport:
        """Export rows of one table, in the order of its primary key.

        Args:
            table_name: The table.
            format: The format of `data`.
            filters: Values that columns must have, all of them; None for NULL.
            limit: At most so many rows; 0 means none.
            offset: Rows left out first.
            columns: The only columns, in this order.
            order_by: Columns to order by instead.
            pretty: Indented JSON.
            csv_delimiter: One character.

        Raises:
            UsageError: There is no such format, table or column, or a value is none of its column.
            ExportError: The table cannot be read, or was not written as it is.
        """
        fmt = export_format(format)
        where = equality_filters(table_name, filters)
        if limit is not None:
            whole_number("limit", limit)
        whole_number("offset", offset)
        request = self._request(
            fmt,
            pretty=pretty,
            delimiter=csv_delimiter,
            tables=(table_name,),
            where=where,
            limit=limit,
            offset=offset,
            columns=names("columns", columns),
            order_by=names("order_by", order_by),
            records=True,
        )
        with self._exported_table(table_name, request) as done:
            data = _content(done.paths[table_name, fmt], fmt)
            records: list[Record] = decode_json(done.paths[table_name, "json"].read_bytes())
        return TableExport(
            format=fmt,
            table=table_name,
            record_count=len(records),
            filters=filters_as_json(where),
            records=records,
            data=data,
            hashes=_hashes({table_name: data}),
        )

    def stream_table_export(
        self,
        table_name: str,
        format: str = "json",  # noqa: A002 - the word of this interface
        chunk_size: int = 1000,
        *,
        filters: Mapping[str, object] | None = None,
        csv_delimiter: str = ",",
    ) -> Iterator[Content]:
        """Yield one table's file in pieces of at most *chunk_size* records, in constant memory.

        The file is complete and proven before its first piece is given. Parquet comes in blocks
        of bytes.

        Raises:
            UsageError: There is no such format, table or column, or *chunk_size* is below 1.
            ExportError: The table cannot be read, or was not written as it is.
        """
        fmt = export_format(format)
        whole_number("chunk_size", chunk_size)
        if chunk_size < 1:
            msg = f"chunk_size: must be 1 or more, not {chunk_size}"
            raise UsageError(msg)
        where = equality_filters(table_name, filters)
        request = self._request(fmt, delimiter=csv_delimiter, tables=(table_name,), where=where)
        return self._streamed(table_name, fmt, request, chunk_size)

    def export_clients(
        self,
        client_ids: Sequence[str],
        format: str = "json",  # noqa: A002 - the word of this interface
        *,
        include_related: bool = True,
        pretty: bool = False,
    ) -> ClientsExport:
        """Export clients by id, with their birth data, charts and all that hangs on these.

        Raises:
            UsageError: There is no such format, no id, or no table of clients.
            ExportError: The rows cannot be read, or were not written as they are.
        """
        fmt, found = self._bundle("clients", client_ids, format, related=include_related)
        return ClientsExport(
            client_count=len(found.roots),
            clients=found.roots,
            **_bundled("clients", fmt, found, pretty=pretty),
        )

    def export_charts(
        self,
        chart_ids: Sequence[str],
        format: str = "json",  # noqa: A002 - the word of this interface
        *,
        include_interpretations: bool = True,
        pretty: bool = False,
    ) -> ChartsExport:
        """Export charts by id, with interpretations, aspect patterns and transit events.

        Raises:
            UsageError: There is no such format, no id, or no table of charts.
            ExportError: The rows cannot be read, or were not written as they are.
        """
        fmt, found = self._bundle("charts", chart_ids, format, related=include_interpretations)
        return ChartsExport(
            chart_count=len(found.roots),
            charts=found.roots,
            **_bundled("charts", fmt, found, pretty=pretty),
        )

    def validate_export(self, result: Validated) -> ExportValidation:
        """Look at a finished export: a result of this service, or a directory written to.

        A directory is compared with its record: files that are missing, cut or changed are errors.
        """
        return validate(result)

    def _request(
        self,
        fmt: ExportFormat,
        *,
        delimiter: str = ",",
        pretty: bool = False,
        records: bool = False,
        **chosen: Any,  # noqa: ANN401 - fields of the request
    ) -> _Request:
        options: dict[str, FormatOptionsConfig] = {"json": FormatOptionsConfig(pretty=pretty)}
        if fmt == "csv":
            options["csv"] = csv_options(delimiter)
        formats = dict.fromkeys((fmt, "json") if records else (fmt,))
        return partial(ExportRequest, formats=tuple(formats), options=options, **chosen)

    @contextmanager
    def _exported(self, request: _Request, run: Run) -> Iterator[_Exported]:
        """Export into a private directory that goes with the block."""
        with private_directory(self._source.temp_dir) as directory:
            asked = request(output_dir=directory / "export")
            report = Exporter(
                workspace=self._workspace, source=self._source, request=asked, run=run
            ).export()
            for record in report.records:
                if record.status == "failed":
                    raise class_of(record.exit_code)(record.error or f"{record.table}: failed")
            counts = {record.table: record.rows for record in report.records}
            paths = {(one.table, one.format): one.path for one in report.records if one.path}
            yield _Exported(tables=list(counts), counts=counts, paths=paths)

    @contextmanager
    def _exported_table(self, table: str, request: _Request) -> Iterator[_Exported]:
        try:
            with self._exported(request, _run()) as done:
                yield done
        except UnknownTables as error:
            msg = f"Unknown table: {table}"
            raise UsageError(msg) from error

    def _streamed(
        self, table: str, fmt: ExportFormat, request: _Request, chunk_size: int
    ) -> Iterator[Content]:
        with self._exported_table(table, request) as done:
            path = done.paths[table, fmt]
            yield from (
                binary_pieces(path) if fmt == "parquet" else text_pieces(path, fmt, chunk_size)
            )

    def _bundle(
        self, table: str, ids: Sequence[str], name: str, *, related: bool
    ) -> tuple[ExportFormat, BundleData]:
        fmt = export_format(name)
        chosen = names("ids", ids)
        if not chosen:
            msg = f"{table}: give the id of a row"
            raise UsageError(msg)
        request = BundleRequest(
            table=table,
            ids=chosen,
            include_related=related,
            formats=() if fmt == "json" else (fmt,),
            computed=self._computed,
        )
        bundler = Bundler(
            workspace=self._workspace, source=self._source, request=request, run=_run()
        )
        try:
            return fmt, bundler.collect()
        except UnknownTables as error:
            msg = f"Unknown table: {table}"
            raise UsageError(msg) from error


def _bundled(root: str, fmt: ExportFormat, found: BundleData, *, pretty: bool) -> dict[str, Any]:
    """Return what exports of clients and of charts have in common."""
    data: Content | dict[str, Content]
    if fmt == "json":
        encoded = msgspec.json.encode({root: found.tree})
        data = (msgspec.json.format(encoded, indent=2) if pretty else encoded).decode()
        files: dict[str, Content] = {WHOLE: data}
    else:
        binary = fmt == "parquet"
        data = files = {
            name: content if binary else content.decode("utf-8")
            for name, content in found.files.get(fmt, {}).items()
        }
    return {
        "format": fmt,
        "related_data": found.related,
        "related_counts": {name: len(rows) for name, rows in found.related.items()},
        "missing_ids": list(found.missing),
        "data": data,
        "hashes": _hashes(files),
    }


def _run() -> Run:
    now = datetime.now(UTC)
    return Run(id=f"service-{now:%Y%m%dT%H%M%S}-{uuid4().hex[:6]}", now=now)


def _content(path: Path, fmt: ExportFormat) -> Content:
    return path.read_bytes() if fmt == "parquet" else path.read_bytes().decode("utf-8")


def _hashes(files: Mapping[str, Content]) -> dict[str, str]:
    return {
        name: hashlib.sha256(
            content.encode("utf-8") if isinstance(content, str) else content
        ).hexdigest()
        for name, content in files.items()
    }
