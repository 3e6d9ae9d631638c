"""Why something was not delivered, in words of our own.

Texts of servers and libraries are never repeated: they may hold the address or the password.
"""

import os
import smtplib
import socket
import ssl
from http.client import HTTPException
from urllib.error import HTTPError, URLError

_SERVER_ERROR = 500
_TRY_LATER = frozenset({408, 425, 429})

# The first that fits, so the narrower class stands before the wider one.
_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "timed out"),
    (socket.gaierror, "no server of this name"),
    (ssl.SSLCertVerificationError, "the server's certificate is not trusted"),
    (ssl.SSLError, "no secure connection"),
    (smtplib.SMTPRecipientsRefused, "the mail server takes none of the addresses"),
    (smtplib.SMTPNotSupportedError, "the mail server offers no TLS, or no login"),
    (smtplib.SMTPServerDisconnected, "the mail server hung up"),
    (HTTPException, "the answer is not HTTP"),
)
_REFUSED = (
    ssl.SSLCertVerificationError,
    smtplib.SMTPNotSupportedError,
    smtplib.SMTPRecipientsRefused,
)


def reason(error: BaseException) -> str:
    """Return why *error* was raised, without a word of it."""
    if isinstance(error, HTTPError):
        return f"HTTP {error.code}"
    if isinstance(error, URLError) and isinstance(error.reason, BaseException):
        return reason(error.reason)
    if isinstance(error, smtplib.SMTPResponseException):
        return f"SMTP {error.smtp_code}"
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno).lower()
    return type(error).__name__


def may_pass(error: BaseException) -> bool:
    """Whether a second attempt may help: not where the first was understood and refused."""
    if isinstance(error, HTTPError):
        return error.code >= _SERVER_ERROR or error.code in _TRY_LATER
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, _REFUSED):
        return False
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code < _SERVER_ERROR
    return isinstance(error, OSError | HTTPException)
