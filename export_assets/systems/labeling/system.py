"""What is peculiar to `labeling` beyond its YAML, as the engine's seam wants it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from export_assets.config.models import SourceConfig
from export_assets.config.project import Project
from export_assets.config.urls import SourceUrl
from export_assets.engine.system import System
from export_assets.errors import UsageError
from export_assets.systems.labeling.schema import CURRENT, every_generation, known_columns
from export_assets.tables.schema import TableSchema

if TYPE_CHECKING:
    from export_assets.engine.sets.spec import ExportSet


class LabelingSystem(System):
    """An application's SQLite database, of any generation from 14 tables to 18."""

    name = "labeling"

    @property
    def yaml(self) -> Path:
        """The system's configuration file."""
        return Path(__file__).with_name("labeling.yaml")

    def make_sample(self, url: SourceUrl, config: SourceConfig) -> str:
        """Generate a database in WAL mode at *url*; see `systems.labeling.sample`."""
        del config
        from export_assets.systems.labeling.sample import make_sample

        if url.kind != "sqlite" or url.path is None:
            msg = f"labeling: {url} is no SQLite file"
            raise UsageError(msg)
        rows = make_sample(url.path)
        shown = ("projects", "datasets", "images", "annotations")
        told = ", ".join(f"{rows[table]:,} {table}" for table in shown)
        return f"{told} in {url.path.name}"

    def tables(self) -> Sequence[str]:
        """Return the tables of all generations."""
        return tuple(dict.fromkeys(table.name for table in every_generation()))

    def expected_tables(self, config: SourceConfig) -> Sequence[str]:
        """Return the tables that every generation has."""
        del config
        from export_assets.systems.labeling.schema import GENERATIONS, catalog

        return tuple(
            name for name in catalog(CURRENT) if all(name in catalog(one) for one in GENERATIONS)
        )

    def known_columns(self) -> Mapping[str, frozenset[str]]:
        """Return the columns of all generations."""
        return known_columns()

    def annotate(self, schema: TableSchema) -> TableSchema:
        """Describe table and columns."""
        from export_assets.systems.labeling.descriptions import TABLES, describe_column

        columns = tuple(
            replace(one, description=one.description or describe_column(schema.name, one.name))
            for one in schema.columns
        )
        text = schema.description or TABLES.get(schema.name, "")
        return replace(schema, columns=columns, description=text)

    def functions(self, config: SourceConfig) -> Mapping[str, Callable[[object], int | None]]:
        """Return what looks for the files of images, where their directory is configured."""
        from export_assets.systems.labeling.media import FUNCTION, file_exists, named_root

        root = named_root(config)
        return {} if root is None else {FUNCTION: file_exists(root)}

    def profiles(self) -> Sequence[str]:
        """Return the two layouts."""
        from export_assets.systems.labeling.sets import PROFILES

        return PROFILES

    def sets(
        self, columns_of: Mapping[str, Sequence[str]], config: SourceConfig, *, profile: str
    ) -> "Sequence[ExportSet]":
        """Return the whole database as a set, and the document of each project."""
        from export_assets.systems.labeling.media import FUNCTION, media_root
        from export_assets.systems.labeling.sets import labeling_sets
        from export_assets.systems.labeling.sql import Entities

        exists = FUNCTION if media_root(config) is not None else None
        entities = Entities(columns_of=columns_of, exists=exists)
        return labeling_sets(entities, config, profile=profile)

    def settle(self, project: Project, environ: Mapping[str, str]) -> Project:
        """Return *project* with the application's settings laid into it."""
        from export_assets.systems.labeling.settings import settle

        return settle(project, environ, system=self.name)
