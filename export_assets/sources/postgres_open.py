"""Taking one moment of a PostgreSQL database: locks first, then the snapshot, then the catalog.

A snapshot alone does not protect from TRUNCATE, DROP and rewrites, which do not wait for readers
that hold no lock. So every table that may be read is locked in the weakest mode before the
snapshot is taken, and what cannot be locked (materialised views) is compared with its files then.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from export_assets.errors import ExportError, SourceBusy, SourceError, SourceMissing, UsageError
from export_assets.sources.postgres_catalog import (
    CatalogTable,
    Schemas,
    find_relations,
    find_schemas,
    read_catalog,
)
from export_assets.sources.postgres_session import Session
from export_assets.sources.postgres_typebook import TypeBook
from export_assets.sources.sql import quote, select, table_relation

OLDEST = 13_00_00
BEGIN = "begin isolation level repeatable read read only"
_ATTEMPTS = 5
_REPLAYED = "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()::text end"
# Every commit that wrote anything moves the snapshot's text. It does not move when a crash empties
# unlogged tables (the start or the checkpoint after it does), nor with another server's tables.
_STAMP = """
select concat_ws(' ', (select oid from pg_database where datname = current_database()),
pg_current_snapshot(), case when exists (select from pg_foreign_table) then clock_timestamp() end),
clock_timestamp()
"""
# Which server it is, and since when its rows may differ without a commit.
_MAY_IDENTIFY = """
select has_function_privilege('pg_control_system()', 'execute')
and has_function_privilege('pg_control_checkpoint()', 'execute')
"""
_IDENTITY = """
select concat_ws(' ', (select system_identifier from pg_control_system()), c.timeline_id,
case when exists (select from pg_class where relpersistence = 'u') then c.checkpoint_lsn end)
from pg_control_checkpoint() c
"""
_START = "select pg_postmaster_start_time()::text"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What was true when the snapshot was taken."""

    stamp: str
    taken_at: datetime
    schemas: Schemas
    catalog: dict[str, CatalogTable]
    types: TypeBook
    closed: Mapping[str, ExportError]
    """Why single tables cannot be read, by name."""


def fingerprint(session: Session, name: str, schemas: Sequence[str]) -> str:
    """Return the stamp of the database now; see `Source.fingerprint`."""
    _server_version(session, name)
    return _stamp(session, schemas, _state(session))[0]


def take_moment(session: Session, name: str, schemas: Sequence[str]) -> Moment:
    """Lock what may be read and take the snapshot, in a transaction that *session* then holds.

    Raises:
        SourceBusy: Tables are changed faster than they can be locked.
        UsageError: The server is too old, or a schema does not exist.
    """
    version = _server_version(session, name)
    chosen = find_schemas(session, name, schemas)
    session.search(chosen.path)
    for _ in range(_ATTEMPTS):
        found = find_relations(session, chosen)
        state = _state(session)
        session.run(BEGIN)
        closed = _lock(session, name, found)
        stamp, taken_at = _stamp(session, schemas, state)
        types = TypeBook(version)
        catalog = read_catalog(session, chosen, types)
        closed |= _hold_materialised(session, name, catalog)
        if _same_tables(found, catalog) and _same_files(session, catalog):
            return Moment(
                stamp=stamp,
                taken_at=taken_at,
                schemas=chosen,
                catalog=catalog,
                types=types,
                closed=closed,
            )
        session.run("rollback")
    msg = f"{name}: tables come and go faster than they can be locked"
    raise SourceBusy(msg)


def _server_version(session: Session, name: str) -> int:
    [(version, shown)] = session.rows(
        "select current_setting('server_version_num')::int8, current_setting('server_version')"
    )
    if version < OLDEST:
        msg = f"{name}: PostgreSQL {shown} is too old; version 13 or later is needed"
        raise UsageError(msg)
    return int(version)


def _state(session: Session) -> tuple[str, ...]:
    """Return which server this is and how far it has replayed another one's log.

    Asked before the snapshot is taken, which then is at least as new.
    """
    [(allowed,)] = session.rows(_MAY_IDENTIFY)
    [(identity,)] = session.rows(_IDENTITY if allowed else _START)
    [(replayed,)] = session.rows(_REPLAYED)
    return identity, replayed or ""


def _stamp(
    session: Session, schemas: Sequence[str], state: tuple[str, ...]
) -> tuple[str, datetime]:
    [(text, taken_at)] = session.rows(_STAMP)
    whole = "\n".join((text, *state, *schemas)).encode("utf-8", "surrogatepass")
    return f"postgres:{hashlib.sha256(whole).hexdigest()[:32]}", taken_at.astimezone(UTC)


def _lock(session: Session, name: str, found: Mapping[str, CatalogTable]) -> dict[str, ExportError]:
    """Lock every table of *found*; return why those that could not be locked cannot be read.

    All are locked by one statement, which waits no longer than the busy timeout as a whole. Only
    where that fails they are tried one by one, without waiting.
    """
    closed: dict[str, ExportError] = {
        table: SourceMissing(f"{name}: {table}: permission denied")
        for table, one in found.items()
        if not one.readable
    }
    wanted = {
        table: f"{quote(one.schema)}.{quote(one.table)}"
        for table, one in found.items()
        if one.readable and one.kind in "rpv"
    }
    if not wanted or _refusal(session, name, "", _lock_statement(wanted.values())) is None:
        return closed
    for table, place in wanted.items():
        error = _refusal(session, name, table, _lock_statement([place]) + " nowait")
        if error is not None and found[table].kind != "v":
            closed[table] = error
    return closed


def _lock_statement(places: Iterable[str]) -> str:
    return f"lock table {', '.join(places)} in access share mode"


def _refusal(session: Session, name: str, table: str, statement: str) -> ExportError | None:
    """Run *statement*; return why that is not possible, the transaction unharmed."""
    try:
        with session.undone():
            session.rows(statement, subject=table)
    except (SourceError, UsageError) as error:
        if isinstance(error, SourceBusy):
            fact = "locked by another session for longer than the busy timeout"
            return SourceBusy(f"{name}: {table}: {fact}")
        return error
    return None


def _hold_materialised(
    session: Session, name: str, catalog: Mapping[str, CatalogTable]
) -> dict[str, ExportError]:
    """Lock materialised views, which LOCK TABLE does not take, by naming them in a statement."""
    closed: dict[str, ExportError] = {}
    for table, one in catalog.items():
        if one.kind == "m" and one.readable:
            probe = select(table_relation(one.schema, one.table), ["1"], limit="limit 0")
            error = _refusal(session, name, table, probe)
            if error is not None:
                closed[table] = error
    return closed


def _same_tables(found: Mapping[str, CatalogTable], catalog: Mapping[str, CatalogTable]) -> bool:
    """Whether the snapshot shows the tables that were locked."""
    before = {(table, one.oid, one.kind) for table, one in found.items()}
    return before == {(table, one.oid, one.kind) for table, one in catalog.items()}


def _same_files(session: Session, catalog: Mapping[str, CatalogTable]) -> bool:
    """Whether the rows lie where the snapshot has them: a rewrite after it leaves them behind."""
    held = {one.oid: one.file for one in catalog.values() if one.kind in "rm" and one.readable}
    oids = "{" + ",".join(map(str, held)) + "}"
    now = session.rows(
        "select o::int8, pg_relation_filenode(o)::int8 from unnest($1::text::oid[]) o", [oids]
    )
    return all(file == held[oid] for oid, file in now)
