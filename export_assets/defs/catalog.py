"""The catalogue in Dagster: the asset `catalog`, and DuckDB's own resource over the file.

Every step that publishes refreshes the catalogue; an event of the asset tells of each time it
changed. Materializing the asset looks at everything anew.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from export_assets.defs.failing import failing
from export_assets.defs.held import RunSources
from export_assets.engine.catalog.building import NO_DOWNLOADS
from export_assets.engine.catalog.names import CATALOG
from export_assets.engine.catalog.refreshing import Refreshed, refresh
from export_assets.engine.workspace import Workspace
from export_assets.errors import ExportError

KEY = dg.AssetKey("catalog")


def build_catalog_resource(workspace: Workspace) -> dg.ResourceDefinition:
    """Return the resource `catalog`: connections that read the views, for assets of one's own.

    It takes no configuration: DuckDB's own resource, given as it is, would let each run name
    another database, and variables of the environment.
    """

    @dg.resource(config_schema={}, description="Reads the views over everything published.")
    def catalog() -> DuckDBResource:
        return DuckDBResource(
            database=str(workspace.project.settings.exports_dir / CATALOG),
            connection_config={**NO_DOWNLOADS, "access_mode": "READ_ONLY"},
        )

    return catalog


@contextmanager
def connect(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database that becomes the catalogue, as Dagster opens DuckDB."""
    resource = DuckDBResource(database=str(path), connection_config=dict(NO_DOWNLOADS))
    with resource.get_connection() as connection:
        yield connection


def build_catalog(workspace: Workspace) -> list[dg.AssetsDefinition]:
    """Return the asset of the catalogue, none where the project has no catalogue."""
    if not workspace.project.settings.catalog:
        return []

    @dg.asset(
        key=KEY,
        group_name="catalog",
        kinds={"duckdb", "view"},
        tags={"export_assets/format": "catalog"},
        description=f"{CATALOG}: a view for every published table, in a schema per source, with "
        "a row per row of the table. Refreshed by every run that publishes.",
    )
    def catalog(sources: dg.ResourceParam[RunSources]) -> dg.MaterializeResult[Any]:
        root = sources.workspace.project.settings.exports_dir
        with failing(str(root / CATALOG), side="destination"):
            found = refresh(root, connect=connect, thorough=True)
        return dg.MaterializeResult(
            metadata=describe_catalog(found), data_version=dg.DataVersion(found.fingerprint)
        )

    return [catalog]


def tell_of_catalog(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, workspace: Workspace
) -> None:
    """Log a materialization of the catalogue where it is not the one that was told of last."""
    settings = workspace.project.settings
    if not settings.catalog or not (settings.exports_dir / CATALOG).exists():
        return
    try:
        found = refresh(settings.exports_dir, connect=connect)
    except ExportError:
        # That it could not be refreshed was told with what was published.
        return
    record = context.instance.get_latest_materialization_event(KEY)
    known = record.asset_materialization if record is not None else None
    tags = {
        "dagster/data_version": found.fingerprint,
        "dagster/data_version_is_user_provided": "true",
    }
    if known is not None and tags.items() <= (known.tags or {}).items():
        return
    context.log_event(dg.AssetMaterialization(KEY, metadata=describe_catalog(found), tags=tags))


def describe_catalog(found: Refreshed) -> dict[str, dg.MetadataValue[Any]]:
    """Return what people see of the catalogue: its views, and what has none."""
    views = "\n".join(
        f"| {view.schema} | {view.name} | {view.format} | {len(view.files):,} |"
        for view in found.views
    )
    metadata: dict[str, dg.MetadataValue[Any]] = {
        "path": dg.MetadataValue.path(str(found.path)),
        "views": dg.MetadataValue.int(len(found.views)),
        "files": dg.MetadataValue.int(sum(len(view.files) for view in found.views)),
        "tables": dg.MetadataValue.md(
            f"| schema | view | format | files |\n|---|---|---|---:|\n{views}"
        ),
    }
    if found.left_out:
        metadata["left_out"] = dg.MetadataValue.md(
            "\n".join(f"- {line}" for line in found.left_out)
        )
    return metadata
