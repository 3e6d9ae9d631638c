"""The seam of a built-in system: what is peculiar to it beyond its YAML."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from export_assets.config.models import SourceConfig
from export_assets.config.project import Project
from export_assets.config.urls import SourceUrl
from export_assets.tables.schema import TableSchema

if TYPE_CHECKING:  # logs are made by what plans tables, which asks systems
    from export_assets.engine.logs.kind import LogKind
    from export_assets.engine.sets.spec import ExportSet
    from export_assets.sources.states.kind import StateKind

_ORDINARY = frozenset({"read", "inserted", "present"})


@dataclass(frozen=True, kw_only=True)
class Step:
    """One upstream step of a system: it derives a table from others inside the source."""

    name: str
    table: str
    """The table it fills."""
    depends_on: tuple[str, ...] = ()
    """Tables it reads."""
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What one step did, as counters by name.

    `read`, `inserted` and `present` are the ordinary ones. One that ends in `_before` counts what
    an earlier run told of already. Every other is told to people where it is not 0.
    """

    step: str
    counts: Mapping[str, int]

    @property
    def odd(self) -> dict[str, int]:
        """The counters a person should know of."""
        return {
            name: count
            for name, count in self.counts.items()
            if count and name not in _ORDINARY and not name.endswith("_before")
        }


class System(ABC):
    """A built-in system."""

    name: str
    computes = False
    """Whether `options: {computed: true}` adds columns that are computed from others."""

    @property
    @abstractmethod
    def yaml(self) -> Path:
        """The system's configuration file."""

    @abstractmethod
    def make_sample(self, url: SourceUrl, config: SourceConfig) -> str:
        """Generate the sample data at *url* and return a line that describes it.

        Deterministic; data that is there already stays.

        Raises:
            UsageError: *url* is no place sample data can be made at.
        """

    def views(
        self, columns_of: Mapping[str, Sequence[str]], config: SourceConfig
    ) -> Mapping[str, str]:
        """Return derived tables by name, as SELECT statements over the physical tables."""
        del columns_of, config
        return {}

    def functions(self, config: SourceConfig) -> Mapping[str, Callable[[object], int | None]]:
        """Return functions of one value that statements of the system use, by name.

        Raises:
            ConfigError: An option is unknown or has a value it cannot have.
        """
        del config
        return {}

    def profiles(self) -> Sequence[str]:
        """Return the layouts that the system's sets know, the usual one first."""
        return ()

    def sets(
        self, columns_of: Mapping[str, Sequence[str]], config: SourceConfig, *, profile: str
    ) -> Sequence["ExportSet"]:
        """Return the system's own sets, of those that *config* names.

        Args:
            columns_of: Columns of the tables the source has; of all it may have, where nobody
                opened it.
            config: The source's configuration.
            profile: The layout asked for; that configured for each set where empty.

        Raises:
            UsageError: There is no such layout.
        """
        del columns_of, config, profile
        return ()

    def tables(self) -> Sequence[str]:
        """Names of the tables the system may have; a source may lack some of them."""
        return ()

    def expected_tables(self, config: SourceConfig) -> Sequence[str]:
        """Names of the tables whose absence a person should know of."""
        del config
        return self.tables()

    def known_columns(self) -> Mapping[str, frozenset[str]]:
        """Columns the tables may have, by table; a source may lack some of them.

        What the configuration says of such a column is no mistake where the source lacks it.
        """
        return {}

    def drift(self, table: str, declared: Mapping[str, str], config: SourceConfig) -> Sequence[str]:
        """Say how a table differs from what the system expects.

        Args:
            table: Its name.
            declared: Its columns with the types the source declares, derived ones with none.
            config: The source's configuration.
        """
        del table, declared, config
        return ()

    def annotate(self, schema: TableSchema) -> TableSchema:
        """Add what the source cannot tell of a table: keys, descriptions, better types."""
        return schema

    def logs(self, config: SourceConfig) -> "LogKind | None":
        """Return what the system's event logs are; None where it reads a database.

        Raises:
            ConfigError: An option is unknown or has a value it cannot have.
        """
        del config
        return None

    def states(self, config: SourceConfig, directory: Path) -> "StateKind | None":
        """Return what the system's state files in *directory* are; None where it has none.

        Raises:
            ConfigError: An option is unknown or has a value it cannot have.
        """
        del config, directory
        return None

    def event_types(self, name: str) -> Sequence[str]:
        """Return the event types that people mean by *name*.

        Raises:
            UsageError: No event is called so; the message names those there are.
        """
        return (name,)

    def settle(self, project: Project, environ: Mapping[str, str]) -> Project:
        """Return *project* with what the system's own configuration files say laid into it.

        Raises:
            ConfigError: A file is wrong; one line for each thing that is.
        """
        del environ
        return project

    def lineage(self) -> Mapping[str, Mapping[str, Sequence[tuple[str, str]]]]:
        """Return from which columns the columns of derived tables are made.

        By table and column a sequence of table and column; what is not known is not said.
        """
        return {}

    def steps(self) -> Sequence[Step]:
        """Upstream steps, in the order they run."""
        return ()

    def run_step(self, step: str, url: SourceUrl, config: SourceConfig) -> StepReport:
        """Run one upstream step in the source.

        Raises:
            SourceError: The source cannot be written now.
            UsageError: There is no such step.
        """
        del url, config
        from export_assets.errors import UsageError

        msg = f"{self.name}: has no step {step}"
        raise UsageError(msg)
