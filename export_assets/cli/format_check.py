"""Format options of a configuration against the formats themselves."""

from collections.abc import Iterator

from export_assets.config.models import SourceConfig
from export_assets.errors import UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import format_named


def wrong_options(config: SourceConfig) -> Iterator[str]:
    """Yield a line for each table and format whose options cannot be honoured."""
    for table in dict.fromkeys(("*", *config.tables)):
        for name in config.formats_of(table):
            options = FormatOptions(**config.format_options_of(table, name).given())
            try:
                format_named(name).check_options(options)
            except UsageError as error:
                where = name if table == "*" else f"{table}.{name}"
                yield f"format_options.{where}: {error}"
