"""Which heads of requests are refused, and with what."""

import pytest

from export_assets.defs.serving.rules import Head, Rules, host_name

RULES = Rules(allowed_hosts=frozenset({"exports.example.org", "other.example:8443"}))
OWN = {"host": "127.0.0.1:3000"}


def head(headers: dict[str, str], method: str = "GET", path: str = "/", query: str = "") -> Head:
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Head(method=method, path=path, query=query.encode(), headers=pairs)


def status(one: Head, rules: Rules = RULES) -> int | None:
    refusal = rules.refuse(one)
    return refusal.status if refusal else None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:3000",
        "127.0.0.2:3000",
        "localhost",
        "LOCALHOST:3000",
        "[::1]",
        "[::1]:3000",
        # A tunnel ends on another port; no other page can name it.
        "localhost:9000",
        "exports.example.org",
        "Exports.Example.org:443",
        "other.example:8443",
    ],
)
def test_names_of_this_machine_and_allowed_ones_are_answered(host: str) -> None:
    assert status(head({"host": host})) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":3000",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:3000",
        "localhost@evil.example",
        "evil.example#localhost",
        "localhost localhost",
        "localhost:3000:3000",
        "localhost:",
        "localhost.",
        "10.0.0.1:3000",
        "0.0.0.0:3000",
        "[::]:3000",
        "[::ffff:10.0.0.1]",
        "2130706433",
        "0x7f.1",
        "other.example",
        "other.example:443",
        "a.exports.example.org",
        "localhost\xe9",
    ],
)
def test_any_other_host_is_misdirected(host: str) -> None:
    assert status(head({"host": host})) == 421


def test_a_host_is_named_once() -> None:
    twice = [(b"host", b"localhost"), (b"host", b"evil.example")]

    assert status(Head(method="GET", path="/", query=b"", headers=twice)) == 400
    assert status(head({})) == 400


def test_the_line_about_a_host_is_one_line_of_plain_text() -> None:
    refusal = RULES.refuse(head({"host": "<b>\xe9" + "x" * 5000}))

    assert refusal is not None
    assert refusal.line.isascii()
    assert refusal.line.isprintable()
    assert len(refusal.line) < 200


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("[::1]:3000", "http://[::1]:3000"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("exports.example.org", "https://exports.example.org"),
        ("exports.example.org:443", "https://Exports.example.org"),
    ],
)
def test_the_own_origin_may_do_everything(host: str, origin: str) -> None:
    headers = {"host": host, "origin": origin, "content-type": "application/json; charset=utf-8"}

    assert status(head(headers, "POST", "/graphql")) is None
    assert status(head(headers, "POST", "/report_asset_check/a")) is None


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:3001",
        "http://localhost:3000",
        "https://127.0.0.1",
        "http://127.0.0.1:3000.evil.example",
        "http://127.0.0.1:3000@evil.example",
        "http://127.0.0.1:3000/",
        "file://127.0.0.1:3000",
        "null",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_any_other_origin_is_refused(origin: str, method: str) -> None:
    headers = OWN | {"origin": origin, "content-type": "application/json"}

    assert status(head(headers, method, "/graphql")) == 403
    assert status(head(headers, method, "/anything")) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "new-word"])
def test_a_link_of_another_page_leads_to_pages_and_nowhere_else(site: str) -> None:
    linked = OWN | {
        "sec-fetch-site": site,
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    framed = linked | {"sec-fetch-dest": "iframe"}
    fetched = linked | {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}

    assert status(head(linked, path="/assets")) is None
    assert status(head(linked, path="/graphql")) == 403
    assert status(head(linked, "POST", "/assets")) == 403
    assert status(head(framed, path="/assets")) == 403
    assert status(head(fetched, path="/logs/a/b.err")) == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "get", "TRACE"])
def test_other_methods_are_refused(method: str) -> None:
    assert status(head(OWN, method, "/graphql")) == 405


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/graphql",
        "application/jsonx",
        "",
    ],
)
def test_a_post_is_json(kind: str) -> None:
    assert status(head(OWN | {"content-type": kind}, "POST", "/graphql")) == 415
    assert status(head(OWN, "POST", "/graphql")) == 415


@pytest.mark.parametrize("query", ["query={version}", "query", "%71uery=x", "a=1;query=x"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_question_is_taken_from_the_address(query: str, path: str, method: str) -> None:
    assert status(head(OWN, method, path, query)) == 405


def test_the_page_to_try_questions_on_and_other_addresses_are_free() -> None:
    assert status(head(OWN, path="/graphql")) is None
    assert status(head(OWN, path="/assets", query="query=x")) is None


def test_paths_that_end_in_a_line_feed_are_refused() -> None:
    # `$` of a route's pattern would match before it.
    assert status(head(OWN, path="/graphql\n", query="query=x")) == 400


def test_viewers_post_to_graphql_only() -> None:
    viewer = Rules(viewer=True)
    headers = OWN | {"content-type": "application/json"}

    assert status(head(headers, "POST", "/graphql"), viewer) is None
    assert status(head(headers, "POST", "/report_asset_check/a"), viewer) == 403


@pytest.mark.parametrize(
    "text", ["", "*", "http://a.example", "a.example/", "a b", "a:b", "a.example:"]
)
def test_what_is_no_host_cannot_be_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="is no name of a host"):
        host_name(text)
