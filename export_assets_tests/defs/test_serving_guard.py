"""What reaches the application behind the guard, message by message."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from export_assets.defs.serving.documents import READING, refuse_body
from export_assets.defs.serving.guard import LONGEST_BODY, Guard, Message, Receive, Scope, Send
from export_assets.defs.serving.rules import Rules

JSON = [(b"host", b"localhost"), (b"content-type", b"application/json")]


class Echo:
    """An application that answers with the body it was sent, and keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            while (message := await receive())["type"] != "websocket.disconnect":
                self.heard.append(message.get("text"))
            await send({"type": "websocket.send", "text": "too late"})
            return
        message = await receive()
        self.heard.append(message.get("body"))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": message.get("body", b"")})


def talk(guard: Guard, scope: Scope, messages: Sequence[Message]) -> list[Message]:
    waiting, sent = list(messages), []

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    return sent


def post(guard: Guard, *chunks: bytes) -> tuple[int, bytes]:
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": JSON}
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    messages[-1]["more_body"] = False
    start, body = talk(guard, scope, messages)
    return start["status"], body["body"]


def test_a_body_is_handed_on_whole_as_it_came() -> None:
    echo = Echo()

    assert post(Guard(app=echo, rules=Rules()), b'{"que', b'ry": "{a}"}') == (
        200,
        b'{"query": "{a}"}',
    )


def test_a_body_that_is_too_long_is_refused_before_it_is_all_read() -> None:
    echo = Echo()
    chunk = b"x" * (LONGEST_BODY // 2)

    status, body = post(Guard(app=echo, rules=Rules()), chunk, chunk, b"x", b"never read")

    assert status == 413
    assert json.loads(body)["errors"][0]["message"].startswith("the body is longer")
    assert echo.heard == []
    assert post(Guard(app=echo, rules=Rules()), chunk, chunk)[0] == 200


def test_who_goes_away_before_the_end_is_not_answered() -> None:
    echo = Echo()
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": JSON}
    messages: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    assert talk(Guard(app=echo, rules=Rules()), scope, messages) == []
    assert echo.heard == []


def test_what_a_web_socket_may_not_say_ends_it_unheard() -> None:
    echo = Echo()
    scope = {"type": "websocket", "path": "/graphql", "headers": [(b"host", b"localhost")]}
    said = [
        '{"type": "connection_init"}',
        '{"type": "start", "payload": {"query": "subscription { a }"}}',
        '{"type": "start", "payload": {"query": "query { a }"}}',
        '{"type": "stop"}',
    ]

    sent = talk(
        Guard(app=echo, rules=Rules()),
        scope,
        [{"type": "websocket.receive", "text": text} for text in said],
    )

    assert echo.heard == said[:2]
    assert [(one["type"], one["code"]) for one in sent] == [("websocket.close", 1008)]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"type": "start"}', '{"type": "start", "payload": []}', "[" * 50_000]
)
def test_web_sockets_carry_the_protocol_and_nothing_else(text: str) -> None:
    echo = Echo()
    scope = {"type": "websocket", "path": "/graphql", "headers": [(b"host", b"localhost")]}

    talk(Guard(app=echo, rules=Rules()), scope, [{"type": "websocket.receive", "text": text}])

    assert echo.heard == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"query": "{ a }"}', None),
        (b'{"query": "query A { a } subscription B { b } fragment F on Q { c }"}', None),
        (b'{"query": "{ mutation }"}', None),
        (b'{"query": "{ a(text: \\"mutation { b }\\") }"}', None),
        (b'{"query": "mutation { a }"}', 403),
        (b'{"query": "query A { a } mutation B { b }", "operationName": "A"}', 403),
        (b'{"query": "{ a }", "query": "mutation { a }"}', 403),
        ('{"query": "mutation { a }"}'.encode("utf-16"), 403),
        (b'{"query": "mut\\u0061tion { a }"}', 403),
        (b'[{"query": "{ a }"}]', 400),
        (b'{"query": null}', 400),
        (b'{"query": "mutation {"}', 400),
        (b'{"query": "' + b"{a" * 5_000 + b'"}', 400),
        (b'{"query": "' + b"#" * 200_000 + b'"}', 413),
        (b"[" * 100_000, 400),
        (b"\xff", 400),
        (b"", 400),
    ],
)
def test_only_what_is_surely_no_mutation_passes_for_viewers(
    body: bytes, status: int | None
) -> None:
    refusal = refuse_body(body, READING)

    assert (refusal.status if refusal else None) == status
