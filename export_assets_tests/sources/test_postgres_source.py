"""PostgreSQL as a source: what it finds, what its stamp sees, how it reads, how it fails."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from export_assets.errors import (
    ExportError,
    RemoteTransient,
    SourceBusy,
    SourceCorrupt,
    SourceMissing,
    UsageError,
)
from export_assets.sources.base import AtLeast, KeySet, Scan, Snapshot
from export_assets.tables.conform import conform
from export_assets.tables.partitions import Window
from export_assets.tables.schema import ForeignKey, LogicalType
from export_assets_tests.postgres_server import (
    PASSWORD,
    Database,
    PostgresServer,
    postgres,
    postgres_server,
    temporary_database,
)

__all__ = ["postgres", "postgres_server"]  # fixtures

HOSTILE = ("'; drop table odd; --", "\\'; select 1", "$$x$$", 'a"b', "%s ? $1", "ü☃ \\x41", "E'\\n")


def read(snapshot: Snapshot, table: str, **options: Any) -> list[tuple[Any, ...]]:
    schema = snapshot.describe(table)
    zone = options.get("assume_timezone", "UTC")
    frames = snapshot.scan(Scan(table=table, schema=schema, **options))
    return [row for frame in frames for row in conform(frame, schema, assume_timezone=zone).rows()]


# --- what there is ---


@pytest.fixture(scope="module")
def catalogue(postgres_server: PostgresServer) -> Iterator[Database]:
    with temporary_database(postgres_server) as database:
        database.run(
            "create table customers (id int generated always as identity primary key, name text)",
            "create table orders (region text, id int, customer int references customers(id),"
            " total numeric(10,2) not null, doubled numeric generated always as (total * 2) stored,"
            " primary key (region, id))",
            "comment on table orders is 'What was bought'",
            "comment on column orders.total is 'In euros'",
            "create table events (at timestamptz not null, n int) partition by range (at)",
            "create table events_2024 partition of events"
            " for values from ('2024-01-01') to ('2025-01-01')",
            "create table events_2025 partition of events"
            " for values from ('2025-01-01') to ('2026-01-01')",
            "insert into events select '2024-12-30Z'::timestamptz + i * interval '1 day', i"
            " from generate_series(1, 4) i",
            "create view cheap as select id, total from orders where total < 5",
            "create materialized view counted as select count(*) n from events",
            "create schema app",
            'create table app."Odd; ""name"" from" ("select" int, "ü b" text, "q""uote" int)',
            'insert into app."Odd; ""name"" from" values (1, \'x\', 2)',
            "create table app.orders (id int)",
            "alter table app.orders add foreign key (id) references customers(id)",
            "create table empty ()",
        )
        yield database


def test_tables_of_the_default_schema_are_found_by_bare_names(catalogue: Database) -> None:
    with catalogue.source().snapshot() as snapshot:
        found = snapshot.tables()

    assert list(found) == ["customers", "orders", "events", "empty", "cheap", "counted"]


def test_tables_of_other_schemas_carry_their_schema(catalogue: Database) -> None:
    with catalogue.source(schemas=("app", "public")).snapshot() as snapshot:
        found = snapshot.tables()
        rows = read(snapshot, 'app.Odd; "name" from')
        names = snapshot.describe('app.Odd; "name" from').names
        keys = snapshot.describe("app.orders").foreign_keys

    assert list(found)[:2] == ['app.Odd; "name" from', "app.orders"]
    assert "orders" in found
    assert rows == [(1, "x", 2)]
    assert names == ("select", "ü b", 'q"uote')
    assert keys == (ForeignKey(columns=("id",), ref_table="customers", ref_columns=("id",)),)


def test_tables_that_look_the_same_by_name_are_told_apart(postgres: Database) -> None:
    postgres.run(
        "create schema app",
        "create table app.orders as select 1 as n",
        'create table "app.orders" as select 2 as n',
    )

    with postgres.source(schemas=("app", "public")).snapshot() as snapshot:
        found = {table: read(snapshot, table) for table in snapshot.tables()}

    assert found == {"app.orders": [(2,)], '"app"."orders"': [(1,)]}


def test_a_schema_that_does_not_exist_is_named_with_the_nearest(catalogue: Database) -> None:
    source = catalogue.source(schemas=("publik",))

    with (
        pytest.raises(
            UsageError, match=r"shop: source has no schema publik, did you mean public\?"
        ),
        source.snapshot(),
    ):
        pass


def test_keys_comments_and_generated_columns_are_described(catalogue: Database) -> None:
    with catalogue.source().snapshot() as snapshot:
        schema = snapshot.describe("orders")

    assert schema.primary_key == ("region", "id")
    assert schema.description == "What was bought"
    assert schema.column("total").description == "In euros"
    assert schema.column("doubled").description == "(generated)"
    assert [one.nullable for one in schema.columns] == [False, False, True, False, True]


def test_a_partitioned_table_is_one_table(catalogue: Database) -> None:
    with catalogue.source().snapshot() as snapshot:
        rows = read(snapshot, "events", time_column="at")
        facts = snapshot.facts("events", "at", "UTC")

    assert [row[1] for row in rows] == [1, 2, 3, 4]
    assert (facts.first, facts.last) == (rows[0][0], rows[-1][0])
    assert (facts.bytes_estimated or 0) > 8192


def test_views_and_materialised_views_are_tables(catalogue: Database) -> None:
    with catalogue.source().snapshot() as snapshot:
        assert read(snapshot, "counted") == [(4,)]
        assert read(snapshot, "cheap") == []


def test_a_table_without_columns_fails_alone(catalogue: Database) -> None:
    with catalogue.source().snapshot() as snapshot:
        with pytest.raises(UsageError, match="empty: has no columns"):
            snapshot.describe("empty")
        assert snapshot.count("events") == 4


def test_a_table_without_rights_fails_alone(postgres: Database) -> None:
    postgres.run(
        "create table open (id int)",
        "create table secret (id int)",
        "create schema hidden",
        "create table hidden.deep (id int)",
        "grant select on open to reader",
        "grant select on hidden.deep to reader",
    )
    url = postgres.server.url(postgres.name, user="reader")

    with postgres.source(url, schemas=("public", "hidden")).snapshot() as snapshot:
        found = snapshot.tables()
        assert read(snapshot, "open") == []
        for table in ("secret", "hidden.deep"):
            with pytest.raises(SourceMissing, match=f"shop: {table}: permission denied"):
                snapshot.describe(table)

    assert set(found) == {"open", "secret", "hidden.deep"}


def test_a_role_that_may_use_no_schema_is_told(postgres: Database) -> None:
    postgres.run("create table t (id int)", "revoke usage on schema public from public")
    url = postgres.server.url(postgres.name, user="reader")

    with (
        pytest.raises(SourceMissing, match="the role may use no schema"),
        postgres.source(url).snapshot(),
    ):
        pass


def test_rows_that_a_policy_hides_make_the_table_fail(postgres: Database) -> None:
    postgres.run(
        "create table mine (owner text)",
        "insert into mine values ('reader'), ('other')",
        "alter table mine enable row level security",
        "create policy own on mine using (owner = current_user)",
        "grant select on mine to reader",
    )
    url = postgres.server.url(postgres.name, user="reader")

    with (
        postgres.source(url).snapshot() as snapshot,
        pytest.raises(SourceMissing, match=r"mine: .*row-level security"),
    ):
        read(snapshot, "mine")


# --- the stamp ---

CHANGES = {
    "insert": "insert into t values (9)",
    "update": "update t set id = id + 1",
    "delete": "delete from t where id = 1",
    "truncate": "truncate t",
    "truncate of an unlogged table": "truncate u",
    "insert into an unlogged table": "insert into u values (9)",
    "new column": "alter table t add column extra int default 7",
    "new table": "create table t2 (id int)",
    "dropped table": "drop table u",
    "renamed table": "alter table t rename to t3",
    "refreshed view": "refresh materialized view m",
    "changed view": "create or replace view v as select 2 as one",
    "new value of an enum": "alter type mood add value 'new'",
    "copy": "copy t from program 'echo 5'",
    "vacuum full": "vacuum full t",
}


@pytest.fixture(scope="module")
def stamped(postgres_server: PostgresServer) -> Iterator[Database]:
    with temporary_database(postgres_server) as database:
        database.run(
            "create table t (id int)",
            "create unlogged table u (id int)",
            "insert into t values (1)",
            "insert into u values (1)",
            "create view v as select 1 as one",
            "create materialized view m as select * from t",
            "create type mood as enum ('ok')",
        )
        yield database


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_moves_the_stamp(postgres: Database, change: str) -> None:
    postgres.run(
        "create table t (id int)",
        "create unlogged table u (id int)",
        "insert into t values (1)",
        "insert into u values (1)",
        "create view v as select 1 as one",
        "create materialized view m as select * from t",
        "create type mood as enum ('ok')",
    )
    source = postgres.source()
    before = source.fingerprint()

    postgres.run(change)

    assert source.fingerprint() != before


def test_reading_leaves_the_stamp_as_it_is(stamped: Database) -> None:
    source = stamped.source()
    before = source.fingerprint()

    with source.snapshot() as snapshot:
        inside = snapshot.info.id
        assert read(snapshot, "t") == [(1,)]
        snapshot.facts("t", None, "UTC")
        snapshot.profile("t", snapshot.describe("t"), assume_timezone="UTC")
    stamped.rows("select count(*) from t")

    assert before == inside == source.fingerprint()


def test_an_open_transaction_moves_the_stamp_when_it_commits(stamped: Database) -> None:
    source = stamped.source()
    with stamped.connect(autocommit=False) as early, stamped.connect(autocommit=False) as late:
        early.execute("insert into t values (2)")
        late.execute("insert into t values (3)")
        stamps = [source.fingerprint()]
        for connection in (late, early):
            connection.commit()
            stamps.append(source.fingerprint())

    assert len(set(stamps)) == 3


def test_a_role_that_may_not_ask_which_server_it_is_has_a_stamp(postgres: Database) -> None:
    postgres.run(
        "create table t (id int)",
        "revoke execute on function pg_control_system() from public",
    )
    source = postgres.source(postgres.server.url(postgres.name, user="reader"))
    before = source.fingerprint()

    with source.snapshot() as snapshot:
        assert snapshot.info.id == before
    postgres.run("insert into t values (1)")

    assert source.fingerprint() != before


def test_the_stamp_tells_databases_and_schemas_apart(stamped: Database, postgres: Database) -> None:
    stamps = {
        stamped.source().fingerprint(),
        stamped.source(schemas=("public",)).fingerprint(),
        postgres.source().fingerprint(),
    }

    assert len(stamps) == 3


def test_a_snapshot_keeps_to_its_moment(postgres: Database) -> None:
    postgres.run("create table t (id int)", "insert into t values (1)")

    with postgres.source().snapshot() as snapshot:
        postgres.run("insert into t values (2)", "create table later (id int)")
        rows, tables = read(snapshot, "t"), snapshot.tables()
        counted = snapshot.count("t")

    assert rows == [(1,)]
    assert counted == 1
    assert list(tables) == ["t"]


# --- filters ---


@pytest.fixture(scope="module")
def odd(postgres_server: PostgresServer) -> Iterator[Snapshot]:
    with temporary_database(postgres_server) as database:
        database.run(
            "create type mood as enum ('sad', 'it''s')",
            "create table odd (id int primary key, note text, at timestamptz, wall timestamp,"
            " amount numeric, doc json, padded char(5), data bytea, mood mood, day date,"
            " ratio real, flag boolean)",
        )
        with database.connect() as connection:
            for number, note in enumerate(HOSTILE):
                connection.execute(
                    "insert into odd values (%s, %s, '2024-01-01 10:00Z'::timestamptz"
                    " + %s * interval '1 day', '2024-07-01 10:00', 1.50, '{\"a\": 1}', 'ab',"
                    " '\\x00ff', 'it''s', '2024-01-01', 0.1, true)",
                    (number, note, number),
                )
            connection.execute("insert into odd (id) values (99)")
        with database.source().snapshot() as snapshot:
            yield snapshot


@pytest.mark.parametrize("note", HOSTILE)
def test_a_filter_finds_hostile_text(odd: Snapshot, note: str) -> None:
    rows = read(odd, "odd", where={"note": note})

    assert [row[1] for row in rows] == [note]


@pytest.mark.parametrize(
    ("column", "value", "count"),
    [
        ("at", datetime(2024, 1, 1, 10, tzinfo=UTC), 1),
        ("at", "2024-01-01T10:00:00+00:00", 1),
        ("at", datetime(2024, 1, 1, 12, tzinfo=UTC), 0),
        ("amount", "1.5", len(HOSTILE)),
        ("amount", Decimal("1.50"), len(HOSTILE)),
        ("doc", '{"a": 1}', len(HOSTILE)),
        ("doc", '{"a":1}', 0),
        ("padded", "ab", len(HOSTILE)),
        ("padded", "ab   ", len(HOSTILE)),
        ("padded", "abcdefgh", 0),
        ("data", b"\x00\xff", len(HOSTILE)),
        ("mood", "it's", len(HOSTILE)),
        ("day", "2024-01-01", len(HOSTILE)),
        ("ratio", 0.10000000149011612, len(HOSTILE)),
        ("flag", True, len(HOSTILE)),
        ("note", None, 1),
    ],
)
def test_a_filter_compares_as_the_column_does(
    odd: Snapshot, column: str, value: object, count: int
) -> None:
    assert len(read(odd, "odd", where={column: value})) == count


@pytest.mark.parametrize(
    ("column", "value"),
    [("mood", "glad"), ("at", "soon"), ("note", "nul\0"), ("note", "\ud800"), ("amount", "x")],
)
def test_a_filter_value_of_another_type_is_refused_by_the_column(
    odd: Snapshot, column: str, value: str
) -> None:
    with pytest.raises(UsageError, match=rf"odd\.{column}: "):
        read(odd, "odd", where={column: value})


def test_keys_asked_for_are_found_with_and_without_null(odd: Snapshot) -> None:
    keys = KeySet(
        columns=("id", "note"),
        values=((0, HOSTILE[0]), (1, "other"), (2, HOSTILE[2]), (99, None), (98, None)),
    )
    scan = Scan(table="odd", schema=odd.describe("odd"), among=keys)

    rows = read(odd, "odd", among=keys, order_by=("id",))

    assert [row[0] for row in rows] == [0, 2, 99]
    assert odd.count_scan(scan) == 3
    assert read(odd, "odd", among=KeySet(columns=("id",), values=())) == []


@pytest.mark.parametrize(("start", "count"), [(-(2**70), 8), (3, 5), (99, 1), (2**70, 0)])
def test_a_start_leaves_out_what_is_below(odd: Snapshot, start: int, count: int) -> None:
    rows = read(odd, "odd", at_least=AtLeast(column="id", value=start))

    assert len(rows) == count
    assert len(read(odd, "odd", at_least=AtLeast(column="amount", value=10**6))) == 8


def test_many_keys_are_asked_for_at_once(odd: Snapshot) -> None:
    keys = KeySet(columns=("id",), values=tuple((number,) for number in range(3, 20_000)))

    assert len(read(odd, "odd", among=keys)) == len(HOSTILE) - 3 + 1


def test_a_wall_clock_is_compared_in_its_zone(odd: Snapshot) -> None:
    schema = odd.describe("odd").select(("id", "wall"))
    moment = datetime(2024, 7, 1, 8, tzinfo=UTC)
    asked = Scan(table="odd", schema=schema, assume_timezone="Europe/Berlin")
    window = Window(start=moment, end=moment + timedelta(seconds=1))

    by_value = odd.count_scan(replace(asked, where={"wall": moment}))
    by_window = odd.count_scan(replace(asked, time_column="wall", window=window))

    assert by_value == len(HOSTILE)
    assert by_window == len(HOSTILE) + 1


def test_times_beyond_the_calendar_are_never_left_out_by_a_window(postgres: Database) -> None:
    postgres.run(
        "create table t (at timestamptz)",
        "insert into t values ('infinity'), ('0044-03-15 BC'), ('2024-01-01Z'), ('2025-01-01Z')",
    )
    day = Window(start=datetime(2024, 1, 1, tzinfo=UTC), end=datetime(2024, 1, 2, tzinfo=UTC))

    with postgres.source().snapshot() as snapshot:
        schema = snapshot.profile("t", snapshot.describe("t"), assume_timezone="UTC")
        column = snapshot.describe("t")
        counted = snapshot.count_scan(Scan(table="t", schema=column, time_column="at", window=day))

    assert schema.column("at").logical is LogicalType.TEXT
    assert schema.column("at").fidelity.count == 2
    assert counted == 3


# --- views ---


def test_views_may_name_each_other_in_any_order(odd: Snapshot) -> None:
    odd.define(
        {
            "second": "select n + 1 as n from first;",
            "first": "select count(*)::numeric(12,3) as n from odd -- all",
            "third": "with x as (select id, mood from odd) select * from x",
        }
    )

    assert read(odd, "second") == [(str(Decimal("9.000")),)]
    assert odd.describe("first").column("n").precision == 12
    assert odd.describe("third").column("mood").declared == "mood"


@pytest.mark.parametrize(
    "statement",
    [
        "delete from odd",
        "with gone as (delete from odd returning id) select * from gone",
        "select 1 as a, 2 as a",
        "select 1; select 2",
        "select 1) as x union all (select 2",
        "select nothing from odd",
        "select * from nowhere",
        "",
    ],
)
def test_a_view_that_is_no_select_is_refused(odd: Snapshot, statement: str) -> None:
    with pytest.raises(UsageError, match="shop: view broken: "):
        odd.define({"broken": statement})

    assert odd.count("odd") == len(HOSTILE) + 1


def test_a_view_that_fails_while_it_is_read_leaves_the_snapshot_usable(odd: Snapshot) -> None:
    odd.define({"divided": "select 1 / (id - 99) as x from odd"})

    with pytest.raises(UsageError, match="divided: division by zero"):
        read(odd, "divided")
    with pytest.raises(UsageError, match="divided: division by zero"):
        odd.count_scan(Scan(table="divided", schema=odd.describe("divided"), where={"x": 1}))

    assert odd.count("odd") == len(HOSTILE) + 1


# --- failures ---

ADDRESSES: dict[str, tuple[Callable[[Database], str], type[ExportError], str]] = {
    "wrong password": (
        lambda database: database.server.url(database.name, user="guarded", password="k4n4ry-no"),
        SourceMissing,
        "refused user or password",
    ),
    "no password": (
        lambda database: database.server.url(database.name, user="guarded"),
        SourceMissing,
        "asks for a password",
    ),
    "unknown database": (
        lambda database: database.server.url("nowhere", user="guarded", password=PASSWORD),
        SourceMissing,
        'database "nowhere" does not exist',
    ),
    "unknown role": (
        lambda database: database.server.url(database.name, user="nobody", password="k4n4ry"),
        SourceMissing,
        'role "nobody" does not exist',
    ),
    "nobody listens": (
        lambda _: "postgresql://u:k4n4ry@127.0.0.1:1/db",
        RemoteTransient,
        "nobody answers",
    ),
    "no socket": (
        lambda _: "postgresql://u:k4n4ry@/db?host=/nowhere",
        RemoteTransient,
        "no server listens",
    ),
    "no such host": (
        lambda _: "postgresql+psycopg://u:k4n4ry@nowhere.invalid/db",
        SourceMissing,
        "no such host",
    ),
    "no such port": (lambda _: "postgres://u:k4n4ry@h:99999/db", UsageError, "port is no number"),
    "unknown parameter": (
        lambda _: "postgresql://u:k4n4ry@h/db?nonsense=1",
        UsageError,
        "parameter that libpq does not know",
    ),
}


@pytest.mark.parametrize("case", ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_that_does_not_work_is_told_without_its_password(
    postgres: Database, case: tuple[Callable[[Database], str], type[ExportError], str]
) -> None:
    url, kind, fact = case
    source = postgres.source(url(postgres))

    with pytest.raises(kind, match=fact) as told:
        source.fingerprint()

    assert "k4n4ry" not in str(told.value) + repr(told.value) + repr(source)
    error: BaseException | None = told.value
    while error is not None:
        assert "k4n4ry" not in str(error)
        error = error.__cause__


@pytest.mark.parametrize(
    "scheme", ["postgresql", "postgres", "postgresql+psycopg2", "postgresql+asyncpg"]
)
def test_every_spelling_of_the_address_works_with_an_odd_password(
    postgres: Database, scheme: str
) -> None:
    for password in (PASSWORD, psycopg_quoted(PASSWORD)):
        url = f"{scheme}://guarded:{password}@/{postgres.name}?host={postgres.server.directory}"

        assert postgres.source(url).fingerprint() == postgres.source().fingerprint()


def psycopg_quoted(password: str) -> str:
    return password.replace("%", "%25").replace("/", "%2F").replace("@", "%40").replace(":", "%3A")


@contextmanager
def held(database: Database, *statements: str) -> Iterator[psycopg.Connection[Any]]:
    with database.connect(autocommit=False) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        yield connection
        connection.rollback()


def test_a_table_locked_by_somebody_fails_alone_and_by_name(postgres: Database) -> None:
    postgres.run("create table calm (id int)", "create table held (id int)")
    source = postgres.source(busy_timeout=0.2)

    with (
        held(postgres, "lock table held in access exclusive mode"),
        source.snapshot() as snapshot,
    ):
        assert snapshot.count("calm") == 0
        with pytest.raises(SourceBusy, match="shop: held: locked by another session"):
            snapshot.describe("held")


def test_a_materialised_view_being_refreshed_fails_alone(postgres: Database) -> None:
    postgres.run("create table t (id int)", "create materialized view m as select * from t")
    source = postgres.source(busy_timeout=0.2)

    with held(postgres, "refresh materialized view m"), source.snapshot() as snapshot:
        assert snapshot.count("t") == 0
        with pytest.raises(SourceBusy, match="shop: m: locked by another session"):
            snapshot.describe("m")


def test_a_materialised_view_that_was_never_filled_fails_alone(postgres: Database) -> None:
    postgres.run(
        "create table t (id int)", "create materialized view m as select * from t with no data"
    )

    with postgres.source().snapshot() as snapshot:
        with pytest.raises(SourceMissing, match=r'^shop: m: .*"m" has not been populated$'):
            snapshot.describe("m")
        rows = read(snapshot, "t")

    assert rows == []


@pytest.mark.parametrize("where", ["environment", "address", "database"])
def test_names_are_read_whatever_encoding_a_client_has_otherwise(
    postgres: Database, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    postgres.run('create table t ("ключ" int, "é" text)', "insert into t values (1, 'ё')")
    url = postgres.url
    if where == "environment":
        monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    elif where == "address":
        url += "&options=-c%20client_encoding%3DLATIN1&client_encoding=LATIN1"
    else:
        postgres.run(f"alter database {postgres.name} set client_encoding = 'LATIN1'")

    with postgres.source(url).snapshot() as snapshot:
        found = read(snapshot, "t")
        names = snapshot.columns("t")

    assert found == [(1, "ё")]
    assert list(names) == ["ключ", "é"]


def test_whoever_wants_to_change_a_table_waits_until_it_is_read(postgres: Database) -> None:
    postgres.run("create table t (id int)", "insert into t values (1)")

    with postgres.source().snapshot() as snapshot, postgres.connect() as connection:
        connection.execute("set lock_timeout = '50ms'")
        for change in ("truncate t", "drop table t", "alter table t add column x int"):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                connection.execute(change.encode())
        connection.execute("insert into t values (2)")
        assert read(snapshot, "t") == [(1,)]

    postgres.run("drop table t")


def test_a_server_with_a_timeout_of_its_own_is_told_as_busy(postgres: Database) -> None:
    url = f"{postgres.url}&options=-c%20statement_timeout%3D100ms"
    postgres.run("create view slow as select pg_sleep(5)::text as x")

    with (
        postgres.source(url).snapshot() as snapshot,
        pytest.raises(SourceBusy, match="slow: the server cancelled a statement"),
    ):
        read(snapshot, "slow")


def test_the_servers_own_timeout_does_not_end_a_long_read(postgres: Database) -> None:
    postgres.run(
        f"alter database {postgres.name} set statement_timeout = '50ms'",
        "create view slow as select pg_sleep(0.2)::text as x",
    )

    with postgres.source().snapshot() as snapshot:
        assert read(snapshot, "slow") == [("",)]


def test_nothing_is_written_to_the_database(postgres: Database) -> None:
    postgres.run("create table t (id int primary key)", "insert into t values (1)")
    # Whatever writes, be it a temporary table, takes the next number of a transaction.
    written = "select pg_snapshot_xmax(pg_current_snapshot())::text"
    before = postgres.rows(written)

    with postgres.source().snapshot() as snapshot:
        read(snapshot, "t")
        snapshot.define({"v": "select * from t"})
        read(snapshot, "v")

    assert postgres.rows(written) == before
    here = f"datname = '{postgres.name}' and pid <> pg_backend_pid()"
    connected = f"select count(*) from pg_stat_activity where {here}"
    deadline = time.monotonic() + 5  # the server notices a moment later
    while postgres.rows(connected) != [(0,)]:
        assert time.monotonic() < deadline


def test_text_that_is_none_is_told_in_a_database_without_an_encoding(
    postgres_server: PostgresServer,
) -> None:
    with postgres_server.create_plain_database() as database:
        database.run("create table t (note text)", "insert into t values ('plain')")
        with database.source().snapshot() as snapshot:
            assert read(snapshot, "t") == [("plain",)]
        database.run("set client_encoding = 'SQL_ASCII'; insert into t values (E'\\xff')")

        with (
            database.source().snapshot() as snapshot,
            pytest.raises(SourceCorrupt, match="shop: t: holds text that is not UTF-8"),
        ):
            read(snapshot, "t")


def test_without_the_driver_the_extra_is_named() -> None:
    script = """
import sys
from pathlib import Path
from export_assets.config.urls import parse_url
from export_assets.errors import UsageError
from export_assets.sources.registry import open_source
sys.modules["adbc_driver_postgresql"] = None
for _ in range(2):
    try:
        open_source("shop", parse_url("postgresql://h/db", base=Path("/")))
    except UsageError as error:
        print(error)
"""

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.stdout.count("pip install export-assets[postgres]") == 2, done.stderr
