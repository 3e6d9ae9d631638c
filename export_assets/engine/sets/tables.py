"""The tables of a set through the main flow, into a directory of the set's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from export_assets.config.models import SourceConfig
from export_assets.config.table import TableConfig
from export_assets.engine.choices import Choices
from export_assets.engine.memory import PassMemory
from export_assets.engine.privacy import review_plans
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.sets.spec import ExportSet, SetFile, SetView
from export_assets.engine.sets.staged import SetDestination
from export_assets.engine.table_export import TableExporter
from export_assets.engine.table_pass import Progress
from export_assets.engine.tables import TablePlan, plan_table
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.sources.base import Snapshot
from export_assets.store.manifest import Manifest

_ROWS_AT_ONCE = 16_384
"""Less than usual: what is nested is large, and several tables follow each other."""


class SetFailed(Exception):
    """A table of a set could not be written; the set is not published.

    Attributes:
        record: What became of the table.
    """

    def __init__(self, record: ExportRecord) -> None:
        super().__init__(f"{record.table}/{record.format}: {record.error}")
        self.record = record


@dataclass(frozen=True, kw_only=True)
class SetTables:
    """Writes tables of one set, each proven like any other export."""

    workspace: Workspace
    source: ConfiguredSource
    run: Run
    snapshot: Snapshot
    spool: Path
    progress: Progress

    @classmethod
    def of(
        cls,
        one: ExportSet,
        snapshot: Snapshot,
        *,
        workspace: Workspace,
        source: ConfiguredSource,
        run: Run,
        spool: Path,
        progress: Progress,
    ) -> "SetTables":
        """Return what writes the tables of *one*, whose views *snapshot* has while it does."""
        shown = replace(source, config=with_views(source.config, one.views))
        return cls(
            workspace=workspace,
            source=shown,
            run=run,
            snapshot=snapshot,
            spool=spool,
            progress=progress,
        )

    def plan(self, table: str) -> TablePlan:
        """Return how *table* is read."""
        source = self.source
        request = self._request(table, ())
        plan = plan_table(table, self.snapshot, source.config, source.system, request)
        return replace(plan, batch_rows=min(plan.batch_rows, _ROWS_AT_ONCE))

    def write(self, table: str, files: Sequence[SetFile], directory: Path) -> dict[str, Manifest]:
        """Write *table* as *files* into *directory*, from one pass.

        Returns:
            What was proven of each, by format.

        Raises:
            ContractViolation: A column looks personal, and such are refused.
            SetFailed: One of them could not be written, or holds other rows than the snapshot.
        """
        request = self._request(table, files)
        destination = SetDestination(directory, {file.format: file.stem for file in files})
        exporter = TableExporter(
            store=self.workspace.store,
            source=self.source,
            request=request,
            run=self.run,
            choices=Choices(
                source=self.source, request=request, anonymize_key=self.workspace.anonymize_key
            ),
            memory=PassMemory(self.workspace.store, self.source, request, now=self.run.now),
            progress=self.progress,
        )
        plan = self.plan(table)
        exporter.choices.check(plan)
        review_plans(self.source.config, [plan])
        for record in exporter.export(plan, self.snapshot, lambda _: destination):
            if record.status not in {"success", "empty"}:
                raise SetFailed(record)
        return destination.proven

    def _request(self, table: str, files: Sequence[SetFile]) -> ExportRequest:
        return ExportRequest(
            tables=(table,),
            formats=tuple(file.format for file in files),
            options={file.format: file.options for file in files},
            # Of a directory nothing is remembered, and a table in it is never sliced.
            output_dir=self.spool,
        )


def with_views(config: SourceConfig, views: Mapping[str, SetView]) -> SourceConfig:
    """Return *config* with rules for *views*: what their columns show is hidden as it is there."""
    rules = {name: _rules(config, view) for name, view in views.items()}
    return config.model_copy(update={"tables": dict(config.tables) | rules})


def _rules(config: SourceConfig, view: SetView) -> TableConfig:
    """Return the rules of *view*: of a layout that is fixed, what is left out is blank."""

    def among(chosen: Callable[[str, str], bool]) -> list[str]:
        return [name for name, (table, shown) in view.origins.items() if chosen(table, shown)]

    def hidden(table: str, shown: str) -> bool:
        rules = config.table(table)
        left_out = rules.columns is not None and shown not in rules.columns
        return config.redacts(table, shown) or shown in rules.exclude_columns or left_out

    return TableConfig.model_validate(
        {
            "order_by": view.order_by,
            "types": view.types,
            "redact": among(hidden),
            "anonymize": among(
                lambda table, shown: (
                    shown in config.table(table).anonymize and not hidden(table, shown)
                )
            ),
            "expose": among(
                lambda table, shown: config.exposes(table, shown) and not hidden(table, shown)
            ),
        }
    )
