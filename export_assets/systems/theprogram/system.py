"""What is peculiar to `theprogram` beyond its YAML, as the engine's seam wants it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from export_assets.config.models import SourceConfig
from export_assets.config.urls import SourceUrl
from export_assets.engine.computed import OPTION as COMPUTED
from export_assets.engine.system import System
from export_assets.errors import ConfigError, UsageError
from export_assets.tables.schema import TableSchema

GENERATION = "generation"


class TheProgramSystem(System):
    """An application's SQLite database of eleven tables, of either of two generations."""

    name = "theprogram"
    computes = True

    @property
    def yaml(self) -> Path:
        """The system's configuration file."""
        return Path(__file__).with_name("theprogram.yaml")

    def make_sample(self, url: SourceUrl, config: SourceConfig) -> str:
        """Generate a database in WAL mode at *url*; see `systems.theprogram.sample`."""
        from export_assets.systems.theprogram.sample import make_sample

        if url.kind != "sqlite" or url.path is None:
            msg = f"theprogram: {url} is no SQLite file"
            raise UsageError(msg)
        rows = make_sample(url.path, generation=_generation(config))
        return ", ".join(f"{n:,} {table}" for table, n in rows.items()) + f" in {url.path.name}"

    def views(
        self, columns_of: Mapping[str, Sequence[str]], config: SourceConfig
    ) -> Mapping[str, str]:
        """Return `app_config` without the password's hash, and computed columns where wanted.

        Raises:
            ConfigError: An option is unknown or has a value it cannot have.
        """
        from export_assets.systems.theprogram.views import theprogram_views

        _check_options(config)
        computed = config.options.get(COMPUTED) is True
        return theprogram_views(columns_of, config, computed=computed)

    def tables(self) -> Sequence[str]:
        """Return the eleven tables and the views beside them."""
        from export_assets.systems.theprogram.schema import catalog

        return tuple(catalog(1))

    def expected_tables(self, config: SourceConfig) -> Sequence[str]:
        """Return the tables of the generation that `options: {generation: …}` names."""
        from export_assets.systems.theprogram.schema import catalog

        return tuple(catalog(_generation(config)))

    def known_columns(self) -> Mapping[str, frozenset[str]]:
        """Return the columns of both generations, and the computed ones."""
        from export_assets.systems.theprogram.shape import known_columns

        return known_columns()

    def drift(self, table: str, declared: Mapping[str, str], config: SourceConfig) -> Sequence[str]:
        """Compare with the generation that `options: {generation: …}` names, by default 1."""
        from export_assets.systems.theprogram.shape import drift_of

        return drift_of(table, declared, config, generation=_generation(config))

    def annotate(self, schema: TableSchema) -> TableSchema:
        """Add types, keys and references that the database does not declare."""
        from export_assets.systems.theprogram.shape import shaped

        return shaped(schema)


def _generation(config: SourceConfig) -> Literal[1, 2]:
    found = config.options.get(GENERATION, 1)
    if isinstance(found, bool) or found not in (1, 2):
        msg = f"{config.source}: options.{GENERATION}: must be 1 or 2, not {found!r}"
        raise ConfigError(msg)
    return 2 if found == 2 else 1  # noqa: PLR2004 - the later of two


def _check_options(config: SourceConfig) -> None:
    _generation(config)
    for name in config.options:
        if name not in {GENERATION, COMPUTED}:
            msg = f"{config.source}: options.{name}: unknown; theprogram has generation, computed"
            raise ConfigError(msg)
    if not isinstance(config.options.get(COMPUTED, False), bool):
        msg = f"{config.source}: options.{COMPUTED}: must be true or false"
        raise ConfigError(msg)
