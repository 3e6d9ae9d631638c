"""Keeping the catalogue current: after each publication, whoever published."""

from typing import TYPE_CHECKING

from export_assets.config.settings import Settings
from export_assets.engine.catalog.names import CATALOG
from export_assets.engine.catalog.refreshing import refresh
from export_assets.errors import ExportError
from export_assets.translate import translate

if TYPE_CHECKING:
    from export_assets.engine.catalog.building import Connect


def keep_current(settings: Settings, *, connect: "Connect | None" = None) -> tuple[str, ...]:
    """Refresh the catalogue of the project, if it shall have one and anything was ever published.

    What was published stands whatever becomes of the catalogue, and the next refresh makes good
    for this one. So a failure is told and changes no exit code.

    Returns:
        A line that says why it could not be refreshed; nothing where it was.
    """
    root = settings.exports_dir
    if not settings.catalog or not root.is_dir():
        return ()
    try:
        refresh(root, connect=connect)
    except Exception as error:  # noqa: BLE001 - nothing that goes wrong here undoes what is done
        told: ExportError = translate(error, subject=str(root / CATALOG))
        return (f"the catalogue is not up to date: {told}",)
    return ()
