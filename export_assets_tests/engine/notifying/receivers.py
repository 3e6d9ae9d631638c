"""Servers that take what is sent to them, for the tests of notifications."""

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_string
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import run
from typing import Any, BinaryIO, cast


@dataclass
class WebServer:
    """Takes documents, and answers what it is told to."""

    answers: list[int] = field(default_factory=list)
    """Status of the next answers; 200 when they are used up."""
    headers: dict[str, str] = field(default_factory=dict)
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    port: int = 0

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [document for _, document in self.taken]

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def web_server() -> Iterator[WebServer]:
    state = WebServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.taken.append((self.path, json.loads(body)))
            self.send_response(state.answers.pop(0) if state.answers else 200)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            state.taken.append((self.path, {"method": "GET"}))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        state.port = port
        yield state


@dataclass
class MailServer:
    """Takes mails; speaks as much SMTP as that needs."""

    context: ssl.SSLContext | None = None
    """What it proves itself with; without it STARTTLS is not offered."""
    implicit: bool = False
    refuses_login: bool = False
    said: list[str] = field(default_factory=list)
    """Every line a client said, mails left out."""
    mails: list[Message] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)
    """For each mail, whether it came over TLS."""
    port: int = 0


class _Conversation(socketserver.BaseRequestHandler):
    """What a mail server says to one client."""

    state: MailServer

    def setup(self) -> None:
        self.opened: list[ssl.SSLSocket | BinaryIO] = []
        self.secure = False

    def handle(self) -> None:
        try:
            if self.state.implicit:
                self.start_tls()
            self.read_from_here()
            self.say("220 here")
            while line := self.line():
                self.state.said.append(line)
                self.answer(line, line.split()[0].upper())
        except OSError:
            return
        finally:
            for one in self.opened:
                one.close()

    def answer(self, line: str, word: str) -> None:
        if word == "EHLO":
            offers_tls = self.state.context is not None and not self.secure
            self.say("250-here", "250 STARTTLS" if offers_tls else "250 AUTH PLAIN LOGIN")
        elif word == "STARTTLS":
            self.say("220 go on")
            self.start_tls()
            self.read_from_here()
        elif word == "AUTH":
            # Some servers say the line they refuse.
            self.say(f"535 no: {line}" if self.state.refuses_login else "235 welcome")
        elif word == "DATA":
            self.say("354 go on")
            self.state.mails.append(message_from_string("\n".join(iter(self.line, "."))))
            self.state.secured.append(self.secure)
            self.say("250 taken")
        else:
            self.say("221 bye" if word == "QUIT" else "250 ok")

    def start_tls(self) -> None:
        assert self.state.context is not None
        self.request = self.state.context.wrap_socket(self.request, server_side=True)
        self.opened.append(self.request)
        self.secure = True

    def read_from_here(self) -> None:
        self.file = cast("BinaryIO", self.request.makefile("rb"))
        self.opened.append(self.file)

    def line(self) -> str:
        return self.file.readline().decode().rstrip("\r\n")

    def say(self, *lines: str) -> None:
        self.request.sendall("".join(f"{line}\r\n" for line in lines).encode())


@contextmanager
def mail_server(state: MailServer) -> Iterator[MailServer]:
    handler = type("Conversation", (_Conversation,), {"state": state})
    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)) as port:
        state.port = port
        yield state


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(directory: Path) -> tuple[Path, Path]:
    """Make a certificate of localhost that nobody knows; return it and its key."""
    made, key = directory / "cert.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    run([*command, "-keyout", key, "-out", made], check=True, capture_output=True)
    return made, key
