"""Following a source: looked at every few seconds, exported whenever it changed.

for report in Watch(workspace=…, source=…, request=…, interval=2.0).reports():
    …                                  one for each look that found something new, or failed

A look costs a stamp of the source. What is published is what `export` publishes, with the same
guarantees; killed at any instant, the next `watch` or `export` goes on where this one was.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import ConfigError, ExportError, UsageError

LONGEST_WAIT = 60.0
"""Seconds between attempts of what keeps failing, at most."""


def next_wait(last: float, interval: float, *, failed: bool) -> float:
    """Return the seconds to the next look after one that came *last* seconds after its own."""
    return min(last * 2, max(LONGEST_WAIT, interval)) if failed else interval


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One look that found something to do."""

    at: datetime
    report: ExportReport | None
    error: ExportError | None = None
    """Why nothing was exported."""
    told: str | None = None
    """What there was to say although nothing was to be exported."""

    @property
    def failed(self) -> bool:
        """Whether it is to be done again."""
        if self.told is not None:
            return False
        report = self.report
        return report is None or bool(report.failed or report.unread)


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Exports a source whenever it changed."""

    workspace: Workspace
    source: ConfiguredSource
    request: ExportRequest
    new_run: Callable[[], Run]
    interval: float
    """Seconds between two looks."""
    seconds: float | None = None
    """For how long; without end where None."""
    exports: bool = True
    """Whether a change is exported; else it is only told of."""
    verbose: bool = False
    """Whether looks that found nothing are told of, too."""
    sleep: Callable[[float], None] = field(default=time.sleep)
    monotonic: Callable[[], float] = field(default=time.monotonic)

    def reports(self) -> Iterator[Seen]:
        """Yield what every look did that found something new, or failed.

        Raises:
            ConfigError: What was asked for cannot be; waiting does not help.
            UsageError: As above.
        """
        started = self.monotonic()
        done: str | None = None
        wait, failing = self.interval, False
        while True:
            stamp, seen = self.look(done)
            if seen is None and failing:
                # Whoever was told that it cannot be read is told that it can.
                seen = Seen(at=datetime.now(UTC), report=None, told="answers again, unchanged")
            failing = seen is not None and seen.failed
            if seen is not None:
                yield seen
                done = done if seen.failed else stamp
            wait = next_wait(wait, self.interval, failed=failing)
            left = None if self.seconds is None else self.seconds - (self.monotonic() - started)
            if left is not None and left <= 0:
                return
            self.sleep(wait if left is None else min(wait, left))

    def look(self, done: str | None) -> tuple[str | None, Seen | None]:
        """Look once; return the stamp of what was found, and what was done about it.

        Args:
            done: The stamp of what was exported last; None where that is not known.

        Raises:
            ConfigError: What was asked for cannot be; waiting does not help.
            UsageError: As above.
        """
        run = self.new_run()
        try:
            # Before it is read: what comes while it is read is found by the next look.
            stamp = self.source.source.fingerprint()
            if stamp == done:
                quiet = Seen(at=run.now, report=None, told="unchanged") if self.verbose else None
                return stamp, quiet
            if not self.exports:
                told = "changed; not exported, as configured" if done is not None else "first look"
                return stamp, Seen(at=run.now, report=None, told=told)
            report = self._exporter(run).export()
        except (ConfigError, UsageError):
            raise
        except ExportError as error:
            return None, Seen(at=datetime.now(UTC), report=None, error=error)
        return stamp, Seen(at=run.now, report=report)

    def _exporter(self, run: Run) -> Exporter:
        return Exporter(workspace=self.workspace, source=self.source, request=self.request, run=run)
