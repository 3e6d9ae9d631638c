"""Proxies with the configurations the page about them shows, in front of a UI."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from export_assets_tests.end_to_end.ui import free_port
from export_assets_tests.mortal import end_with_the_tests

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serve.md"
NAME = "exports.example.org"
USER, PASSWORD = "alice", "a password"
NGINX, CADDY, OPENSSL, CURL = map(shutil.which, ("nginx", "caddy", "openssl", "curl"))


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy that listens with TLS."""

    port: int
    certificate: Path

    @property
    def authority(self) -> str:
        return f"{NAME}:{self.port}"

    def curl(self, target: str, *arguments: str, user: str | None = f"{USER}:{PASSWORD}") -> int:
        """Return the status of what curl gets."""
        command = [CURL or "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"]
        command += ["--cacert", str(self.certificate), *arguments]
        command += ["--resolve", f"{self.authority}:127.0.0.1"] + (["-u", user] if user else [])
        command += [f"https://{self.authority}{target}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return int(done.stdout)

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


def shown(kind: str) -> str:
    """Return the configuration of this *kind* on the page."""
    text = PAGE.read_text(encoding="utf-8")
    [block] = re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)
    return str(block)


def _nginx(directory: Path, port: int, upstream: int) -> list[str]:
    (directory / "passwords").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
    block = _replaced(
        shown("nginx"),
        {
            "listen 443": f"listen 127.0.0.1:{port}",
            "127.0.0.1:3000": f"127.0.0.1:{upstream}",
            "/etc/ssl/exports.pem": f"{directory}/exports.pem",
            "/etc/ssl/exports.key": f"{directory}/exports.key",
            "/etc/nginx/exports.htpasswd": f"{directory}/passwords",
        },
    )
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{place}_temp_path {directory}/{place};\n" for place in places)
    # Workers of root become nobody, who may not read the directory of a test.
    user = "user root; " if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(
        f"{user}daemon off; pid {directory}/pid; events {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{block}\n}}\n",
        encoding="utf-8",
    )
    log = ["-e", str(directory / "error.log")]
    return [NGINX or "nginx", "-p", str(directory), *log, "-c", str(directory / "nginx.conf")]


def _caddy(directory: Path, port: int, upstream: int) -> list[str]:
    caddy = CADDY or "caddy"
    hashed = subprocess.run(
        [caddy, "hash-password", "--plaintext", PASSWORD],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout.strip()  # fmt: skip
    version = subprocess.run([caddy, "version"], capture_output=True, text=True, timeout=60).stdout
    numbers = [int(number) for number in re.findall(r"\d+", version)[:2]]
    block = _replaced(
        shown("caddy"),
        {
            f"{NAME} {{": f"{NAME}:{port} {{\n    tls {directory}/exports.pem "
            f"{directory}/exports.key\n    bind 127.0.0.1",
            "$2a$14$REPLACE_THIS_WITH_THE_HASH": hashed,
            "127.0.0.1:3000": f"127.0.0.1:{upstream}",
        },
    )
    if numbers < [2, 8]:
        block = block.replace("basic_auth", "basicauth")
    file = directory / "Caddyfile"
    file.write_text(f"{{\n    admin off\n    auto_https off\n}}\n{block}", encoding="utf-8")
    return [caddy, "run", "--config", str(file), "--adapter", "caddyfile"]


PROXIES: dict[str, tuple[str | None, Callable[[Path, int, int], list[str]]]] = {
    "nginx": (NGINX, _nginx),
    "caddy": (CADDY, _caddy),
}


def can_run(name: str) -> bool:
    return bool(PROXIES[name][0] and OPENSSL and CURL)


@contextmanager
def proxy(name: str, directory: Path, upstream: int) -> Iterator[Proxy]:
    """Run the proxy *name*, configured as the page shows, in front of the port *upstream*."""
    certificate, port = directory / "exports.pem", free_port()
    _make_certificate(certificate, directory / "exports.key")
    command = PROXIES[name][1](directory, port, upstream)
    with (
        (directory / "output.log").open("wb") as log,
        subprocess.Popen(
            command,
            env={"HOME": str(directory), "PATH": "/usr/bin:/bin"},
            stdout=log,
            stderr=log,
            preexec_fn=end_with_the_tests,  # noqa: PLW1509 - calls a loaded library only
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 30
            while not _listens(port) and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.05)
            assert process.poll() is None, (directory / "output.log").read_text(encoding="utf-8")
            yield Proxy(port=port, certificate=certificate)
        finally:
            process.terminate()


def _replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


def _make_certificate(certificate: Path, key: Path) -> None:
    command = [OPENSSL or "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, capture_output=True, check=True, timeout=60)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
