"""What a request and the configuration choose for a table: formats, options, rules, redaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from export_assets.config.rules import ColumnCheck, FormatName
from export_assets.engine.request import ExportRequest
from export_assets.engine.tables import TablePlan
from export_assets.engine.workspace import ConfiguredSource
from export_assets.formats.base import Format, FormatOptions
from export_assets.formats.registry import resolve_formats
from export_assets.tables.contract import Contract
from export_assets.tables.redaction import Redactor


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The choices for the tables of one source: those of the request over those configured."""

    source: ConfiguredSource
    request: ExportRequest
    anonymize_key: bytes | None

    def formats(self, table: str) -> tuple[Format, ...]:
        """Return the formats of *table*: those of the request, or those configured."""
        return resolve_formats(self.request.formats or self.source.config.formats_of(table))

    def options(self, table: str, fmt: Format) -> FormatOptions:
        """Return the options of *table* in *fmt*: those of the request over those configured."""
        name = fmt.name
        chosen = self.source.config.format_options_of(table, cast("FormatName", name))
        if name in self.request.options:
            chosen = self.request.options[name].over(chosen)
        return FormatOptions(**chosen.given())

    def check_options(self) -> None:
        """Refuse formats and options before anything is read.

        Raises:
            UsageError: A format does not exist, or cannot honour an option.
        """
        for table in ("*", *self.source.config.tables):
            for fmt in self.formats(table):
                fmt.check_options(self.options(table, fmt))

    def redactor(self, plan: TablePlan) -> Redactor:
        """Return what hides the columns of *plan* that must be hidden."""
        config = self.source.config
        return Redactor(
            plan.schema.select(plan.exported),
            redacts=lambda column: config.redacts(plan.name, column),
            anonymizes=config.table(plan.name).anonymize,
            key=self.anonymize_key,
        )

    def contract(self, plan: TablePlan) -> Contract:
        """Bind the table's rules to the columns that leave.

        Raises:
            UsageError: A rule names a column that does not exist, or a bound that is none.
        """
        return Contract(self.redactor(plan).schema, self._checks(plan))

    def _checks(self, plan: TablePlan) -> Sequence[ColumnCheck]:
        """Return the checks of columns that are exported; a request may leave some out."""
        configured = self.source.config.table(plan.name).checks
        checks = [check for check in configured if check.column not in plan.absent]
        if not self.request.columns:
            return checks
        return [check for check in checks if check.column in plan.exported]
