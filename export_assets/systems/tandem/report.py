"""What a refresh or an ingest did, in figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """One step. `read` is the sum of `inserted`, `present` and the malformed rows."""

    step: str
    """The table that was filled."""
    read: int
    """Rows of the step before this one that speak of this table."""
    inserted: int
    present: int
    """Rows already there, under the same or another row of the step before."""
    unknown: Mapping[str, int] = field(default_factory=dict)
    """Inserted events by name `UNKNOWN_<id>`."""
    malformed: Mapping[str, int] = field(default_factory=dict)
    """Rows nothing could be made of, by reason; they stay where they are, and every refresh meets
    them again."""
    malformed_new: int = 0
    """How many of those no refresh has told of before."""
    ambiguous: int = 0
    """Inserted rows whose local time the clock showed twice; the first was taken."""
    nonexistent: int = 0
    """Inserted rows whose local time the clock skipped."""


@dataclass(frozen=True, kw_only=True)
class RefreshReport:
    """All steps, in the order they ran."""

    steps: tuple[StepReport, ...]

    @property
    def inserted(self) -> int:
        """Rows added over all steps."""
        return sum(step.inserted for step in self.steps)

    @property
    def malformed(self) -> int:
        """Rows nothing could be made of, over all steps."""
        return sum(sum(step.malformed.values()) for step in self.steps)

    def step(self, name: str) -> StepReport:
        """Return the report on the table called *name*.

        Raises:
            KeyError: No step filled that table.
        """
        for step in self.steps:
            if step.step == name:
                return step
        raise KeyError(name)


@dataclass(frozen=True, kw_only=True)
class IngestReport:
    """What became of one payload. `read` is the sum of `inserted` and `present`."""

    read: int
    """Whole events in the payload."""
    inserted: int
    present: int
    """Events already in the file, or more than once in the payload."""
    trailing_bytes: int = 0
    """Bytes after the last whole event."""
    ambiguous: int = 0
    """Events whose wall-clock time was shown twice; the first was taken."""
    nonexistent: int = 0
    """Events whose wall-clock time was skipped."""
