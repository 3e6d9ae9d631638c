"""Bringing the catalogue up to date with what is published.

    refresh(root) ── look ──> plan views ──> same as last time? nothing is written
                                         └─> build beside it ──> one rename

Whether anything changed is told without DuckDB, from stamps of directories.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from export_assets.engine.catalog.leftovers import is_swept, sweep
from export_assets.engine.catalog.looking import look, settling
from export_assets.engine.catalog.names import CATALOG
from export_assets.engine.catalog.seen import (
    VERSION,
    CatalogState,
    SeenExport,
    SeenView,
    is_made_of,
    load_state,
    save_state,
    stamp_of,
)
from export_assets.engine.catalog.views import Planned, plan_views
from export_assets.store.layout import LOCKS
from export_assets.store.lock import partition_lock
from export_assets.translate import translating

if TYPE_CHECKING:
    from export_assets.engine.catalog.building import Connect

LOCK_TIMEOUT = 30.0
_LOCK = "_catalog.lock"
_PATIENCE = 0.05


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What a refresh found and did."""

    path: Path
    """The catalogue."""
    written: bool
    """Whether it was made anew; what it said before was still right otherwise."""
    fingerprint: str
    """Equal for catalogues that say the same."""
    views: tuple[SeenView, ...]
    left_out: tuple[str, ...]
    """What is published and has no view, a line each."""


def refresh(
    root: Path,
    *,
    connect: "Connect | None" = None,
    thorough: bool = False,
    timeout: float = LOCK_TIMEOUT,
) -> Refreshed:
    """Make the catalogue below *root* say what is published there now.

    Args:
        root: The root of the exports; it is made where it is missing.
        connect: What opens the database that is built; DuckDB itself by default.
        thorough: Also notice what was changed in place, past this program.
        timeout: Seconds to wait for another refresh.

    Raises:
        DestPermission: The catalogue cannot be written.
        DestLocked: Another refresh takes longer than *timeout*.
        ExportError: It cannot be made; the one that was there is as it was.
    """
    root = root.resolve()
    state = load_state(root)
    seen = look(root, state.exports, thorough=thorough)
    if _is_current(root, state, seen):
        return _told(root, state, written=False)
    with translating(str(root / CATALOG)):
        (root / LOCKS).mkdir(parents=True, exist_ok=True)
        lock = partition_lock(
            root / LOCKS / _LOCK, timeout=timeout, holder="refresh", subject=str(root / CATALOG)
        )
        with lock:
            # Another refresh may have gone first, and more been published.
            state = load_state(root)
            seen = look(root, seen, thorough=thorough)
            # What was published this very moment is looked at again, so that nobody must later.
            time.sleep(min(settling(seen), _PATIENCE))
            seen = look(root, seen, thorough=thorough)
            return _brought_up_to_date(root, state, seen, connect)


def _brought_up_to_date(
    root: Path,
    state: CatalogState,
    seen: Mapping[str, SeenExport],
    connect: "Connect | None",
) -> Refreshed:
    planned = plan_views(str(root), seen)
    fingerprint = fingerprint_of(root, planned)
    views, left_out = state.views, state.left_out
    same = state.fingerprint == fingerprint and is_made_of(root, state)
    if same:
        sweep(root)
    else:
        from export_assets.engine.catalog.building import open_file, replace_catalog

        refused = replace_catalog(root, planned.views, connect=connect or open_file)
        views, left_out = planned.made(refused)
    new = CatalogState(
        root=str(root),
        exports=dict(seen),
        fingerprint=fingerprint,
        file=stamp_of(root / CATALOG),
        views=views,
        left_out=left_out,
    )
    if new != state:
        save_state(root, new)
    return _told(root, new, written=not same)


def fingerprint_of(root: Path, planned: Planned) -> str:
    """Return a hash of everything the catalogue of *planned* holds."""
    lines = [str(VERSION), str(root), *(view.statement for view in planned.views)]
    lines += planned.left_out
    text = msgspec.json.encode(lines)
    return hashlib.sha256(text).hexdigest()[:32]


def _is_current(root: Path, state: CatalogState, seen: Mapping[str, SeenExport]) -> bool:
    return seen == state.exports and is_made_of(root, state) and is_swept(root)


def _told(root: Path, state: CatalogState, *, written: bool) -> Refreshed:
    return Refreshed(
        path=root / CATALOG,
        written=written,
        fingerprint=state.fingerprint,
        views=state.views,
        left_out=state.left_out,
    )
