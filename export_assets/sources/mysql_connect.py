"""Connections to MySQL and MariaDB: addresses, the session's settings, the driver."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from export_assets.errors import UsageError
from export_assets.sources.mysql_errors import code_of

_TLS_FILES = frozenset({"ssl_ca", "ssl_cert", "ssl_key", "ssl_key_password"})
_TLS_SWITCHES = frozenset({"ssl_disabled", "ssl_verify_cert", "ssl_verify_identity"})
_PARAMETERS = frozenset(
    {
        *("unix_socket", "charset", "connect_timeout", "read_timeout", "write_timeout"),
        *("read_default_file", "read_default_group", "bind_address"),
        *_TLS_FILES,
        *_TLS_SWITCHES,
    }
)
_SWITCH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_UNKNOWN_VARIABLE = 1193
_DAY = 86_400
_SETTINGS = (
    "time_zone = '+00:00'",
    # Rows are fetched as fast as files are written, and statements may be far apart.
    f"net_write_timeout = {_DAY}",
    f"net_read_timeout = {_DAY}",
    f"wait_timeout = {_DAY}",
    # A long read is what this session is for, and a limit on rows would be a silent loss.
    "sql_select_limit = 18446744073709551615",
    "sql_big_selects = 1",
)
_OF_SOME = (
    "max_statement_time = 0",
    "max_execution_time = 0",
    "idle_transaction_timeout = 0",
    "idle_readonly_transaction_timeout = 0",
)
"""Settings that only MySQL or only MariaDB, or only newer ones, have."""


def address_of(name: str, text: str) -> sa.URL:
    """Return the address *text* for the driver, whatever driver it names.

    Raises:
        UsageError: It is no address, or has a parameter that means nothing here.
    """
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        # What SQLAlchemy says repeats the address, password included.
        msg = f"{name}: url: no address of the form mysql://user:password@host/database"
        raise UsageError(msg) from None
    for parameter in url.query:
        if parameter not in _PARAMETERS:
            msg = f"{name}: url: parameter {parameter!r} is none of "
            raise UsageError(msg + ", ".join(sorted(_PARAMETERS)))
    # Text comes as UTF-8 whatever is said.
    return url.difference_update_query(["charset"]).set(drivername="mysql+pymysql")


def make_engine(name: str, url: sa.URL, *, busy_timeout: float) -> sa.Engine:
    """Return what opens connections to *url*; none is kept open.

    Raises:
        UsageError: The driver is not installed, or the address has a value it cannot use.
    """
    try:
        from pymysql.converters import encoders

        from export_assets.sources.mysql_cursor import StreamCursor
    except ImportError as error:
        msg = f"{name}: MySQL and MariaDB need a driver: pip install export-assets[mysql]"
        raise UsageError(msg) from error
    # Without decoders, values come as the server writes them.
    connect: dict[str, Any] = {"charset": "utf8mb4", "conv": dict(encoders)}
    connect["cursorclass"] = StreamCursor
    # SQLAlchemy would part them into two sets, of which the driver takes one.
    tls = _TLS_FILES | _TLS_SWITCHES
    connect |= {key: _given(name, key, url.query[key]) for key in tls & set(url.query)}
    url = url.difference_update_query(tls)
    if "connect_timeout" not in url.query:
        connect["connect_timeout"] = max(1, int(busy_timeout))
    try:
        return sa.create_engine(
            url, poolclass=sa.NullPool, connect_args=connect, hide_parameters=True
        )
    except (sa.exc.ArgumentError, ValueError, TypeError) as error:
        msg = f"{name}: url: a parameter has a value the driver cannot use"
        raise UsageError(msg) from error


def _given(name: str, key: str, value: str | tuple[str, ...]) -> str | bool:
    if key in _TLS_FILES:
        if key != "ssl_key_password" and not Path(str(value)).is_file():
            msg = f"{name}: url: {key}: there is no file {value}"
            raise UsageError(msg)
        return str(value)
    if str(value).lower() not in _SWITCH:
        msg = f"{name}: url: {key} is true or false"
        raise UsageError(msg)
    return _SWITCH[str(value).lower()]


def set_up(connection: sa.Connection, *, busy_timeout: float) -> None:
    """Make the session read in UTC, wait as long as wanted for locks, and never be cut short."""
    seconds = max(1, round(busy_timeout))
    settings = (*_SETTINGS, f"lock_wait_timeout = {seconds}")
    connection.exec_driver_sql("set session " + ", session ".join(settings))
    for setting in (*_OF_SOME, f"innodb_lock_wait_timeout = {seconds}"):
        try:
            connection.exec_driver_sql(f"set session {setting}")
        except sa.exc.DBAPIError as error:
            if error.orig is None or code_of(error.orig) != _UNKNOWN_VARIABLE:
                raise
