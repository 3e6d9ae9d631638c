"""From the configuration to everything Dagster shows."""

import dagster as dg

from export_assets.defs.exports import RETRY_SECONDS, build_exports
from export_assets.defs.held import build_sources_resource
from export_assets.defs.shapes import known_tables
from export_assets.defs.table import TableExport
from export_assets.engine.workspace import Workspace


def build_definitions(
    workspace: Workspace, *, retry_seconds: float = RETRY_SECONDS
) -> dg.Definitions:
    """Return assets, checks, sensors, schedules and jobs of every configured source."""
    tables = [
        TableExport(workspace=workspace, configured=source, shape=shape)
        for source in workspace.configured()
        for shape in known_tables(workspace, source).tables
    ]
    return dg.Definitions(
        assets=[build_exports(table, retry_seconds=retry_seconds) for table in tables],
        resources={"sources": build_sources_resource(workspace)},
        # A run is one step per table; processes per step would cost seconds and split the snapshot.
        executor=dg.in_process_executor,
    )
