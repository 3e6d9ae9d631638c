"""What stands between the network and Dagster's web server, which trusts everybody.

An ASGI application around another: what it refuses, the other never sees.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from export_assets.defs.serving.documents import READING, refuse_body, refuse_message
from export_assets.defs.serving.rules import Head, Refusal, Rules

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_BODY = 4 * 1024 * 1024
"""Bytes; ten thousand partitions of a backfill are a quarter of a megabyte."""
LONGEST_MESSAGE = 256 * 1024
"""Bytes of one message of a WebSocket."""
_POLICY_VIOLATED = 1008
"""The code a WebSocket is closed with, of RFC 6455."""
_HEADERS = {
    b"x-frame-options": b"SAMEORIGIN",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
_FRAMES = (b"content-security-policy", b"frame-ancestors 'self'")
"""Sent besides the page's own policy; browsers obey both."""


@dataclass(frozen=True, kw_only=True)
class Guard:
    """The application that is served: *app*, for requests that keep the rules."""

    app: Application
    rules: Rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or one WebSocket, as ASGI has it."""
        if scope["type"] == "http":
            await self._answer(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await self._talk(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = _head(scope)
        refusal = self.rules.refuse(head)
        if refusal is None and head.method == "POST":
            body = await _body(receive)
            if body is None:
                return
            # Reading a document may take a while, in which others are answered.
            refusal = await asyncio.to_thread(self._refuse_body, body)
            receive = _replay(body, receive)
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await _refuse(refusal, head, send)

    def _refuse_body(self, body: bytes) -> Refusal | None:
        if len(body) > LONGEST_BODY:
            return Refusal(status=413, line=f"the body is longer than {LONGEST_BODY} bytes")
        return refuse_body(body, READING) if self.rules.viewer else None

    async def _talk(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.rules.refuse(_head(scope)) is not None:
            await receive()
            # Closed before it was accepted, the server answers 403.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATED})
            return
        closed = False

        async def checked() -> Message:
            nonlocal closed
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            refusal = await asyncio.to_thread(refuse_message, message.get("text"))
            if refusal is None:
                return message
            closed = True
            reason = refusal.line
            await send({"type": "websocket.close", "code": _POLICY_VIOLATED, "reason": reason})
            return {"type": "websocket.disconnect", "code": _POLICY_VIOLATED}

        async def while_open(message: Message) -> None:
            if not closed:
                await send(message)

        await self.app(scope, checked, while_open)


def _head(scope: Scope) -> Head:
    return Head(
        method=scope.get("method", "GET"),
        path=scope["path"],
        query=scope.get("query_string", b""),
        headers=scope["headers"],
        websocket=scope["type"] == "websocket",
    )


async def _body(receive: Receive) -> bytes | None:
    """Return the whole body, the beginning of one that is too long, None where nobody waits."""
    body = bytearray()
    while len(body) <= LONGEST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def _with_headers(send: Send) -> Send:
    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            headers += [pair for pair in _HEADERS.items() if pair[0] not in present]
            message = {**message, "headers": [*headers, _FRAMES]}
        await send(message)

    return headed


async def _refuse(refusal: Refusal, head: Head, send: Send) -> None:
    """Answer in the words of GraphQL where a page waits for them, so that it can show the line."""
    shown: Mapping[str, object] = {"data": None, "errors": [{"message": refusal.line}]}
    as_json = head.is_graphql and head.method == "POST"
    body = (json.dumps(shown) if as_json else refusal.line + "\n").encode()
    kind = b"application/json" if as_json else b"text/plain; charset=utf-8"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    # What there is of a body may not have been read.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head.method == "HEAD" else body})
