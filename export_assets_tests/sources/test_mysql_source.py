"""One moment of a real MariaDB server: what is seen, what is refused, what is said of it."""

import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pymysql
import pytest

from export_assets.errors import (
    ExportError,
    RemotePermanent,
    RemoteTransient,
    SourceBusy,
    SourceChanged,
    SourceCorrupt,
    SourceError,
    SourceMissing,
    UsageError,
)
from export_assets.sources.base import KeySet, Scan, Snapshot
from export_assets.sources.mysql import MySqlSource
from export_assets.sources.mysql_errors import translate
from export_assets.tables.conform import conform
from export_assets.tables.partitions import Window
from export_assets.tables.schema import ForeignKey, LogicalType
from export_assets_tests.mariadb_server import MariaDb, mariadb

__all__ = ["mariadb"]  # a fixture

ROWS = 60_000
SHOP = (
    "create table customers (id int primary key, name varchar(20), born date) comment='people'",
    "insert into customers values (1, 'Ann', '2000-01-01'), (2, 'ANN', null), (3, null, null)",
    """create table orders (id int, part int, customer int comment 'who', at datetime(3),
    seen timestamp null, total decimal(8,2), primary key (id, part),
    foreign key (customer) references customers (id))""",
    """insert into orders values
    (1, 1, 1, '2026-02-08 10:00:00', '2026-02-08 10:00:00', 1.50),
    (1, 2, 2, '2026-02-09 10:00:00', '2026-02-09 10:00:00', 2.50),
    (2, 1, null, null, null, null)""",
    "create table big (id int, filler text)",
    f"insert into big select seq, repeat('x', 300) from seq_1_to_{ROWS}",
)


@pytest.fixture(scope="module")
def shop(mariadb: MariaDb) -> Iterator[str]:
    with mariadb.database(*SHOP, name="shop") as url:
        yield url


def source(url: str, *, busy_timeout: float = 1.0, **how: Any) -> MySqlSource:
    return MySqlSource("shop", url, busy_timeout=busy_timeout, **how)


def read(snapshot: Snapshot, table: str, *, zone: str = "UTC", **scan: Any) -> list[Any]:
    schema = snapshot.describe(table)
    wanted = replace(Scan(table=table, schema=schema, assume_timezone=zone), **scan)
    return [
        row
        for frame in snapshot.scan(wanted)
        for row in conform(frame, schema, assume_timezone=zone).rows()
    ]


def ids(rows: list[Any]) -> list[tuple[int, int]]:
    return [row[:2] for row in rows]


def test_describes_keys_comments_and_sizes(shop: str) -> None:
    with source(shop).snapshot() as snapshot:
        schema = snapshot.describe("orders")
        facts = snapshot.facts("orders", "at", "UTC")

        assert list(snapshot.tables()) == ["big", "customers", "orders"]
        assert schema.primary_key == ("id", "part")
        assert schema.foreign_keys == (
            ForeignKey(columns=("customer",), ref_table="customers", ref_columns=("id",)),
        )
        assert schema.column("customer").description == "who"
        assert snapshot.describe("customers").description == "people"
        assert (facts.rows, facts.bytes_estimated) == (3, 16384)
        assert facts.first == datetime(2026, 2, 8, 10, tzinfo=UTC)
        assert snapshot.info.consistency == snapshot.consistency_of("orders") == "snapshot"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"id": "1", "part": 2}, [(1, 2)]),
        ({"customer": None}, [(2, 1)]),
        ({"total": "1.5"}, [(1, 1)]),
        ({"at": "2026-02-08T10:00:00Z"}, [(1, 1)]),
        ({"at": datetime(2026, 2, 9, 10, tzinfo=UTC)}, [(1, 2)]),
        ({"seen": datetime(2026, 2, 9, 11, tzinfo=UTC) - timedelta(hours=1)}, [(1, 2)]),
        ({"total": Decimal(9)}, []),
    ],
)
def test_filters_are_bound_by_the_type_of_their_column(
    shop: str, where: dict[str, object], expected: list[tuple[int, int]]
) -> None:
    with source(shop).snapshot() as snapshot:
        scan = Scan(table="orders", schema=snapshot.describe("orders"), where=where)

        assert ids(read(snapshot, "orders", where=where)) == expected
        assert snapshot.count_scan(scan) == len(expected)


@pytest.mark.parametrize("value", ["1 or 1=1", "x", 1.5, str(2**63)])
def test_a_filter_the_server_would_twist_is_refused(shop: str, value: object) -> None:
    with (
        source(shop).snapshot() as snapshot,
        pytest.raises(UsageError, match=r"orders\.id: .* is no integer"),
    ):
        read(snapshot, "orders", where={"id": value})


def test_rows_are_asked_for_by_keys(shop: str) -> None:
    pairs = KeySet(columns=("id", "part"), values=((1, 2), (2, 1), (9, 9)))
    one = KeySet(columns=("customer",), values=((1,), (None,)))

    with source(shop).snapshot() as snapshot:
        assert ids(read(snapshot, "orders", among=pairs)) == [(1, 2), (2, 1)]
        assert ids(read(snapshot, "orders", among=one)) == [(1, 1), (2, 1)]
        assert ids(read(snapshot, "orders", among=one, where={"id": 2})) == [(2, 1)]
        assert read(snapshot, "orders", among=KeySet(columns=("id", "part"), values=())) == []


def test_windows_orders_and_cuts_are_made_by_the_server(shop: str) -> None:
    day = Window(start=datetime(2026, 2, 9, tzinfo=UTC), end=datetime(2026, 2, 10, tzinfo=UTC))

    with source(shop).snapshot() as snapshot:
        for column in ("at", "seen"):
            found = read(snapshot, "orders", time_column=column, window=day)
            assert ids(found) == [(2, 1), (1, 2)]  # the row without a time may be anywhere
        assert ids(read(snapshot, "orders", order_by=("total",), limit=1, offset=1)) == [(1, 1)]
        assert ids(read(snapshot, "orders", order_by=("total",), offset=2)) == [(1, 2)]


def test_a_window_keeps_days_that_do_not_exist(mariadb: MariaDb) -> None:
    made = "create table t (id int, at date)"
    rows = "insert into t values (1, '2026-00-10'), (2, '0000-00-00'), (3, '2026-01-01')"
    window = Window(start=datetime(2026, 6, 1, tzinfo=UTC))

    with mariadb.database(made, rows, name="zeros") as url, source(url).snapshot() as snapshot:
        schema = snapshot.describe("t")
        scan = Scan(table="t", schema=schema, time_column="at", window=window)

        assert [row[0] for frame in snapshot.scan(scan) for row in frame.rows()] == [2, 1]
        assert snapshot.profile("t", schema, assume_timezone="UTC").column("at").logical == "text"
        assert snapshot.facts("t", "at", "UTC").first is None


def test_a_scan_left_early_leaves_the_snapshot_usable(shop: str) -> None:
    with source(shop).snapshot() as snapshot:
        scan = snapshot.scan(Scan(table="big", schema=snapshot.describe("big"), batch_rows=100))
        assert next(scan).height >= 100
        scan.close()  # type: ignore[attr-defined]  # it is a generator

        assert snapshot.count("big") == ROWS
        assert len(read(snapshot, "orders")) == 3


def test_a_question_in_the_middle_of_a_scan_loses_no_row(shop: str) -> None:
    with source(shop).snapshot() as snapshot:
        scan = snapshot.scan(Scan(table="big", schema=snapshot.describe("big"), batch_rows=5_000))
        seen = [next(scan)]

        assert snapshot.count("orders") == 3
        seen += list(scan)

        assert sorted(value for frame in seen for value in frame["id"]) == list(range(1, ROWS + 1))


@contextmanager
def writer(server: MariaDb, database: str) -> Iterator[list[int]]:
    """Add one row to each of two tables in one transaction, again and again."""
    done: list[int] = []
    over = threading.Event()

    def write() -> None:
        with closing(server.connect(database)) as connection, connection.cursor() as cursor:
            while not over.is_set():
                cursor.execute("begin")
                cursor.execute("insert into a values (null)")
                cursor.execute("insert into b values (null)")
                cursor.execute("commit")
                done.append(1)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()


def test_two_tables_are_of_one_moment_whoever_writes(mariadb: MariaDb) -> None:
    made = [f"create table {name} (id int primary key auto_increment)" for name in "ab"]
    torn = []

    with mariadb.database(*made, name="pairs") as url, writer(mariadb, "pairs") as written:
        for _ in range(8):
            with source(url).snapshot() as snapshot:
                before = len(read(snapshot, "a"))
                committed = len(written)
                time.sleep(0.02)
                torn.append(len(read(snapshot, "b")) - before)
                meanwhile = len(written) - committed

    assert torn == [0] * 8
    assert meanwhile > 0  # there was something to tear


def test_tables_of_an_engine_without_snapshots_are_told_apart(mariadb: MariaDb) -> None:
    made = ("create table good (id int)", "create table bad (id int) engine=MyISAM")

    with (
        mariadb.database(*made, "create view v as select * from bad", name="mixed") as url,
        source(url).snapshot() as snapshot,
    ):
        found = {name: snapshot.consistency_of(name) for name in snapshot.tables()}

    assert found == {"good": "snapshot", "bad": "none", "v": "best-effort"}


def read_and_check(snapshot: Snapshot, scan: Scan) -> None:
    list(snapshot.scan(scan))
    snapshot.check()


@pytest.mark.parametrize("change", ["add column z int", "modify id bigint", "rename to gone"])
def test_a_table_changed_since_the_moment_is_refused(mariadb: MariaDb, change: str) -> None:
    made = ("create table t (id int)", "insert into t values (1)", "create table other (id int)")

    with mariadb.database(*made, name="changing") as url, source(url).snapshot() as snapshot:
        scan = Scan(table="t", schema=snapshot.describe("t"))
        mariadb.execute("alter table other add column z int", database="changing")
        mariadb.execute(f"alter table t {change}", database="changing")

        with pytest.raises(SourceChanged, match="shop: "):
            read_and_check(snapshot, scan)


def test_a_change_of_a_table_that_was_not_read_is_no_matter(mariadb: MariaDb) -> None:
    made = ("create table t (id int)", "create table other (id int)")

    with mariadb.database(*made, name="changing") as url, source(url).snapshot() as snapshot:
        mariadb.execute("alter table other add column z int", database="changing")

        assert read(snapshot, "t") == []
        snapshot.check()


def test_a_view_is_refused_where_a_table_changed(mariadb: MariaDb) -> None:
    made = ("create table t (id int)", "create view v as select id from t")

    with mariadb.database(*made, name="changing") as url, source(url).snapshot() as snapshot:
        snapshot.define({"w": "select 1 as one"})
        mariadb.execute("alter table t add column z int", database="changing")

        for view in ("v", "w"):
            scan = Scan(table=view, schema=snapshot.describe(view))
            with pytest.raises(SourceChanged, match=f"shop: {view}: columns of t changed"):
                read_and_check(snapshot, scan)


def test_a_table_emptied_since_the_moment_is_not_taken_for_empty(mariadb: MariaDb) -> None:
    made = ("create table t (id int)", "insert into t values (1)")

    with mariadb.database(*made, name="changing") as url, source(url).snapshot() as snapshot:
        mariadb.execute("truncate table t", database="changing")

        with pytest.raises(SourceChanged):
            read(snapshot, "t")


def test_a_locked_table_is_waited_for_no_longer_than_asked(mariadb: MariaDb) -> None:
    with (
        mariadb.database("create table t (id int)", name="locked") as url,
        source(url).snapshot() as snapshot,
        closing(mariadb.connect("locked")) as other,
        other.cursor() as cursor,
    ):
        cursor.execute("lock tables t write")

        with pytest.raises(SourceBusy, match="shop: Lock wait timeout"):
            read(snapshot, "t")


def test_a_killed_connection_is_told_as_lost(mariadb: MariaDb, shop: str) -> None:
    with source(shop).snapshot() as snapshot:
        scan = snapshot.scan(Scan(table="big", schema=snapshot.describe("big"), batch_rows=100))
        next(scan)
        kill_readers(mariadb, "shop")

        with pytest.raises(RemoteTransient, match="shop: ") as lost:
            list(scan)

    assert lost.value.retriable


def kill_readers(server: MariaDb, database: str) -> None:
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select id from information_schema.processlist where db = %s and info like 'select%%'",
            (database,),
        )
        found = cursor.fetchall()
        assert found
        for (number,) in found:
            cursor.execute(f"kill {number}")


def settled(chosen: MySqlSource) -> str:
    """Return the stamp once the server has come to rest."""
    before = chosen.fingerprint()
    for _ in range(100):
        now = chosen.fingerprint()
        if now == before:
            return now
        before = now
    pytest.fail("the stamp never rests")


@pytest.mark.parametrize(
    "change",
    [
        "insert into t values (2)",
        "update t set id = 3",
        "delete from t",
        "truncate table t",
        "alter table t add column z int",
        "create or replace view v as select 2 as two",
    ],
)
def test_the_stamp_moves_with_every_change_and_rests_without(mariadb: MariaDb, change: str) -> None:
    made = ("create table t (id int)", "insert into t values (1)", "create view v as select 1")
    with mariadb.database(*made, name="stamped") as url:
        chosen = source(url)
        before = settled(chosen)

        mariadb.execute("set session sql_log_bin = 0", change, database="stamped")

        assert settled(chosen) != before


def test_the_stamp_never_rests_beside_tables_it_cannot_see(mariadb: MariaDb) -> None:
    made = "create table t (id int) engine=Aria"
    with mariadb.database(made, name="unseen") as url:
        assert source(url).fingerprint() != source(url).fingerprint()


def test_the_right_to_read_is_enough(mariadb: MariaDb) -> None:
    made = ("create table t (id int)", "insert into t values (1)")
    with mariadb.database(*made, name="granted") as url:
        mariadb.execute(
            "create or replace user reader@localhost identified by 'reader'",
            "grant select on granted.* to reader@localhost",
        )
        address = url.replace(url.partition("//")[2].partition("@")[0], "reader:reader")

        assert settled(source(address))
        with source(address).snapshot() as snapshot:
            assert read(snapshot, "t") == [(1,)]
            snapshot.check()
        with pytest.raises(SourceMissing, match="shop: Access denied"):
            source(address.replace("/granted", "/shop")).snapshot().__enter__()


def test_a_view_of_what_is_gone_says_so_and_leaves_the_others(mariadb: MariaDb) -> None:
    made = (
        "create table t (id int)",
        "create table u (id int)",
        "create view v as select * from u",
    )

    with (
        mariadb.database(*made, "drop table u", name="broken") as url,
        source(url).snapshot() as snapshot,
    ):
        assert list(snapshot.tables()) == ["t", "v"]
        assert [list(snapshot.columns(name)) for name in ("t", "v", "w")] == [["id"], [], []]
        with pytest.raises(UsageError, match=r"shop: View 'broken\.v' references invalid"):
            snapshot.describe("v")
        assert read(snapshot, "t") == []


def test_a_column_promised_as_text_is_compared_as_text(shop: str) -> None:
    with source(shop).snapshot() as snapshot:
        schema = snapshot.describe("orders").select(("id", "part", "total"))
        for name in ("id", "total"):
            schema = schema.with_column(replace(schema.column(name), logical=LogicalType.TEXT))
        scan = Scan(table="orders", schema=schema, where={"id": "1", "total": "1.50"})

        assert [frame.rows() for frame in snapshot.scan(scan)] == [[("1", 1, "1.50")]]
        assert snapshot.count_scan(replace(scan, where={"id": "1 or 1"})) == 0


def test_several_databases_of_a_server_are_one_source(mariadb: MariaDb) -> None:
    made = "create table t (id int primary key)"
    child = "create table u (id int references one.t (id), foreign key (id) references one.t (id))"
    with (
        mariadb.database(made, name="one") as url,
        mariadb.database(made, child, name="two"),
        source(url, schemas=("one", "two")).snapshot() as snapshot,
    ):
        assert list(snapshot.tables()) == ["t", "two.t", "two.u"]
        assert snapshot.describe("two.u").foreign_keys[0].ref_table == "t"
        assert read(snapshot, "two.u") == []


def test_a_view_may_be_configured_in_the_servers_own_sql(shop: str) -> None:
    views = {
        "late": 'select id, "a:b %s" as note, at from first where id > 0 -- said %s',
        "first": "select * from orders where customer = 1;",
    }

    with source(shop).snapshot() as snapshot:
        snapshot.define(views)

        assert read(snapshot, "late") == [(1, "a:b %s", datetime(2026, 2, 8, 10, tzinfo=UTC))]
        with pytest.raises(UsageError, match=r"shop: view bad: .*nope"):
            snapshot.define({"bad": "select nope from orders"})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("s3cr%3At", "wr0ng"), SourceMissing),
        (("/shop?", "/nowhere?"), SourceMissing),
        (("/shop?", "/?"), UsageError),
        (("unix_socket=", "unix_socket=/nowhere"), SourceMissing),
        (("unix_socket=", "unix_sokcet="), UsageError),
        (("unix_socket=", "connect_timeout=soon&unix_socket="), UsageError),
        (("localhost/", "localhost:port/"), UsageError),
        (("unix_socket=", "ssl_disabled=maybe&unix_socket="), UsageError),
        (("unix_socket=", "ssl_ca=/nowhere&unix_socket="), UsageError),
        (("unix_socket=", "ssl_verify_cert=true&unix_socket="), RemotePermanent),
    ],
)
def test_an_address_that_does_not_work_is_refused_without_its_password(
    shop: str, change: tuple[str, str], error: type[ExportError]
) -> None:
    chosen = source(shop.replace(*change))

    with pytest.raises(error, match=r"^shop: ") as refused:
        chosen.snapshot().__enter__()

    told = "".join(traceback.format_exception(refused.value)) + repr(chosen)
    for secret in ("s3cr:t", "s3cr%3At", "w@rd", "w%40rd", "wr0ng"):
        assert secret not in told


def test_a_server_that_does_not_answer_may_answer_later() -> None:
    chosen = source("mysql://me:s3cret@127.0.0.1:1/shop")

    with pytest.raises(RemoteTransient, match=r"shop: .*127\.0\.0\.1") as refused:
        chosen.fingerprint()

    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


def test_parameters_of_the_address_are_kept(shop: str) -> None:
    address = shop + "&ssl_disabled=false&ssl_verify_identity=no&read_timeout=30&charset=latin1"

    with source(address).snapshot() as snapshot:
        assert snapshot.count("orders") == 3


@pytest.mark.parametrize(
    "scheme", ["mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql", "mysql+mysqldb"]
)
def test_every_way_to_write_the_address_is_understood(shop: str, scheme: str) -> None:
    with source(shop.replace("mysql://", f"{scheme}://")).snapshot() as snapshot:
        assert snapshot.count("orders") == 3


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1045, SourceMissing),
        (1142, SourceMissing),
        (1040, SourceBusy),
        (1213, SourceBusy),
        (1146, SourceChanged),
        (1412, SourceChanged),
        (1317, RemoteTransient),
        (2006, RemoteTransient),
        (2026, RemotePermanent),
        (1194, SourceCorrupt),
        (1064, UsageError),
        (4242, SourceError),
    ],
)
def test_an_error_is_told_by_what_to_do_next(code: int, kind: type[ExportError]) -> None:
    told = translate(pymysql.err.OperationalError(code, "the server's words"), "shop")

    assert type(told) is kind
    assert str(told).startswith("shop: the ")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Can't connect to MySQL server on 'x' ([Errno 111] Connection refused)", RemoteTransient),
        ("Can't connect to MySQL server on 'x' (timed out)", RemoteTransient),
        ("Can't connect to MySQL server on 'x' ([Errno -3] Temporary failure)", RemoteTransient),
        (
            "Can't connect to MySQL server on 'x' ([Errno -2] Name or service not known)",
            SourceMissing,
        ),
    ],
)
def test_a_name_that_does_not_exist_is_no_passing_trouble(
    words: str, kind: type[ExportError]
) -> None:
    assert type(translate(pymysql.err.OperationalError(2003, words), "shop")) is kind
