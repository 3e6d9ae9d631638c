"""Which kind of source opens which address."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from export_assets.config.urls import SourceUrl
from export_assets.errors import UsageError
from export_assets.sources.base import Source


@dataclass(frozen=True, kw_only=True)
class Opening:
    """How a source is opened, whatever its kind."""

    busy_timeout: float = 30.0
    """Seconds to wait for somebody who holds it."""
    read_timeout: float = 60.0
    """Seconds that a file may be read in place, where there is no room for a copy."""
    temp_dir: Path | None = None
    """Where private copies go; the system's own place where None."""
    schemas: tuple[str, ...] = ()
    """Schemas of a server's database that are read; those the engine takes by default if empty."""


def _open_sqlite(name: str, url: SourceUrl, how: Opening) -> Source:
    from export_assets.sources.sqlite import SqliteSource

    return SqliteSource(
        name,
        _path(name, url),
        busy_timeout=how.busy_timeout,
        temp_dir=how.temp_dir,
        read_timeout=how.read_timeout,
    )


def _open_duckdb(name: str, url: SourceUrl, how: Opening) -> Source:
    from export_assets.sources.duckdb import DuckDbSource

    return DuckDbSource(
        name, _path(name, url), busy_timeout=how.busy_timeout, temp_dir=how.temp_dir
    )


def _open_mysql(name: str, url: SourceUrl, how: Opening) -> Source:
    try:
        from export_assets.sources.mysql import MySqlSource
    except ImportError as error:
        msg = f"{name}: MySQL and MariaDB need a driver: pip install export-assets[mysql]"
        raise UsageError(msg) from error

    return MySqlSource(name, url.text, busy_timeout=how.busy_timeout, schemas=how.schemas)


def _open_postgres(name: str, url: SourceUrl, how: Opening) -> Source:
    from export_assets.sources.postgres import PostgresSource

    return PostgresSource(name, url, busy_timeout=how.busy_timeout, schemas=how.schemas)


def _open_sqlalchemy(name: str, url: SourceUrl, how: Opening) -> Source:
    if url.path is not None:  # a directory, which is no database
        raise _unsupported(name, url)
    try:
        from export_assets.sources.sqlalchemy import SqlAlchemySource
    except ImportError as error:
        msg = f"{name}: {url} needs SQLAlchemy: pip install sqlalchemy and a driver"
        raise UsageError(msg) from error

    return SqlAlchemySource(name, url.text, schemas=how.schemas)


SOURCES: dict[str, Callable[[str, SourceUrl, Opening], Source]] = {
    "sqlite": _open_sqlite,
    "duckdb": _open_duckdb,
    "postgresql": _open_postgres,
    "mysql": _open_mysql,
    "other": _open_sqlalchemy,
}
"""Opener by kind of address; their engines are imported when first opened."""


def open_source(name: str, url: SourceUrl, *, how: Opening | None = None) -> Source:
    """Return the source called *name* at *url*; nothing is touched before it is asked something.

    Args:
        name: The source's name in messages and manifests.
        url: Its address.
        how: How to open it; with the defaults of `Opening` where None.

    Raises:
        UsageError: No source of this version opens that kind of address.
    """
    opener = SOURCES.get(url.kind)
    if opener is None:
        raise _unsupported(name, url)
    return opener(name, url, how or Opening())


def _path(name: str, url: SourceUrl) -> Path:
    if url.path is None:
        raise _unsupported(name, url)
    return url.path


def _unsupported(name: str, url: SourceUrl) -> UsageError:
    what = f"{url.kind} sources are" if url.kind != "other" else f"{url} is"
    return UsageError(f"{name}: {what} not supported by this version")
