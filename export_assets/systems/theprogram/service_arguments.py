"""What a program may pass to the export service, and what is refused in one line."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

import msgspec

from export_assets.config.format_options import FormatOptionsConfig
from export_assets.errors import UsageError
from export_assets.systems.theprogram.service_models import ExportFormat

FORMATS: tuple[ExportFormat, ...] = ("json", "csv", "ndjson", "parquet")

_NO_DELIMITERS = '"\n\r\0'
_SCALARS = (str, int, float, bytes, Decimal, UUID, date, datetime, time)


def export_format(name: object) -> ExportFormat:
    """Return the format called *name*, whatever its case."""
    for fmt in FORMATS:
        if isinstance(name, str) and name.strip().lower() == fmt:
            return fmt
    msg = f"Unsupported export format: {name}; choose one of {', '.join(FORMATS)}"
    raise UsageError(msg)


def csv_options(delimiter: object) -> FormatOptionsConfig:
    """Return the options of CSV with *delimiter*."""
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in _NO_DELIMITERS:
        also = (
            ", and neither the quote nor a line end" if delimiter in tuple(_NO_DELIMITERS) else ""
        )
        msg = f"CSV delimiter must be a single character{also}"
        raise UsageError(msg)
    return FormatOptionsConfig(delimiter=delimiter)


def names(argument: str, given: Iterable[Any] | None) -> tuple[str, ...]:
    """Return the *given* names or ids as texts; a lone text is no list of its letters."""
    if isinstance(given, str | bytes):
        msg = f"{argument}: must be a list, not a text"
        raise UsageError(msg)
    found = tuple(given or ())
    for one in found:
        if one is None or not isinstance(one, str | int | UUID):
            msg = f"{argument}: {one!r} is none of text, number and UUID"
            raise UsageError(msg)
    return tuple(str(one) for one in found)


def whole_number(argument: str, given: object) -> None:
    """Refuse what counts nothing."""
    if isinstance(given, bool) or not isinstance(given, int):
        msg = f"{argument}: must be a whole number, not {given!r}"
        raise UsageError(msg)


def equality_filters(table: str, filters: Mapping[str, object] | None) -> dict[str, object]:
    """Return *filters*, each a single value."""
    for name, value in (filters or {}).items():
        if value is not None and not isinstance(value, _SCALARS):
            kind = type(value).__name__
            msg = f"{table}.{name}: a filter is a single value or None, not a {kind}"
            raise UsageError(msg)
    return dict(filters or {})


def filters_as_json(filters: Mapping[str, object]) -> dict[str, Any]:
    """Return *filters* as JSON has their values: times as ISO 8601, bytes in base64."""
    return {name: _as_json(value) for name, value in filters.items()}


def _as_json(value: object) -> object:
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return value.isoformat() if isinstance(value, date | time) else msgspec.to_builtins(value)
