"""What GraphQL documents would do, told before anything is done."""

import json
from collections.abc import Set as AbstractSet

from graphql import GraphQLError, OperationDefinitionNode, parse

from export_assets.defs.serving.rules import Refusal

_LONGEST_QUERY = 100_000
"""Characters of one document without its variables; those of the UI have some thousand. Reading it
must not keep others waiting."""
READING = frozenset({"query", "subscription"})
LISTENING = frozenset({"subscription"})


def refuse_body(body: bytes, kinds: AbstractSet[str]) -> Refusal | None:
    """Return why the JSON of a POST is refused where only operations of *kinds* are allowed."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return Refusal(status=400, line="the body is no JSON")
    return _refuse_asked(asked, kinds)


def refuse_message(text: str | None) -> Refusal | None:
    """Return why a message of a WebSocket is refused: it may subscribe, and do nothing else."""
    try:
        message = json.loads(text or "")
    except (ValueError, RecursionError):
        return Refusal(status=400, line="the message is no JSON")
    if not isinstance(message, dict):
        return Refusal(status=400, line="the message is no JSON object")
    if message.get("type") != "start":
        return None
    return _refuse_asked(message.get("payload"), LISTENING)


def _refuse_asked(asked: object, kinds: AbstractSet[str]) -> Refusal | None:
    """Every operation counts, whichever is named to be run: nothing hangs on how that is told."""
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
        # Dagster takes one question at a time; a list of them is none.
        return Refusal(status=400, line="the body is no GraphQL request with a query")
    if len(asked["query"]) > _LONGEST_QUERY:
        return Refusal(status=413, line=f"the query is longer than {_LONGEST_QUERY} characters")
    try:
        document = parse(asked["query"], no_location=True)
    except (GraphQLError, RecursionError):
        return Refusal(status=400, line="the query is no GraphQL")
    found = {
        node.operation.value
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    }
    forbidden = sorted(found - kinds)
    if forbidden:
        return Refusal(status=403, line=f"refused: {forbidden[0]}; {_WHY[frozenset(kinds)]}")
    return None


_WHY = {
    READING: "this UI is for viewing only",
    LISTENING: "a WebSocket takes subscriptions only",
}
