"""What a source's YAML says of sets: files of one moment that are published in one step."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from export_assets.config.base import Model
from export_assets.config.rules import Formats

_Names = tuple[Annotated[str, Field(min_length=1)], ...]


class SetConfig(Model):
    """Tables of a source as files in one directory, all of one moment."""

    description: str = ""
    """What the set is for, for people."""
    tables: _Names = ()
    """Its tables; without it every table that is exported by default."""
    formats: Formats = ("parquet",)
    """A file of every table in each of these."""
    one_file: Literal["sqlite", "duckdb", "xlsx"] | None = None
    """All tables in one file instead, called as the source: a database, or a workbook."""
    profile: str = ""
    """The layout of its files, where the built-in system knows several."""
    by_default: bool = True
    """Whether it is exported when nothing is asked for by name."""
    directory: str | None = Field(default=None, min_length=1)
    """Where a copy of what is published is kept, always whole; relative to the project."""
    max_mb: PositiveFloat | None = None
    """Size of all files together, in MB, from which the set is refused."""

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if self.one_file is not None and "formats" in self.model_fields_set:
            msg = "one_file and formats: give one of them"
            raise ValueError(msg)
        return self
