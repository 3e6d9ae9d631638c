"""One partition of one export, as a check looks at it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from export_assets.defs.change import Before
from export_assets.defs.findings import Finding
from export_assets.defs.history import History
from export_assets.defs.table import TableExport
from export_assets.engine.report import ExportRecord
from export_assets.store.manifest import Manifest


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One partition of one export."""

    table: TableExport
    format: str
    key: str
    manifest: Manifest | None
    """None where nothing is published."""
    history: History
    """Of the export."""
    record: ExportRecord | None = None
    """What this run did to it; None where it only looks."""
    before: Before | None = None
    """The generation before, where there was one and it is known."""
    unchanged_at: datetime | None = None
    """When its rows were found unchanged last, where they were and that is known."""
    seconds: float | None = None
    """How long this run took for it; None where it only looks."""


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A partition, and what every check found in it."""

    subject: Subject
    findings: Mapping[str, Finding]

    @property
    def summary(self) -> str:
        """One line: how many checks passed, and which did not."""
        failed = [name for name, finding in self.findings.items() if not finding.passed]
        passed = f"{len(self.findings) - len(failed)} passed"
        return f"{passed}, failed: {', '.join(failed)}" if failed else passed
