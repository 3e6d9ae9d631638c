"""The configuration hash: equal exactly when equal rows give equal bytes."""

import hashlib
import json

from export_assets.config.masking import is_secret_name
from export_assets.config.models import SourceConfig
from export_assets.config.rules import FormatName

HASH_VERSION = 1
"""Part of every hash. Raise it when a default that shapes files changes, because defaults are not
hashed: a key added later must not change the hashes of those who do not use it."""

_TABLE_KEYS = frozenset(
    {
        "anonymize",
        "checks",
        "columns",
        "exclude_columns",
        "expose",
        "max_rows_per_file",
        "order_by",
        "partition_by",
        "primary_key",
        "query",
        "redact",
    }
)
"""What shapes the rows of a table, or which of them are let through. Descriptions, freshness,
retention and the checks that only report (cadence, monotone) do not."""

_LOG_KEYS = frozenset(
    {
        "delimiter",
        "format",
        "header",
        "max_line_bytes",
        "timestamp",
        "timestamp_format",
        "event_type",
        "fields",
        "max_fields",
        "duplicate_keys",
        "ambiguous",
        "nonexistent",
    }
)
"""What shapes the rows that are made of logs. Which files there are does not."""


def config_hash(source: SourceConfig, table: str, fmt: FormatName) -> str:
    """Return 16 hex digits over everything that shapes the bytes of *table* in the format *fmt*.

    Where the rows lie (`url`) is left out, and so are secrets. The hash is the same in every
    process and every version of Python.
    """
    parts = {
        "version": HASH_VERSION,
        "source": source.source,
        "system": source.system,
        "table": table,
        "format": fmt,
        "assume_timezone": source.assume_timezone,
        "redact_globs": sorted({glob.casefold() for glob in source.redact_globs}),
        "options": {
            name: value for name, value in source.options.items() if not is_secret_name(name)
        },
        "types": {
            name: type_.model_dump(mode="json", exclude_defaults=True)
            for name, type_ in source.types_of(table).items()
        },
        "format_options": source.format_options_of(table, fmt).given(),
        # Where Dagster's partitions begin is no matter of the files.
        "rules": source.table(table).model_dump(
            mode="json",
            exclude_defaults=True,
            include=set(_TABLE_KEYS),
            exclude={"partition_by": {"start"}},
        ),
    }
    if source.kind == "event_log":
        logs = source.log.model_dump(mode="json", exclude_defaults=True, include=set(_LOG_KEYS))
        parts["log"] = logs
    if source.kind == "state_files":
        parts["states"] = source.states.model_dump(mode="json", include={"max_file_bytes"})
    if source.key_id and source.table(table).anonymize:
        # Another key makes other pseudonyms of equal rows. The key itself is in no hash.
        parts["pseudonyms"] = source.key_id
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]
