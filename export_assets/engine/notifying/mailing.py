"""A mail, sent through the server the configuration names."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from export_assets.config.notify import NotifyTarget
from export_assets.engine.notifying.notice import Notice

_PORTS = {"starttls": 587, "implicit": 465, "none": 25}


def send(target: NotifyTarget, notice: Notice) -> None:
    """Send *notice* to the addresses of *target*.

    Raises:
        OSError: The server does not answer, refuses, or cannot prove who it is.
        smtplib.SMTPException: It refuses; a server without TLS is sent nothing where TLS is wanted.
    """
    host, port = target.host or "", target.port or _PORTS[target.tls]
    context = ssl.create_default_context()
    implicit = target.tls == "implicit"
    with (
        smtplib.SMTP_SSL(host, port, timeout=target.timeout, context=context)
        if implicit
        else smtplib.SMTP(host, port, timeout=target.timeout)
    ) as server:
        if target.tls == "starttls":
            server.starttls(context=context)
        if target.user is not None and target.password is not None:
            server.login(target.user, target.password.get_secret_value())
        server.send_message(message(target, notice))


def message(target: NotifyTarget, notice: Notice) -> EmailMessage:
    """Return the mail that says *notice*."""
    mail = EmailMessage()
    mail["Subject"] = " ".join(notice.title.split())
    mail["From"] = target.sender or ""
    mail["To"] = ", ".join(target.to)
    mail["Date"] = format_datetime(notice.at)
    mail["Message-ID"] = make_msgid(domain="export-assets.invalid")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{notice.text}\n")
    return mail
