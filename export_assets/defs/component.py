"""`export_assets.ExportSource`: a source as a component of a dg project.

The attributes in its `defs.yaml` are the keys of a source's YAML file. They are read by
`config.components`, which the command line uses too; nothing of them is understood here.
"""

from dataclasses import dataclass
from typing import Any, Self

import dagster as dg
from dagster.components.core.defs_module import ComponentPath
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from export_assets.config.component_schema import component_schema
from export_assets.config.components import component_file, described, file_in
from export_assets.config.load import SourceFile
from export_assets.defs.component_project import project_of
from export_assets.defs.component_scaffold import SourceScaffolder


class SourceAttributes(BaseModel):
    """The attributes as Dagster sees them: any, with the schema of a source's YAML file.

    What they mean is decided by `config.load`, which has better words for what is wrong.
    """

    model_config = ConfigDict(extra="allow")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema that `dg check yaml` and editors go by."""
        del core_schema, handler
        return component_schema()


@dg.scaffold_with(SourceScaffolder)
@dataclass(frozen=True)
class ExportSource(dg.Component):
    """A database, or a directory of event logs, and its exports.

    The attributes are the keys of a source's YAML file, with the same defaults and the same
    built-in systems under them; docs/reference/configuration.md explains each. The source becomes
    assets, checks, sensors, schedules and jobs, and the command line `export-assets` knows it, too.
    """

    file: SourceFile

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Return the model of the attributes."""
        return SourceAttributes

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """Return what Dagster lists the component with."""
        return dg.ComponentTypeSpec(
            produces=["asset", "asset_check", "job", "schedule", "sensor", "resource"]
        )

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Read the component at *context*; *attributes* hold where it has no YAML file.

        Raises:
            ConfigError: The file cannot be read, or its attributes are no mapping.
        """
        loc = context.component_decl.loc
        if isinstance(loc, ComponentPath) and isinstance(loc.instance_key, int):
            path = file_in(loc.file_path)
            if path is not None:
                return cls(component_file(path, loc.instance_key, home=context.project_root))
        given: dict[str, Any] = (attributes.model_extra or {}) if attributes is not None else {}
        name = f"component {given.get('source', '')}".strip()
        return cls(described({"attributes": given}, path=context.project_root, shown=name))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions of the source.

        Raises:
            ConfigError: The project or this source is configured wrongly; one line for each
                thing that is.
        """
        return project_of(context).build(self.file)
