"""What is known of tables and columns before anybody looks at a source."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import ExportError
from export_assets.sources.logs.quarantine_rows import QUARANTINE
from export_assets.tables.schema import Column, LogicalType, TableSchema

log = logging.getLogger(__name__)


def declared_tables(source: ConfiguredSource) -> Mapping[str, TableSchema]:
    """Return the tables whose columns are known without the source, by name.

    None where the options of its system cannot be understood: a run will say why.
    """
    try:
        return {schema.name: _chosen(source, schema) for schema in _declared(source)}
    except ExportError as error:
        log.warning("%s", error)
        return {}


def annotated(source: ConfiguredSource, table: str, columns: Sequence[str]) -> TableSchema:
    """Return what the system of *source* says of *columns* of *table*: descriptions, if anything.

    Of types it says nothing here.
    """
    text = LogicalType.TEXT
    named = tuple(Column(name=name, logical=text, declared="text") for name in columns)
    schema = TableSchema(name=table, columns=named)
    return source.system.annotate(schema) if source.system is not None else schema


def _declared(source: ConfiguredSource) -> Sequence[TableSchema]:
    config, directory = source.config, source.url.path
    if config.kind == "event_log":
        found = [table.declared() for table in source.logs.kind.tables()]
        return [QUARANTINE, *(schema for schema in found if schema is not None)]
    if config.kind == "state_files" and source.system is not None and directory is not None:
        kind = source.system.states(config, directory)
        return kind.tables() if kind is not None else ()
    return ()


def _chosen(source: ConfiguredSource, schema: TableSchema) -> TableSchema:
    """Return *schema* with the columns that the configuration lets through."""
    rules = source.config.table(schema.name)
    wanted = rules.columns or schema.names
    left = tuple(name for name in wanted if name not in rules.exclude_columns)
    known = tuple(schema.column(name) for name in left if name in schema.names)
    key = schema.primary_key if set(schema.primary_key) <= set(left) else ()
    return replace(schema, columns=known, primary_key=key)
