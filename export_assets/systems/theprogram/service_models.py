"""What the export service returns: pydantic models, so that a program can pass them on as JSON.

In JSON the bytes of a Parquet file are base64; read back, they are bytes again.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_serializer, field_validator

ExportFormat = Literal["json", "csv", "ndjson", "parquet"]

Content = str | bytes
"""The content of one file: text, or the bytes of a Parquet file."""

Record = dict[str, Any]


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)

    format: ExportFormat
    hashes: Mapping[str, str]
    """SHA-256 of the content of each file in `data`, in hexadecimal; `*` for a single one."""

    @field_validator("data", mode="before", check_fields=False)
    @classmethod
    def _bytes_of_text(cls, data: object, info: ValidationInfo) -> object:
        if info.data.get("format") != "parquet":
            return data
        if isinstance(data, Mapping):
            return {name: _decoded(content) for name, content in data.items()}
        return _decoded(data)

    @field_serializer("data", when_used="json", check_fields=False)
    def _text_of_bytes(self, data: Content | dict[str, Content]) -> str | dict[str, str]:
        if isinstance(data, dict):
            return {name: _encoded(content) for name, content in data.items()}
        return _encoded(data)


def _decoded(content: object) -> object:
    return b64decode(content, validate=True) if isinstance(content, str) else content


def _encoded(content: Content) -> str:
    return b64encode(content).decode("ascii") if isinstance(content, bytes) else content


class FullDatabaseExport(_Result):
    """Tables of a database, all of one moment."""

    tables: list[str]
    record_counts: dict[str, int]
    metadata: dict[str, Any] | None
    """When it was exported, how many records each table has and how many there are in all."""
    data: Content | dict[str, Content]
    """JSON: one document, `metadata` and a list of records per table. Otherwise a file per table;
    one of CSV has its header also where the table is empty."""


class TableExport(_Result):
    """Rows of one table."""

    table: str
    record_count: int
    filters: dict[str, Any]
    """The filters as JSON has their values."""
    records: list[Record]
    """The rows as JSON has them, whatever the format of `data`."""
    data: Content


class _Bundle(_Result):
    related_data: dict[str, list[Record]]
    """Rows that hang on the chosen ones, by table."""
    related_counts: dict[str, int]
    missing_ids: list[str]
    """Ids asked for that no row has."""
    data: Content | dict[str, Content]
    """JSON: one document, every chosen row with what hangs on it inside. Otherwise a file per
    table."""


class ClientsExport(_Bundle):
    """Clients, with what hangs on them."""

    client_count: int
    clients: list[Record]


class ChartsExport(_Bundle):
    """Charts, with what hangs on them."""

    chart_count: int
    charts: list[Record]


class ExportValidation(BaseModel):
    """What is odd, and what is wrong, about a finished export."""

    model_config = ConfigDict(frozen=True)

    valid: bool
    """Whether nothing is wrong; warnings do not count."""
    warnings: list[str]
    errors: list[str]
