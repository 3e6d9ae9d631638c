"""The address of a PostgreSQL database as libpq takes it, and what must never be printed of it."""

import math
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode

from export_assets.config.masking import MASK
from export_assets.config.urls import SourceUrl
from export_assets.errors import UsageError

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]*://")
_PORTS = re.compile(r"\d*(,.*)?", re.DOTALL)
"""What follows the first host where no user does: its port, and further hosts."""
# A dead peer is noticed within a minute, not after the two hours of the operating system.
_KEEPALIVES = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
# The driver reads the names of all columns before anything can be set.
_ALWAYS = {"client_encoding": "UTF8"}
_OF_OTHER_DRIVERS = {"ssl": "sslmode", "unix_sock": "host"}
_SSL = {"true": "require", "1": "require", "false": "disable", "0": "disable"}


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a database is, with the defaults that keep a connection from hanging."""

    uri: str = field(repr=False)
    """For libpq alone: it holds the password."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts that no message may carry."""
    limits_statements: bool = False
    """Whether the address itself says how long a statement may take."""

    def masked(self, text: str) -> str:
        """Return *text* without the secrets of this address."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return text


def address_of(url: SourceUrl, *, busy_timeout: float) -> Address:
    """Return *url* in libpq's form, whichever driver's name its scheme carries.

    Raises:
        UsageError: It holds a port that is none, or a character no address holds.
    """
    rest = _SCHEME.sub("", url.text.strip(), count=1)
    userinfo, rest = _split_userinfo(rest)
    location, _, query = rest.partition("?")
    user, colon, password = userinfo.partition(":")
    _check_ports(url, location.partition("/")[0])
    given = parse_qsl(query, keep_blank_values=True)
    parameters = dict(_parameter(name, value) for name, value in given)
    secrets = {password, unquote(password)}
    secrets |= {value for name, value in parameters.items() if "password" in name}
    secrets |= {one.partition("=")[2] for one in query.split("&") if "password" in one}
    defaults = {
        "connect_timeout": str(max(2, math.ceil(busy_timeout))),
        "fallback_application_name": "export-assets",
        **_KEEPALIVES,
        **_ALWAYS,
    }
    who = quote(unquote(user), safe="")
    if colon and password:
        who += ":" + quote(unquote(password), safe="")
    uri = f"postgresql://{who}@" if who else "postgresql://"
    # libpq reads a plus sign as itself, not as a blank.
    uri += f"{location}?{urlencode(defaults | parameters | _ALWAYS, quote_via=quote)}"
    return Address(
        uri=uri,
        secrets=tuple(sorted((one for one in secrets if one), key=len, reverse=True)),
        limits_statements="statement_timeout" in parameters.get("options", ""),
    )


def _split_userinfo(rest: str) -> tuple[str, str]:
    """Part user and password from the rest, also where nobody encoded what the password holds."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    first = re.match(r"[^/@:?#]*([@:])", rest)
    if first is None or ("@" not in authority and _PORTS.fullmatch(authority[first.end() :])):
        return "", rest
    if first[1] == "@":
        return rest[: first.end() - 1], rest[first.end() :]
    # As passwords are masked: up to the last @, though not one of a parameter.
    head = rest.partition("?")[0]
    userinfo, at, _ = (head if "@" in head else rest).rpartition("@")
    return (userinfo, rest[len(userinfo) + 1 :]) if at else ("", rest)


def _parameter(name: str, value: str) -> tuple[str, str]:
    if name == "ssl":
        value = _SSL.get(value.lower(), value)
    return _OF_OTHER_DRIVERS.get(name, name), value


def _check_ports(url: SourceUrl, hosts: str) -> None:
    for host in hosts.split(","):
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not (port.isdigit() and 0 < int(port) < 2**16):
            msg = f"{url}: the port is no number between 1 and 65535"
            raise UsageError(msg)
