"""The seam every format implements: a writer fed batch by batch, a reader for the way back.

writer = fmt.open(path, schema, options)
writer.write(batch)                  any number of times, also never
writer.close()                       the file is complete; syncing and renaming is the store's
fmt.read(path, schema, options)      batches of exactly `schema.polars`, in constant memory
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from export_assets.tables.batch import Batch
from export_assets.tables.schema import Fidelity, TableSchema

Profile = Literal["default", "excel", "legacy", "tidy", "logged"]


@dataclass(frozen=True, kw_only=True)
class FormatOptions:
    """Everything a person may choose about a file; part of the configuration hash."""

    compression: str | None = None
    """None is the format's own default; `none` switches it off."""
    compression_level: int | None = None
    profile: Profile = "default"
    delimiter: str | None = None
    """CSV and TSV only; None is the profile's own."""
    pretty: bool = False
    """JSON only."""
    row_group_rows: int = 122_880
    partition_by: str | None = None
    """Parquet only: the column by whose values parts lie in directories."""
    schema_header: bool | None = None
    """NDJSON only, like all below; None is the profile's own."""
    schema_version: str | None = None
    members_of: str | None = None
    stamps: tuple[str, ...] = ()
    as_of: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    """What the members of the lines are; without it the columns' own descriptions."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a file must be read, as the manifest records it."""

    values: Mapping[str, str] = field(default_factory=dict)


class FormatWriter(ABC):
    """One file being written. Not safe for two threads at once."""

    @abstractmethod
    def write(self, batch: Batch) -> None:
        """Append *batch*, whose schema is the table's conformed schema."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file. Calling it twice does nothing the second time."""

    @abstractmethod
    def abort(self) -> None:
        """Close the handle without finishing; the file is about to be deleted."""

    def fidelity(self) -> Mapping[str, Fidelity]:
        """Per column, what this format could not carry exactly; empty when all was exact."""
        return {}


class Format(ABC):
    """One file format."""

    name: str
    kind: str
    """The Dagster kind shown in the UI."""
    compressions: tuple[str, ...]
    """Accepted values of `FormatOptions.compression`, the default first."""
    carries_nonfinite = True
    """Whether NaN and the infinities are written as such; else they become null and are counted."""
    most_rows: int | None = None
    """How many rows a file can have, where there is a limit."""
    reproducible = True
    """Whether equal rows give equal bytes."""

    @abstractmethod
    def suffix(self, options: FormatOptions) -> str:
        """Return the file name ending, codec included: `.parquet`, `.csv.gz`."""

    @abstractmethod
    def open(
        self,
        path: Path,
        schema: TableSchema,
        options: FormatOptions,
        metadata: Mapping[str, str],
    ) -> FormatWriter:
        """Create *path*, which must not exist, and return its writer.

        *metadata* is embedded where the format can (Parquet key-value metadata); it must not
        hold anything that differs between two runs over equal input.
        """

    @abstractmethod
    def read(
        self, path: Path, schema: TableSchema, options: FormatOptions, *, strict: bool = True
    ) -> Iterator[Batch]:
        """Yield what was written as batches of exactly `schema.polars`, in constant memory.

        Where a file does not hold all of it, batches are of `carried`, and so are the values.
        Without *strict* the caller compares the values with what was written, by digest: values
        are as exact, but a reader may accept a file that holds them in another form than ours,
        such as keys in another order.

        Raises:
            IntegrityError: The file cannot be read back as that schema.
        """

    @abstractmethod
    def canonical(self, options: FormatOptions) -> FormatOptions:
        """Return the normal form of *options*: equal for all options that give equal files.

        Aliases are resolved, defaults filled in, options without meaning here left out.

        Raises:
            UsageError: An option cannot be honoured.
        """

    def carried(self, schema: TableSchema, options: FormatOptions) -> TableSchema:  # noqa: ARG002 - part of the seam
        """Return the columns that a file holds; all of them, unless *options* say otherwise.

        Another object than *schema* says that `carried_rows` may differ from what is handed over.

        Raises:
            UsageError: Under *options* a table of *schema* cannot be written.
        """
        return schema

    def carried_rows(self, batch: Batch, schema: TableSchema, options: FormatOptions) -> Batch:  # noqa: ARG002 - part of the seam
        """Return what a file holds of *batch*, as a batch of `carried`.

        Raises:
            ContractViolation: A value is none that a file can hold.
        """
        return batch

    def dialect(self, options: FormatOptions) -> Dialect:  # noqa: ARG002 - part of the seam
        """Describe how a reader must parse the file."""
        return Dialect()

    def check_options(self, options: FormatOptions) -> None:  # noqa: B027 - most need no override
        """Refuse options this format cannot honour.

        Raises:
            UsageError: An option has no meaning for this format.
        """
