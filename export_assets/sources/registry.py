"""Which kind of source opens which address."""

from collections.abc import Callable
from pathlib import Path

from export_assets.config.urls import SourceUrl
from export_assets.errors import UsageError
from export_assets.sources.base import Source


def _open_sqlite(name: str, path: Path, busy_timeout: float, temp_dir: Path | None) -> Source:
    from export_assets.sources.sqlite import SqliteSource

    return SqliteSource(name, path, busy_timeout=busy_timeout, temp_dir=temp_dir)


def _open_duckdb(name: str, path: Path, busy_timeout: float, temp_dir: Path | None) -> Source:
    from export_assets.sources.duckdb import DuckDbSource

    return DuckDbSource(name, path, busy_timeout=busy_timeout, temp_dir=temp_dir)


FILE_SOURCES: dict[str, Callable[[str, Path, float, Path | None], Source]] = {
    "sqlite": _open_sqlite,
    "duckdb": _open_duckdb,
}
"""Kinds that are one file; their engines are imported when first opened."""


def open_source(
    name: str, url: SourceUrl, *, busy_timeout: float = 30.0, temp_dir: Path | None = None
) -> Source:
    """Return the source called *name* at *url*; nothing is touched before it is asked something.

    Args:
        name: The source's name in messages and manifests.
        url: Its address.
        busy_timeout: Seconds to wait for somebody who holds it.
        temp_dir: Where private copies go; the system's own place where None.

    Raises:
        UsageError: No source of this version opens that kind of address.
    """
    opener = FILE_SOURCES.get(url.kind)
    if opener is None or url.path is None:
        what = f"{url.kind} sources are" if url.kind != "other" else f"{url} is"
        msg = f"{name}: {what} not supported by this version"
        raise UsageError(msg)
    return opener(name, url.path, busy_timeout, temp_dir)
