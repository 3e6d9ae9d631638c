"""What the launchpad of `extract_<source>` offers; of Dagster's plain types, see `run_config`."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from export_assets.config.rules import FORMAT_NAMES
from export_assets.defs.names import op_part
from export_assets.engine.extracts import PROFILES, ExtractOrder

_FORMATS = dg.Enum("ExtractFormat", [dg.EnumValue(name) for name in FORMAT_NAMES])
_PROFILES = dg.Enum("ExtractProfile", [dg.EnumValue(name) for name in PROFILES])
_DAY = "YYYY-MM-DD, today, yesterday or T-7d; in UTC"


def extract_config(source: str, tables: Sequence[str], *, logs: bool) -> dict[str, dg.Field]:
    """Return the fields, each with what it does.

    Args:
        source: The source's name.
        tables: Its tables.
        logs: Whether it is one of event logs, of which single matches can be chosen.
    """
    known = _tables(source, tables)
    fields = {
        "tables": _list(known, "Tables; those exported by default where none is given."),
        "formats": _list(_FORMATS, "File formats; those configured where none is given."),
        "start_date": _text(f"First day of the rows, of tables sliced by time. {_DAY}."),
        "end_date": _text(f"Last day of the rows, included. {_DAY}."),
        "where": dg.Field(
            dg.Map(str, dg.Noneable(str), key_label_name="column"),  # type: ignore[no-untyped-call]
            default_value={},
            description="Only rows whose column has this value, by column; null is NULL. Columns "
            "that are redacted, replaced by pseudonyms or left out choose no rows.",
        ),
        "columns": _list(str, "Only these columns, in this order."),
        "limit": dg.Field(
            int, is_required=False, description="At most so many rows of each table."
        ),
        "offset": dg.Field(int, default_value=0, description="Leave out so many rows first."),
        "profile": dg.Field(
            _PROFILES,
            is_required=False,
            description="Conventions of the files: excel, legacy or tidy of CSV, logged of NDJSON.",
        ),
        "name": _text(
            "What the directory is called, below `extracts_dir` and the source: letters, digits, "
            "'.', '_' and '-'. The run's id where not given."
        ),
        "overwrite": dg.Field(
            bool,
            default_value=False,
            description="Replace files of the same name in that directory.",
        ),
    }
    if logs:
        fields["match_id"] = _text("Only logs of this match.")
    return fields


def _tables(source: str, names: Sequence[str]) -> dg.Enum:
    """Return the tables to choose from.

    Dagster keeps the fields it made of an enum under the enum's name for as long as the process
    lives: with other tables it has another name.
    """
    told = "\0".join(names).encode("utf-8", "surrogatepass")
    name = f"Table_{op_part(source)}_{hashlib.sha256(told).hexdigest()[:8]}"
    return dg.Enum(name, [dg.EnumValue(one) for one in names])


def order_of(given: Mapping[str, Any]) -> ExtractOrder:
    """Return what *given*, a configuration that Dagster checked, asks for."""
    lists = {name: tuple(given[name]) for name in ("tables", "formats", "columns")}
    return ExtractOrder(**{**given, **lists})


def _text(description: str) -> dg.Field:
    return dg.Field(str, is_required=False, description=description)


def _list(kind: Any, description: str) -> dg.Field:  # noqa: ANN401 - whatever Dagster has as types
    return dg.Field(dg.Array(kind), default_value=[], description=description)
