"""What a request and the configuration choose for a table: formats, options, rules, redaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from export_assets.config.rules import ColumnCheck
from export_assets.engine.privacy import telling_of
from export_assets.engine.request import ExportRequest
from export_assets.engine.row_view import RowView, chosen_options, view_of
from export_assets.engine.tables import TablePlan
from export_assets.engine.value_directories import ValueDirectories
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import UsageError
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
        chosen = chosen_options(self.source.config, table, fmt.name, self.request)
        options = FormatOptions(**chosen.given())
        if self.request.columns and options.profile == "logged":
            # Whoever names columns wants these, not the objects that were logged.
            given = options.as_of in self.request.columns
            return replace(options, profile="default", as_of=options.as_of if given else None)
        return options

    def bundled_options(self, table: str, fmt: Format) -> FormatOptions:
        """Return the options of *table* in a bundle: one file, with every column of its rows."""
        options = replace(self.options(table, fmt), partition_by=None)
        if options.profile != "logged":
            return options
        return replace(options, profile="default", schema_header=False, as_of=None)

    def views(
        self, plan: TablePlan, formats: Sequence[Format]
    ) -> list[tuple[TablePlan, list[Format]]]:
        """Return *plan* once for each view that *formats* have of the table, with those formats."""
        found: dict[RowView, list[Format]] = {}
        for fmt in formats:
            view = view_of(self.source.config, plan.name, fmt.name, self.request)
            found.setdefault(view, []).append(fmt)
        return [(replace(plan, view=view), seen) for view, seen in found.items()]

    def check(self, plan: TablePlan) -> None:
        """Refuse, before anything is read, what cannot be done with the table of *plan*.

        Raises:
            UsageError: A rule or an option names a column that does not exist.
        """
        self.contract(plan)
        schema = self.redactor(plan).schema
        for fmt in self.formats(plan.name):
            view_of(self.source.config, plan.name, fmt.name, self.request).check(plan.schema)
            options = self.options(plan.name, fmt)
            if options.partition_by is not None:
                ValueDirectories.of(schema, plan.time_column, options.partition_by)
            carried = fmt.carried(schema, options).names
            lost = [name for name in plan.tombstone_key if name not in carried]
            if lost:
                msg = f"{plan.name}: tombstones need {lost[0]}, which is not in its {fmt.name}"
                raise UsageError(msg)

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
            plan.view.shown(plan.schema.select(plan.exported)),
            redacts=lambda column: config.redacts(plan.name, column),
            anonymizes=config.table(plan.name).anonymize,
            key=self.anonymize_key,
        )

    def contract(self, plan: TablePlan) -> Contract:
        """Bind the table's rules to the columns that leave.

        Raises:
            UsageError: A rule names a column that does not exist, or a bound that is none.
        """
        schema = self.redactor(plan).schema
        telling = telling_of(self.source.config, schema)
        return Contract(schema, self._checks(plan), telling=telling)

    def _checks(self, plan: TablePlan) -> Sequence[ColumnCheck]:
        """Return the checks of columns that are exported; a request may leave some out."""
        configured = self.source.config.table(plan.name).checks
        checks = [check for check in configured if check.column not in plan.absent]
        if not self.request.columns:
            return checks
        return [check for check in checks if check.column in plan.exported]
