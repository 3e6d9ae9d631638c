"""People are told, by real servers' leave; what cannot be delivered harms nothing."""

import logging
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from export_assets.config.notify import NotifyTarget
from export_assets.engine.notifying.notice import Notice, safe_partition
from export_assets.engine.notifying.notifier import Notifier
from export_assets_tests.engine.notifying.receivers import (
    MailServer,
    WebServer,
    certificate,
    mail_server,
    web_server,
)

SECRET = "hunter2-canary"
AT = datetime(2026, 1, 5, 6, 30, tzinfo=UTC)
FAILED = Notice(
    occasion="failure",
    source="shop",
    at=AT,
    tables=("orders",),
    partitions=("2026-01-04",),
    error="orders: source has no column total",
    job="export_shop",
    run_id="abc",
    path="/runs/abc",
)
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="makes certificates")


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


def tell(*notices: Notice, **target: Any) -> list[str]:
    found = Notifier(targets=[NotifyTarget(**target)], pause=0.01).tell(*notices)
    return [str(one) for one in found]


def mail_target(server: MailServer, **given: Any) -> dict[str, Any]:
    return {
        "kind": "email",
        "host": "localhost",
        "port": server.port,
        "from": "exports@example.org",
        "to": ["ops@example.org", "data@example.org"],
        **given,
    }


def test_a_webhook_is_sent_the_documented_document(web: WebServer) -> None:
    undelivered = tell(FAILED, kind="webhook", url=web.url())

    assert undelivered == []
    assert web.taken == [
        (
            "/hook",
            {
                "format": 1,
                "event": "failure",
                "source": "shop",
                "tables": ["orders"],
                "partitions": ["2026-01-04"],
                "checks": [],
                "error": "orders: source has no column total",
                "failures": 0,
                "job": "export_shop",
                "run_id": "abc",
                "path": "/runs/abc",
                "at": "2026-01-05T06:30:00+00:00",
            },
        )
    ]


def test_slack_is_sent_a_text_in_which_nothing_is_markup(web: WebServer) -> None:
    notice = Notice(occasion="check", source="shop", at=AT, checks=("a <b> & c",))

    tell(notice, kind="slack", url=web.url())

    assert web.documents == [
        {"text": "shop: checks failed\nchecks: a &lt;b&gt; &amp; c\nat: 2026-01-05T06:30:00+00:00"}
    ]


def test_the_log_has_one_line(caplog: pytest.LogCaptureFixture) -> None:
    tell(FAILED, kind="log")

    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("shop: export failed (orders); error: orders: source")


def test_each_target_is_told_the_first_of_what_it_asks_for(web: WebServer) -> None:
    recovered = Notice(occasion="recovery", source="shop", at=AT, failures=2)
    targets = [
        NotifyTarget(kind="webhook", url=web.url("/all")),
        NotifyTarget(kind="webhook", url=web.url("/recoveries"), on=("recovery",)),
        NotifyTarget(kind="webhook", url=web.url("/checks"), on=("check",)),
    ]

    Notifier(targets=targets).tell(FAILED, recovered)

    assert sorted((path, one["event"]) for path, one in web.taken) == [
        ("/all", "failure"),
        ("/recoveries", "recovery"),
    ]


@pytest.mark.parametrize(
    ("answers", "attempts", "undelivered"),
    [
        ([503], 2, []),
        ([503, 500], 2, ["notify.0 (webhook): not told: HTTP 500"]),
        ([404], 1, ["notify.0 (webhook): not told: HTTP 404"]),
        ([429], 2, []),
    ],
)
def test_only_what_may_pass_is_tried_once_more(
    web: WebServer, answers: list[int], attempts: int, undelivered: list[str]
) -> None:
    web.answers = answers

    assert tell(FAILED, kind="webhook", url=web.url()) == undelivered
    assert len(web.taken) == attempts


def test_a_redirect_is_not_followed(web: WebServer) -> None:
    web.answers = [302]
    web.headers = {"Location": web.url("/elsewhere")}

    undelivered = tell(FAILED, kind="webhook", url=web.url())

    assert undelivered == ["notify.0 (webhook): not told: HTTP 302"]
    assert [path for path, _ in web.taken] == ["/hook"]


def test_who_does_not_answer_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/{SECRET}"
        started = time.monotonic()
        undelivered = tell(FAILED, kind="slack", url=url, timeout=0.3)

    assert undelivered == ["notify.0 (slack): not told: timed out"]
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"http://127.0.0.1:1/{SECRET}", "connection refused"),
        (f"http://{SECRET}.invalid/", "no server of this name"),
        (f"http://127.0.0.1:x/{SECRET}", "the answer is not HTTP"),
        (f"http://127.0.0.1/a b{SECRET}", "the answer is not HTTP"),
    ],
)
def test_an_address_is_in_no_log_and_no_message(
    url: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    undelivered = tell(FAILED, kind="webhook", url=url)

    assert undelivered == [f"notify.0 (webhook): not told: {reason}"]
    assert caplog.messages == undelivered
    assert SECRET not in repr(NotifyTarget(kind="webhook", url=url)) + caplog.text


@needs_openssl
def test_a_mail_goes_over_starttls_with_a_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, key = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    with mail_server(MailServer(context=server_context(made, key))) as server:
        undelivered = tell(FAILED, **mail_target(server, user="u", password=SECRET))

    [mail] = server.mails
    assert (undelivered, server.secured) == ([], [True])
    assert mail["Subject"] == "shop: export failed (orders)"
    assert mail["To"] == "ops@example.org, data@example.org"
    assert "error: orders: source has no column total" in str(mail.get_payload())
    assert "run: /runs/abc" in str(mail.get_payload())
    assert any(line.startswith("AUTH") for line in server.said)


@needs_openssl
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_server_that_cannot_prove_who_it_is_is_told_nothing(tmp_path: Path, tls: str) -> None:
    state = MailServer(context=server_context(*certificate(tmp_path)), implicit=tls == "implicit")
    with mail_server(state) as server:
        undelivered = tell(FAILED, **mail_target(server, tls=tls, user="u", password=SECRET))

    assert undelivered == ["notify.0 (email): not told: the server's certificate is not trusted"]
    assert not any(line.startswith(("AUTH", "MAIL", "DATA")) for line in server.said)


def test_a_server_without_tls_is_told_nothing() -> None:
    with mail_server(MailServer()) as server:
        undelivered = tell(FAILED, **mail_target(server, user="u", password=SECRET))

    assert undelivered == ["notify.0 (email): not told: the mail server offers no TLS, or no login"]
    assert [line.split()[0].lower() for line in server.said] == ["ehlo", "quit"]


def test_a_relay_takes_mail_in_the_clear_where_configured() -> None:
    with mail_server(MailServer()) as server:
        undelivered = tell(FAILED, **mail_target(server, tls="none"))

    assert (undelivered, len(server.mails), server.secured) == ([], 1, [False])


@needs_openssl
def test_a_refused_password_is_in_no_log_though_the_server_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made, key = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    state = MailServer(context=server_context(made, key), refuses_login=True)
    with mail_server(state) as server:
        undelivered = tell(FAILED, **mail_target(server, user="u", password=SECRET))

    assert undelivered == ["notify.0 (email): not told: SMTP 535"]
    assert SECRET not in caplog.text


def test_what_may_be_a_value_of_the_data_is_no_partition_to_tell() -> None:
    told = ["2026", "2026-01", "2026-01-05", "2026-01-05T06", "2026-W03"]

    assert [safe_partition(key) for key in told] == told
    assert [safe_partition(key) for key in ("4711", "a@example.org", "2026-01-05 Ann", "")] == (
        [None] * 4
    )


def test_long_messages_are_cut_and_lines_joined() -> None:
    notice = Notice(
        occasion="failure",
        source="shop",
        at=AT,
        tables=tuple(f"t{n}" for n in range(20)),
        error="a\nb" + "x" * 1000,
    )

    first, error, *_ = notice.text.splitlines()

    assert first == "shop: export failed (t0, t1, t2, t3, t4, t5, t6, t7 and 12 more)"
    assert error.startswith("error: a bxxx")
    assert len(error) < 420


def server_context(made: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return context
