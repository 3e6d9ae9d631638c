"""Following a source from inside a program, without ever standing in its way.

    monitor = Monitor(workspace.source("labeling"), workspace, told=log.info)
    monitor.start()                   looks and exports in a thread of its own
    ...
    monitor.stop()

Where `monitor: {background: false}` the program calls `check` itself, where it can wait; where the
source is not to be monitored nothing happens but what `export` is called for.
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Lock, Thread

from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.watching import LONGEST_WAIT, Seen, Watch, next_wait
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import ExportError
from export_assets.translate import one_line

SECONDS = 10.0
"""Between two looks where the source does not say."""


def _untold(text: str) -> None:
    """Say nothing."""
    del text


class Monitor:
    """Keeps what is published of a source as the source is. Safe for several threads.

    Attributes:
        last: What the last look that found something did.
    """

    def __init__(
        self,
        source: ConfiguredSource,
        workspace: Workspace,
        *,
        request: ExportRequest | None = None,
        told: Callable[[str], None] = _untold,
    ) -> None:
        """Follow *source*.

        Args:
            source: The source.
            workspace: Where it is published.
            request: What is exported of it; everything where None.
            told: Called, from the monitor's thread, with a line about each look that found
                something, and about every look where `monitor: {verbose: true}`.
        """
        self.last: Seen | None = None
        self._source = source
        self._workspace = workspace
        self._request = request or ExportRequest(lock_timeout=LONGEST_WAIT)
        self._told = told
        self._rules = source.config.monitor
        self._done: str | None = None
        self._busy = Lock()
        self._stopping = Event()
        self._thread: Thread | None = None

    @property
    def enabled(self) -> bool:
        """Whether the source is to be monitored at all."""
        return self._rules.enabled is not False

    @property
    def running(self) -> bool:
        """Whether a thread looks by itself."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> bool:
        """Begin to look by itself; False where the source is not monitored, or not so."""
        if not self.enabled:
            reason = self._rules.reason or "monitor.enabled is false"
            self._told(f"{self._source.name}: not monitored: {reason}")
            return False
        if not self._rules.background:
            return False
        if self.running and not self._stopping.is_set():
            return True
        # One that is still ending has an event of its own.
        self._stopping = stopping = Event()
        name = f"{self._source.name}-monitor"
        self._thread = Thread(target=self._run, args=(stopping,), name=name, daemon=True)
        self._thread.start()
        return True

    def stop(self, timeout: float | None = None) -> bool:
        """End looking once an export under way is done; False where it is not in *timeout* s."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.running

    def check(self) -> Seen | None:
        """Look once, and export what changed; None where nothing did, or nobody is to look.

        What goes wrong is in the answer, and tried again by the next look.
        """
        if not self.enabled:
            return None
        with self._busy:
            try:
                stamp, seen = self._watch().look(self._done)
            except ExportError as error:
                stamp, seen = None, Seen(at=datetime.now(UTC), report=None, error=error)
            if seen is None:
                return None
            self._done = self._done if seen.failed else stamp
            self.last = seen
        self._told(f"{self._source.name}: {summary_of(seen)}")
        return seen

    def export(self) -> ExportReport:
        """Export now, whoever monitors.

        Raises:
            ExportError: Nothing could be exported.
        """
        with self._busy:
            return Exporter(
                workspace=self._workspace,
                source=self._source,
                request=self._request,
                run=_new_run(),
            ).export()

    def _run(self, stopping: Event) -> None:
        wait = every = self._rules.every or SECONDS
        while not stopping.is_set():
            try:
                seen = self.check()
            except Exception as error:  # noqa: BLE001 - the program around must not hear of it
                self._told(f"{self._source.name}: {one_line(error)}")
                seen = None
            wait = next_wait(wait, every, failed=seen is not None and seen.failed)
            if stopping.wait(wait):
                return

    def _watch(self) -> Watch:
        return Watch(
            workspace=self._workspace,
            source=self._source,
            request=self._request,
            new_run=_new_run,
            interval=self._rules.every or SECONDS,
            exports=self._rules.export,
            verbose=self._rules.verbose,
        )


def summary_of(seen: Seen) -> str:
    """Say in one line what a look did."""
    if seen.told is not None:
        return seen.told
    if seen.report is None:
        return f"not exported: {seen.error}"
    failed = seen.report.failed
    if failed:
        return f"{len(failed)} of {len(seen.report.records)} failed: {failed[0].error}"
    written = [one for one in seen.report.records if one.status in {"success", "empty"}]
    tables = ", ".join(dict.fromkeys(one.table for one in written))
    return f"exported {tables}" if written else "nothing new"


def _new_run() -> Run:
    return Run(id=f"monitor-{uuid.uuid4().hex[:12]}", now=datetime.now(UTC))
