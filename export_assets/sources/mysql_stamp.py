"""A stamp of a whole server that moves with every change, or is new each time.

The binary log cannot be trusted for it: it may be off, filtered, or passed by (sql_log_bin), and
MariaDB moves its position before the rows are there to be read. InnoDB's log sequence number moves
with every change of any row and of any table's shape. What it does not see makes every stamp a new
one: tables of other engines, a server that changes right now or does not tell the number.
"""

import hashlib
import time
import uuid
from collections.abc import Sequence

import sqlalchemy as sa

from export_assets.sources.mysql_catalog import text
from export_assets.sources.sqlalchemy_session import Session

TRANSACTIONAL = frozenset({"innodb"})
"""Engines that keep to the snapshot of a transaction."""

_SETTLING_SECONDS = 0.05
_POSITION = sa.text("""
show global status where variable_name in
('Innodb_lsn_current', 'Innodb_redo_log_current_lsn')
""")
_SERVER = sa.text("select @@hostname, @@port, @@version, @@datadir, @@server_id")
_IDENTITY = sa.text("show variables where variable_name in ('server_uuid', 'server_uid')")
_FOREIGN = sa.text("""
select count(*) from information_schema.tables where table_type in
('BASE TABLE', 'SYSTEM VERSIONED') and lower(engine) <> 'innodb' and table_schema not in
('mysql', 'information_schema', 'performance_schema', 'sys')
""")
# Views and functions lie outside InnoDB in MariaDB.
_VIEWS = sa.text("""
select table_schema, table_name, view_definition from information_schema.views
where table_schema not in ('mysql', 'information_schema', 'performance_schema', 'sys')
order by 1, 2
""")
_ROUTINES = sa.text("""
select routine_schema, routine_name, last_altered from information_schema.routines
where routine_schema not in ('mysql', 'information_schema', 'performance_schema', 'sys')
order by 1, 2, 3
""")


def stamp(session: Session) -> str:
    """Return the stamp of the server at this moment, before whatever is read next."""
    position = _rows(session, _POSITION)
    if not position or int(text(session.rows(_FOREIGN)[0][0])):
        return _new()
    views = _rows(session, _VIEWS)
    if any(not definition for *_, definition in views):
        return _new()  # which the user may not see
    # Between its last log record and its rows being seen, a transaction takes a moment.
    time.sleep(_SETTLING_SECONDS)
    if _rows(session, _POSITION) != position:
        return _new()
    parts = [position, views, *(_rows(session, one) for one in (_ROUTINES, _SERVER, _IDENTITY))]
    return f"mysql:{hashlib.sha256(repr(parts).encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _rows(session: Session, statement: sa.TextClause) -> Sequence[list[str]]:
    return [[text(value) for value in row] for row in session.rows(statement)]


def _new() -> str:
    return f"mysql:{uuid.uuid4().hex}"
