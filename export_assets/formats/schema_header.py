"""The first line of an NDJSON file that describes the others.

{"_type":"schema","_version":"1.0.0","_timestamp":…,"_description":…,"fields":{name: description}}

`_timestamp` follows from the rows alone: the latest value of the column `as_of` among them, null
where there is none. Whoever reads version 1.x reads every 1.y: members may be added, none goes.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.base import FormatOptions
from export_assets.tables.batch import Batch
from export_assets.tables.schema import LogicalType, TableSchema

VERSIONS = ("1.0.0",)
"""What is written, the default first."""

_READABLE = re.compile(r"1\.[0-9]+\.[0-9]+")
_MOMENTS = frozenset({LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP})
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def has_header(options: FormatOptions) -> bool:
    """Whether files of *options* begin with a description."""
    if options.schema_header is None:
        return options.profile == "logged"
    return options.schema_header


def version_of(options: FormatOptions) -> str:
    """Return the version of the description and of logged lines.

    Raises:
        UsageError: It is none that can be written.
    """
    version = options.schema_version or VERSIONS[0]
    if version not in VERSIONS:
        msg = f"schema_version: {version!r} is not known; choose one of {', '.join(VERSIONS)}"
        raise UsageError(msg)
    return version


class Latest:
    """The latest moment of a column, over all batches."""

    def __init__(self, schema: TableSchema, options: FormatOptions) -> None:
        """Look at the column that *options* name; of none nothing is known.

        Raises:
            UsageError: It is no timestamp of *schema*.
        """
        self._column = options.as_of
        self._found: datetime | None = None
        if self._column is None:
            return
        known = {column.name: column.logical for column in schema.columns}
        if known.get(self._column) not in _MOMENTS:
            msg = f"as_of: {schema.name} has no timestamp {self._column}"
            raise UsageError(msg)

    def update(self, batch: Batch) -> None:
        """Look at the rows of *batch*."""
        if self._column is None:
            return
        latest = batch.frame.get_column(self._column).max()
        if isinstance(latest, datetime):
            self._found = latest if self._found is None else max(self._found, latest)

    @property
    def text(self) -> str | None:
        """The moment in ISO 8601, to the microsecond; None where there is none."""
        if self._found is None:
            return None
        aware = self._found.tzinfo is not None
        moment = self._found.astimezone(UTC).replace(tzinfo=None) if aware else self._found
        return moment.isoformat(timespec="microseconds") + ("Z" if aware else "")


def header_line(schema: TableSchema, options: FormatOptions, moment: str | None) -> bytes:
    """Return the description of the lines of *schema*, ended by a line feed."""
    fields = options.fields or {column.name: column.description for column in schema.columns}
    record = {
        "_type": "schema",
        "_version": version_of(options),
        "_timestamp": moment,
        "_description": schema.description or f"Rows of {schema.name}.",
        "fields": fields,
    }
    return msgspec.json.encode(record) + b"\n"


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a description says of its file."""

    version: str
    moment: str | None


def read_header(line: bytes, *, file: str) -> Header:
    """Return what the first line of *file* says.

    Raises:
        IntegrityError: It is no description, or one that this program cannot read.
    """
    try:
        record = _decode(line)
    except (msgspec.MsgspecError, RecursionError) as error:
        msg = f"{file}: the first line is no description of the others"
        raise IntegrityError(msg) from error
    version, moment = record.get("_version"), record.get("_timestamp")
    if record.get("_type") != "schema" or not isinstance(version, str):
        msg = f"{file}: the first line is no description of the others"
        raise IntegrityError(msg)
    check_readable(version, file=file)
    return Header(version=version, moment=moment if isinstance(moment, str) else None)


def check_readable(version: str, *, file: str) -> None:
    """Refuse lines of a version that this program does not know how to read.

    Raises:
        IntegrityError: It is none of 1.x.
    """
    if not _READABLE.fullmatch(version):
        msg = f"{file}: schema version {version}; this program reads 1.x"
        raise IntegrityError(msg)
