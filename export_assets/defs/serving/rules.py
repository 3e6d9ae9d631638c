"""Which requests the UI answers, told by their heads alone."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

GRAPHQL = "/graphql"
_READING = frozenset({"GET", "HEAD"})
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_AUTHORITY = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/@\s]+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SHOWN = 100
"""Characters of what a stranger sent that are told back."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request is not answered, as an HTTP status and one line."""

    status: int
    line: str


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a request says before its body."""

    method: str
    """`GET` for the opening of a WebSocket."""
    path: str
    """Decoded, without the query."""
    query: bytes
    """What follows the question mark, as sent."""
    headers: Sequence[tuple[bytes, bytes]]
    """Names in lower case, in the order sent."""
    websocket: bool = False

    def all(self, name: str) -> list[str]:
        """Return every value of the header *name*."""
        wanted = name.encode()
        return [value.decode("latin-1").strip() for key, value in self.headers if key == wanted]

    @property
    def is_graphql(self) -> bool:
        """Whether Dagster would take this for a question, or for an order."""
        return self.path.rstrip("/") == GRAPHQL


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules of one server."""

    allowed_hosts: frozenset[str] = frozenset()
    """Names with or without a port, in lower case, besides those of this machine itself."""
    viewer: bool = False
    """Whether nothing may be changed."""

    def refuse(self, head: Head) -> Refusal | None:
        """Return why *head* is not answered, None where it is, as far as its head tells."""
        return self._refuse_host(head) or _refuse_strangers(head) or self._refuse_method(head)

    def _refuse_host(self, head: Head) -> Refusal | None:
        hosts = head.all("host")
        if len(hosts) != 1:
            return Refusal(status=400, line="a request names its Host once")
        host = hosts[0].lower()
        parts = _AUTHORITY.fullmatch(host)
        if parts and (
            _is_loopback(parts["name"]) or not self.allowed_hosts.isdisjoint({host, parts["name"]})
        ):
            return None
        line = f"Host {host[:_SHOWN]!a} is none the UI answers to; --allow-host adds one"
        return Refusal(status=421, line=line)

    def _refuse_method(self, head: Head) -> Refusal | None:
        if _CONTROL.search(head.path):
            return Refusal(status=400, line="control characters in the path")
        if head.websocket:
            known = head.is_graphql
            return None if known else Refusal(status=403, line="WebSockets are for /graphql")
        if head.method in _READING:
            return _refuse_questions_in_the_address(head)
        if head.method != "POST":
            return Refusal(status=405, line="the UI takes GET, HEAD and POST")
        types = [one.partition(";")[0].strip().lower() for one in head.all("content-type")]
        if types != ["application/json"]:
            # What a form of another page can send without asking is never JSON.
            return Refusal(status=415, line="a POST has Content-Type: application/json")
        if self.viewer and not head.is_graphql:
            return Refusal(status=403, line="this UI is for viewing only")
        return None


def host_name(text: str) -> str:
    """Return *text* as a name for `Rules.allowed_hosts`.

    Raises:
        ValueError: It is no name of a host, with or without a port.
    """
    if not _AUTHORITY.fullmatch(text.lower()):
        msg = f"{text!r} is no name of a host, such as exports.example.org"
        raise ValueError(msg)
    return text.lower()


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"


def _refuse_strangers(head: Head) -> Refusal | None:
    """Refuse what a page of another origin has the browser send."""
    foreign = Refusal(status=403, line="the request comes from a page of another origin")
    own = _authority_of(head.all("host")[0], "")
    for origin in head.all("origin"):
        parts = _ORIGIN.fullmatch(origin.lower())
        if parts is None:
            return foreign
        port = _DEFAULT_PORTS[parts["scheme"]]
        if _authority_of(parts["authority"], port) != _authority_of(own, port):
            return foreign
    sites = {one.lower() for one in head.all("sec-fetch-site")}
    # Another port of this machine is the same site, and may be anybody's.
    if sites <= {"same-origin", "none"} or _is_link_followed(head):
        return None
    return foreign


def _is_link_followed(head: Head) -> bool:
    """Return whether a person followed a link to a page: no other page sees the answer."""
    return (
        head.method in _READING
        and not head.websocket
        and not head.is_graphql
        and head.all("sec-fetch-mode") == ["navigate"]
        and head.all("sec-fetch-dest") == ["document"]
    )


def _authority_of(text: str, default_port: str) -> str:
    return text.lower().removesuffix(f":{default_port}") if default_port else text.lower()


def _refuse_questions_in_the_address(head: Head) -> Refusal | None:
    names = {name for name, _ in parse_qsl(head.query.decode("latin-1"), keep_blank_values=True)}
    if head.is_graphql and names:
        return Refusal(status=405, line="GraphQL is taken by POST, as JSON, and never by GET")
    return None
