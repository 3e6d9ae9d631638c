"""Upstream steps of a system: bringing its derived tables up to date before they are read."""

from collections.abc import Iterator

from export_assets.engine.system import StepReport
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import DestinationError, SourceBusy, SourceMissing


def run_steps(source: ConfiguredSource) -> Iterator[StepReport]:
    """Run every upstream step of *source* in order, where it has a system with steps.

    Raises:
        SourceError: The source cannot be written now.
    """
    if source.system is not None:
        for step in source.system.steps():
            yield source.system.run_step(step.name, source.url, source.config)


def fetch_latest(source: ConfiguredSource) -> list[str]:
    """Run the upstream steps and return what a person should know about it.

    A source that cannot be written is no failure: what is there is exported, and said so.

    Raises:
        SourceCorrupt: The source is damaged.
    """
    notes = []
    try:
        for report in run_steps(source):
            facts = ", ".join(_fact(name, count) for name, count in report.odd.items())
            if facts:
                notes.append(f"{source.name}: {report.step}: {facts}")
    except (SourceBusy, SourceMissing, DestinationError) as error:
        if isinstance(error, SourceMissing) and source.url.path and not source.url.path.exists():
            raise
        notes.append(f"{source.name}: not fetched, exporting what is there: {error}")
    return notes


def _fact(name: str, count: int) -> str:
    """Say *count* of what is called *name*, which counters name in the plural."""
    noun = name.replace("_", " ")
    return f"{count} {noun.removesuffix('s') if count == 1 else noun}"
