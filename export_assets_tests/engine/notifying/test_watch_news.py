"""`watch` tells once that something fails, and once that it goes well again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from export_assets.engine.notifying.notifier import Notifier
from export_assets.engine.notifying.watch_news import WatchNews
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.watching import Watch
from export_assets.errors import ConfigError
from export_assets.systems.registry import load_workspace
from export_assets_tests.engine.notifying.receivers import WebServer, web_server

SHOP = """\
source: shop
url: sqlite:///shop.db
tables:
  orders: {checks: [{column: total, ge: 0}]}
  customers: {}
"""


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


def sql(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home / "shop.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "shop.yaml").write_text(SHOP, encoding="utf-8")
    (tmp_path / "export_assets.yaml").write_text(
        'notify: [{kind: webhook, url: "${HOOK}"}]\n', encoding="utf-8"
    )
    sql(
        tmp_path,
        "create table orders (id integer primary key, total real)",
        "create table customers (id integer primary key, name text)",
        "insert into orders values (1, 1.0)",
    )
    return tmp_path


class Follower:
    """What the command does, with what happens to the source between looks said beforehand."""

    def __init__(self, home: Path, web: WebServer) -> None:
        workspace = load_workspace(home, environ={"HOOK": web.url()})
        self.happening: list[tuple[str, ...]] = []
        self.home = home
        self.watch = Watch(
            workspace=workspace,
            source=workspace.source("shop"),
            request=ExportRequest(),
            new_run=lambda: Run(id="run", now=datetime.now(UTC)),
            interval=1.0,
            seconds=1_000.0,
            sleep=self.sleep,
            monotonic=lambda: 0.0 if self.happening else 2_000.0,
        )
        targets = workspace.project.settings.notify
        self.news = WatchNews(source="shop", notifier=Notifier(targets=targets))

    def sleep(self, _: float) -> None:
        for step in self.happening.pop(0):
            if step.startswith("mv "):
                before, after = step.removeprefix("mv ").split()
                (self.home / before).rename(self.home / after)
            else:
                sql(self.home, step)

    def follow(self, *happening: tuple[str, ...]) -> None:
        self.happening = list(happening)
        for seen in self.watch.reports():
            self.news.after(seen)


def test_a_failure_is_told_once_and_its_end_once(home: Path, web: WebServer) -> None:
    Follower(home, web).follow(
        ("insert into orders values (2, -4711.0)",),
        (),
        (),
        ("delete from orders where id = 2",),
        ("insert into orders values (3, 3.0)",),
    )

    failure, recovery = web.documents
    assert (failure["event"], failure["tables"]) == ("failure", ["orders"])
    assert failure["checks"] == ["shop/orders/parquet: contract"]
    assert failure["job"] == "watch"
    assert "4711" not in str(web.documents)
    assert (recovery["event"], recovery["tables"]) == ("recovery", ["orders"])
    assert recovery["failures"] == 3


def test_what_fails_besides_is_told_too(home: Path, web: WebServer) -> None:
    Follower(home, web).follow(
        ("insert into orders values (2, -1.0)",),
        ("alter table customers drop column name",),
    )

    assert [one["tables"] for one in web.documents] == [["orders"], ["orders", "customers"]]


def test_a_source_that_was_gone_and_is_back_unchanged_is_well_again(
    home: Path, web: WebServer
) -> None:
    Follower(home, web).follow((), ("mv shop.db away.db",), ("mv away.db shop.db",))

    failure, recovery = web.documents
    assert failure["event"] == "failure"
    assert failure["error"].startswith("shop")
    assert (recovery["event"], recovery["failures"]) == ("recovery", 1)


def test_an_error_that_ends_it_is_told_and_goes_on(home: Path, web: WebServer) -> None:
    error = ConfigError("no such thing")

    with pytest.raises(ConfigError), Follower(home, web).news.of_the_end():
        raise error

    assert [(one["event"], one["error"]) for one in web.documents] == [("failure", "no such thing")]
