"""Addresses and ports a page without a login may listen on."""

import ipaddress
import socket
from collections.abc import Iterable

from export_assets.defs.serving.rules import host_name
from export_assets.errors import DestLocked, UsageError


def need_loopback(host: str) -> None:
    """Refuse every address that other machines can reach.

    Raises:
        UsageError: *host* is none of this machine's own.
    """
    try:
        loopback = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        msg = f"--host {host}: the UI has no login, so it listens on 127.0.0.1 only; "
        msg += "put a proxy with a login in front of it for other machines"
        raise UsageError(msg)


def need_free_port(host: str, port: int) -> None:
    """Refuse a port on which somebody listens already.

    Raises:
        DestLocked: Somebody does.
    """
    try:
        with socket.create_connection((host.strip("[]"), port), timeout=1):
            pass
    except OSError:
        return
    msg = f"port {port}: another program listens there; choose one with --port"
    raise DestLocked(msg)


def host_names(texts: Iterable[str]) -> list[str]:
    """Return *texts* as names of hosts, each once.

    Raises:
        UsageError: One is none.
    """
    try:
        return sorted({host_name(text) for text in texts})
    except ValueError as error:
        msg = f"allowed hosts: {error}"
        raise UsageError(msg) from None
