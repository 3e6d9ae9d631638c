"""The sources of one run: opened once, when first needed, and read by every table of the run.

Tables are steps of their own in Dagster. That they still show one moment is because the first
step takes the snapshot and the run keeps it.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property

import dagster as dg

from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import SourceError
from export_assets.sources.base import Snapshot, Source


class HeldSource(Source):
    """A source that keeps its first snapshot until it is released."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self._source = source
        self._stack = ExitStack()
        self._snapshot: Snapshot | None = None

    def fingerprint(self) -> str:
        """Return the stamp of the snapshot where there is one, else of the source now."""
        return self._source.fingerprint() if self._snapshot is None else self._snapshot.info.id

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Give the snapshot, taking it the first time; see `Source.snapshot`."""
        if self._snapshot is None:
            self._snapshot = self._stack.enter_context(self._source.snapshot())
        yield self._snapshot

    def release(self) -> None:
        """Forget the snapshot: the next one shows the source as it is then."""
        self._snapshot = None
        # What was read from it has been checked, or has failed, already.
        with suppress(SourceError):
            self._stack.close()


@dataclass(frozen=True, kw_only=True)
class _ConfiguredHeldSource(ConfiguredSource):
    held: HeldSource

    @cached_property
    def source(self) -> Source:
        """The source that keeps its snapshot."""
        return self.held


@dataclass(frozen=True, kw_only=True)
class RunSources:
    """The workspace of a run, and its sources with one snapshot each."""

    workspace: Workspace
    _held: dict[str, HeldSource] = field(default_factory=dict)

    def source(self, name: str) -> ConfiguredSource:
        """Return the configured source called *name*.

        Raises:
            UsageError: There is no reader for its kind of address.
        """
        configured = self.workspace.source(name)
        held = self._held.setdefault(name, HeldSource(configured.source))
        return _ConfiguredHeldSource(
            config=configured.config,
            url=configured.url,
            system=configured.system,
            temp_dir=configured.temp_dir,
            exports=configured.exports,
            home=configured.home,
            held=held,
        )

    def release(self, name: str) -> None:
        """Forget the snapshot of the source *name*, because it was changed or failed."""
        if name in self._held:
            self._held[name].release()

    def close(self) -> None:
        """Forget every snapshot."""
        for held in self._held.values():
            held.release()


def build_sources_resource(workspace: Workspace) -> dg.ResourceDefinition:
    """Return the resource `sources`.

    It takes no configuration: a run's configuration is anybody's who reaches the web server, and
    must not lead to other directories.
    """

    @dg.resource(
        config_schema={},
        description="The project's sources; each shows one moment for a whole run.",
    )
    def sources() -> Iterator[RunSources]:
        opened = RunSources(workspace=workspace)
        try:
            yield opened
        finally:
            opened.close()

    return sources
