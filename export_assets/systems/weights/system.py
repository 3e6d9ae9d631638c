"""What is peculiar to `weights` beyond its YAML, as the engine's seam wants it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from export_assets.config.models import SourceConfig
from export_assets.config.project import Project
from export_assets.config.urls import SourceUrl
from export_assets.engine.system import System
from export_assets.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from export_assets.sources.states.kind import StateKind

MEASUREMENTS: Final = "measurements"
RESULTS: Final = "results"
ANONYMIZE: Final = "anonymize"
_OPTIONS = (MEASUREMENTS, RESULTS, ANONYMIZE)
BESIDE: Final = "beside"
_PLACES = {MEASUREMENTS: ("measurements",), RESULTS: ("results.csv", "results.json")}
"""What is looked for beside the directory of states where an option says so."""

_IDENTIFIED = ("states", "measurements", "covariances", "resets", "acceptance", "weights_raw")


class WeightsSystem(System):
    """The store of a weight processor: a state file per user."""

    name = "weights"

    @property
    def yaml(self) -> Path:
        """The system's configuration file."""
        return Path(__file__).with_name("weights.yaml")

    def make_sample(self, url: SourceUrl, config: SourceConfig) -> str:
        """Write states of all variants, measurements and results; see `weights.sample`."""
        del config
        from export_assets.systems.weights.sample import make_sample

        if url.kind != "states" or url.path is None:
            msg = f"weights: {url} is no directory of state files"
            raise UsageError(msg)
        return make_sample(url.path)

    def tables(self) -> Sequence[str]:
        """Return the tables that are made of the states, and of what lies beside them."""
        from export_assets.systems.weights.tables import TABLES

        return tuple(table.name for table in TABLES)

    def lineage(self) -> Mapping[str, Mapping[str, Sequence[tuple[str, str]]]]:
        """Return what the summary is made of; all else is made of files, which have no columns."""
        from export_assets.systems.weights.lineage import LINEAGE

        return LINEAGE

    def states(self, config: SourceConfig, directory: Path) -> "StateKind | None":
        """Return what the state files are.

        Raises:
            ConfigError: An option is unknown or has a value it cannot have.
        """
        from export_assets.systems.weights.files import WeightsStates

        for name, value in config.options.items():
            if name not in _OPTIONS:
                msg = f"{config.source}: options.{name}: unknown; weights has {', '.join(_OPTIONS)}"
                raise ConfigError(msg)
            if not isinstance(value, bool if name == ANONYMIZE else str):
                wanted = "true or false" if name == ANONYMIZE else "a path"
                msg = f"{config.source}: options.{name}: must be {wanted}, not {value!r}"
                raise ConfigError(msg)
        return WeightsStates(
            zone=ZoneInfo(config.assume_timezone),
            measurements=_beside(directory, config, MEASUREMENTS),
            results=_beside(directory, config, RESULTS),
        )

    def settle(self, project: Project, environ: Mapping[str, str]) -> Project:
        """Return *project* with the pseudonyms that `options.anonymize` asks for in every table."""
        del environ
        sources = {
            name: replace(loaded, config=anonymized(loaded.config))
            if loaded.config.system == self.name and loaded.config.options.get(ANONYMIZE) is True
            else loaded
            for name, loaded in project.sources.items()
        }
        return replace(project, sources=sources)


def anonymized(config: SourceConfig) -> SourceConfig:
    """Return *config* with a pseudonym for every user, and nothing that would tell who it is.

    The quarantine of a state has what tells which file it was: that is left out.
    """
    from export_assets.systems.weights.tables import TELLING

    tables = dict(config.tables)
    for name in (*_IDENTIFIED, "quarantine"):
        table = config.table(name)
        more = {"anonymize": tuple(dict.fromkeys((*table.anonymize, "user_id")))}
        if name == "quarantine":
            more["redact"] = tuple(dict.fromkeys((*table.redact, *TELLING)))
        tables[name] = table.model_copy(update=more)
    return config.model_copy(update={"tables": tables})


def _beside(directory: Path, config: SourceConfig, option: str) -> Path | None:
    """Return the place that *option* names, from the store's own directory; what is found else."""
    named = config.options.get(option, BESIDE)
    if named != BESIDE:
        return directory / Path(str(named)).expanduser()
    places = [directory.parent / name for name in _PLACES[option]]
    return next((place for place in places if place.exists()), None)
