"""The project around components: loaded once each time Dagster loads its folder of components."""

import os
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from weakref import WeakKeyDictionary

import dagster as dg

from export_assets.config.components import component_files
from export_assets.config.dg_project import read_dg_project
from export_assets.config.load import LoadedSource, SourceFile, name_of
from export_assets.defs.build import (
    Resources,
    build_definitions,
    build_resources,
    build_source_definitions,
)
from export_assets.engine.workspace import Workspace
from export_assets.systems.registry import load_workspace

DEFINITIONS = "export_assets.definitions"
_NOTHING = frozenset({"__init__.py", "__pycache__"})

_LOADED: WeakKeyDictionary[object, "ComponentProject"] = WeakKeyDictionary()
"""By the state of Dagster's tree of components, which is made anew for each load."""
_AROUND: ContextVar["ComponentProject | None"] = ContextVar("around", default=None)


@dataclass(kw_only=True)
class ComponentProject:
    """What the components of one dg project share."""

    root: Path
    """The directory of the dg project."""
    workspace: Workspace
    resources: Resources
    has_common: bool = False
    """Whether what belongs to no source is among other definitions of the location."""
    _sources: dict[str, LoadedSource] = field(default_factory=dict)
    _first: str = ""

    def build(self, file: SourceFile) -> dg.Definitions:
        """Return the definitions of the source that *file* describes.

        The first one that is asked for brings along what belongs to no source.

        Raises:
            ConfigError: It is configured wrongly, or another one has its name.
        """
        name = name_of(file, os.environ)
        self._know(name, file)
        if not self.has_common:
            self._first = self._first or name
        return build_source_definitions(
            self.workspace,
            name,
            resources=self.resources,
            common=name == self._first,
        )

    def _know(self, name: str, file: SourceFile) -> None:
        """Add a source that is described by Python, or in any other way not found by itself."""
        known = self._sources.get(name)
        if known is None or known.path != file.path:
            components = [*component_files(self.root), file]
            loaded = _load(self.root, components).project.sources
            self._sources[name] = loaded[name]


def project_of(context: dg.ComponentLoadContext) -> ComponentProject:
    """Return the project of the component at *context*.

    Its home is `EXPORT_ASSETS_HOME`, else the directory of the dg project.

    Raises:
        ConfigError: It is configured wrongly; one line for each thing that is.
    """
    around = _AROUND.get()
    if around is not None:
        return around
    tracker = context.component_tree.state_tracker
    if tracker not in _LOADED:
        root = context.project_root
        _LOADED[tracker] = around_components(_load(root, list(component_files(root))), root)
    return _LOADED[tracker]


def around_components(workspace: Workspace, root: Path) -> ComponentProject:
    """Return *workspace* as the components of the dg project in *root* see it."""
    sources = dict(workspace.project.sources)
    workspace = replace(workspace, project=replace(workspace.project, sources=sources))
    return ComponentProject(
        root=root, workspace=workspace, resources=build_resources(workspace), _sources=sources
    )


def has_components(home: Path) -> bool:
    """Whether *home* is a dg project of these definitions, with anything in its folder.

    A dg project with definitions of its own loads its components there.
    """
    project = read_dg_project(home)
    if project.target != DEFINITIONS or project.folder is None:
        return False
    return any(path.name not in _NOTHING for path in project.folder.iterdir())


def build_with_components(workspace: Workspace, home: Path) -> dg.Definitions:
    """Return the definitions of every source, and all else in the folder of components."""
    project = around_components(workspace, home)
    project.has_common = True
    described = {name_of(file, os.environ) for file in component_files(home)}
    token = _AROUND.set(project)
    try:
        loaded = dg.load_from_defs_folder(path_within_project=home)
    finally:
        _AROUND.reset(token)
    others = build_definitions(
        project.workspace,
        only=workspace.project.sources.keys() - described,
        resources=project.resources,
    )
    return dg.Definitions.merge(others, loaded)


def _load(root: Path, components: list[SourceFile]) -> Workspace:
    home = None if os.environ.get("EXPORT_ASSETS_HOME") else root
    return load_workspace(home, environ=os.environ, components=components)
