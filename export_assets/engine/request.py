"""What a person, a sensor or a program asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from export_assets.config.format_options import FormatOptionsConfig
from export_assets.config.rules import ONE_FILE_FORMATS, Scalar
from export_assets.errors import UsageError
from export_assets.tables.partitions import Window


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """Which tables, formats and rows, and where to.

    Without `output_dir` partitions are published in the store; with it, each table becomes one
    file per format in that directory.
    """

    tables: tuple[str, ...] = ()
    """Tables by name; empty for all that the configuration selects."""
    include: tuple[str, ...] = ()
    """Tables exported besides those the configuration selects."""
    exclude: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    """Format names; empty for those configured per table."""
    profile: str = ""
    """The layout of sets that have several; that configured where empty."""
    options: Mapping[str, FormatOptionsConfig] = field(default_factory=dict)
    """Options by format name, over those configured."""
    window: Window = field(default_factory=Window)
    """Rows by time; in the store only whole partitions are published."""
    partitions: tuple[str, ...] = ()
    """Partition keys, each published even where it holds no row."""
    columns: tuple[str, ...] = ()
    where: Mapping[str, object] = field(default_factory=dict)
    only: Mapping[str, Mapping[str, tuple[Scalar, ...]]] = field(default_factory=dict)
    """By table, the values of which a column must have one; over the filters of the formats."""
    only_logs: tuple[str, ...] = ()
    """Patterns of the paths of the only event logs that are read; of the source, too."""
    raw_data: bool = True
    """Whether logged objects keep the members that hold raw payload."""
    guarded: bool = False
    """Whether whoever asks sees no more than what is exported: rows are then chosen by columns that
    leave as they are, and by no other."""
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    offset: int = 0
    output_dir: Path | None = None
    export_dir: Path | None = None
    """Where the source's sets are published instead of in the store: a directory each, exchanged
    whole; tables are not exported then."""
    one_file: bool = False
    """Write all tables into one file in `output_dir`."""
    document_metadata: bool = True
    """Whether that file says where its records come from, and how many they are."""
    overwrite: bool = False
    """Replace files of the same name in `output_dir`; in the store, publish unchanged rows too."""
    full: bool = False
    """Read every row and compare it, whatever memory and cursors say."""
    fetch_latest: bool = False
    """Run the system's upstream steps first, where it has any."""
    lock_timeout: float = 0.0
    """Seconds to wait for a partition that another run holds."""
    as_of: datetime | None = None
    """The moment of the run, aware, by which exports are sliced; the present where None."""

    def __post_init__(self) -> None:
        """Refuse combinations that cannot be, and drop keys named twice.

        Raises:
            UsageError: Rows are filtered or cut and no output directory is given, the range of
                time is none, or what is asked for cannot be one file.
        """
        object.__setattr__(self, "partitions", tuple(dict.fromkeys(self.partitions)))
        self._check_window()
        if self.one_file:
            self._check_one_file()
        if self.export_dir is not None and self.output_dir is not None:
            msg = "export-dir and output-dir: give one of them"
            raise UsageError(msg)
        if self.output_dir is None and self.filters:
            msg = f"{self.filters[0]}: a published partition is complete; add an output directory"
            raise UsageError(msg)
        if self.partitions and self.window.bounded:
            msg = "partitions and a date range: give one of them"
            raise UsageError(msg)
        if (self.limit or 0) < 0 or self.offset < 0:
            msg = "limit and offset: must not be negative"
            raise UsageError(msg)

    def _check_one_file(self) -> None:
        if self.output_dir is None:
            msg = "one-file: needs an output directory"
            raise UsageError(msg)
        if len(self.formats) != 1 or self.formats[0] not in ONE_FILE_FORMATS:
            msg = f"one-file: give one format of {', '.join(ONE_FILE_FORMATS)}, and no other"
            raise UsageError(msg)
        if self.partitions:
            msg = "one-file: holds whole tables; give a date range instead of partitions"
            raise UsageError(msg)

    def _check_window(self) -> None:
        start, end = self.window.start, self.window.end
        if any(bound is not None and bound.tzinfo is None for bound in (start, end)):
            msg = "date range: its ends need a time zone"
            raise UsageError(msg)
        if start is not None and end is not None and start >= end:
            msg = f"date range: {start.isoformat()} is not before {end.isoformat()}"
            raise UsageError(msg)

    @property
    def moment(self) -> datetime:
        """The moment by which exports are sliced."""
        return self.as_of or datetime.now(UTC)

    @property
    def filters(self) -> list[str]:
        """Names of the options given that leave rows or columns out, other than by time."""
        given = {
            "columns": self.columns,
            "where": self.where,
            "filter-events": self.only,
            "pattern": self.only_logs,
            "no-raw-data": not self.raw_data,
            "limit": self.limit is not None,
            "offset": self.offset,
            "order-by": self.order_by,
        }
        return [name for name, value in given.items() if value]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What identifies one run and how it talks to the outside."""

    id: str
    now: datetime
    """Aware; the one clock reading of the run."""
