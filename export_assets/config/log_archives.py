"""What becomes of old logs, and which logs are of which match."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from export_assets.config.age_keys import check_recipient
from export_assets.config.base import Model
from export_assets.config.cron import check_cron
from export_assets.config.incremental import Seconds
from export_assets.config.paths import check_path
from export_assets.config.rules import Day

MATCH_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

Names = tuple[Annotated[str, Field(min_length=1)], ...]
Cron = Annotated[str, AfterValidator(check_cron)]
KeyFile = Annotated[str, Field(min_length=1), AfterValidator(check_path)]


class OffloadConfig(Model):
    """How old logs are moved away, by Dagster's schedule and by `export-assets offload`."""

    days_old: PositiveInt = 30
    """Days after its last event that a log counts as old."""
    delete: bool = False
    """Whether logs go to the trash once their archive is proven; needs `allow_delete` in the
    project's settings, too."""
    grace: Seconds = 7 * 86_400.0
    """How long they stay in the trash: seconds, `7d`."""
    min_idle: Seconds = 86_400.0
    """For how long nothing may have been written to a log that goes."""
    schedule: Cron | None = None
    """Cron line, in UTC, by which Dagster offloads; without it weekly, once it is switched on."""


class EncryptionConfig(Model):
    """Who can read the archives of a source; the project's settings say what opens them."""

    recipients: tuple[Annotated[str, AfterValidator(check_recipient)], ...] = ()
    """Public keys of age (`age1…`); whoever has the identity of one of them can read an archive."""
    recipients_file: KeyFile | None = None
    """File of further ones, one a line; relative paths start at the project's home."""

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not self.recipients and self.recipients_file is None:
            msg = "names nobody who could read the archives; give recipients or recipients_file"
            raise ValueError(msg)
        return self


class MatchConfig(Model):
    """A match: the stretch of time, or the logs, that belong together under one id."""

    start: Day | None = None
    """First day, in UTC."""
    end: Day | None = None
    """Last day, in UTC, included."""
    files: Names = ()
    """Patterns of the logs' paths below the log directory; all that have events of those days
    without it."""
    database: str | None = Field(default=None, min_length=1)
    """A SQLite file that goes into the match's archive; relative paths start at the project's
    home."""

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.start is not None and self.end is not None and self.start > self.end:
            msg = f"start {self.start} is after end {self.end}"
            raise ValueError(msg)
        if self.start is None and not self.files:
            msg = "says neither when it was (start) nor which logs are of it (files)"
            raise ValueError(msg)
        return self
