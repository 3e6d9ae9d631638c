"""What PostgreSQL, libpq and the driver say, in this package's own classes, one line each."""

import re

from export_assets.errors import (
    ExportError,
    RemotePermanent,
    RemoteTransient,
    SourceBusy,
    SourceChanged,
    SourceCorrupt,
    SourceError,
    SourceMissing,
    UsageError,
)

Kind = type[ExportError]

_BY_STATE: tuple[tuple[str, Kind, str], ...] = (
    ("55P03", SourceBusy, "locked by another session for longer than the busy timeout"),
    ("57014", SourceBusy, "the server cancelled a statement: a timeout, or on request"),
    ("40", SourceBusy, "the server gave up on a conflict with other work"),
    ("53300", SourceBusy, "the server has no connection left"),
    ("57P03", SourceBusy, "the server is starting up or shutting down"),
    ("53200", RemotePermanent, "the server is out of memory or locks: max_locks_per_transaction"),
    ("53", RemoteTransient, "the server is out of resources"),
    ("57", RemoteTransient, "the server ended the connection"),
    ("08", RemoteTransient, "the connection was lost"),
    ("25P03", RemoteTransient, "the server ended the idle connection"),
    ("25P04", RemoteTransient, "the server's limit on a transaction's duration was reached"),
    ("28", SourceMissing, "the server refused the user or the password"),
    ("3D000", SourceMissing, "there is no such database"),
    ("42501", SourceMissing, "permission denied"),
    ("42P01", SourceChanged, "a table disappeared"),
    ("42703", UsageError, ""),
    ("42704", UsageError, ""),
    ("55000", SourceMissing, ""),  # a materialised view that was never filled
    ("XX001", SourceCorrupt, "a table is damaged"),
    ("XX002", SourceCorrupt, "an index is damaged"),
    ("58P01", SourceCorrupt, "a file of the database is missing"),
    # A database without an encoding stores any bytes.
    ("22021", SourceCorrupt, "holds text that is not UTF-8"),
    ("22", UsageError, ""),
    ("42", UsageError, ""),
    ("0A", UsageError, ""),
)
# libpq's own words, and what a server says before a session has a state: connecting, streaming.
_BY_WORDS: tuple[tuple[str, Kind, str], ...] = (
    ("lock timeout", SourceBusy, "locked by another session for longer than the busy timeout"),
    ("statement timeout", SourceBusy, "the server cancelled a statement: its timeout is over"),
    ("user request", SourceBusy, "the server cancelled a statement on request"),
    ("conflict with recovery", SourceBusy, "the standby gave up on a conflict with replay"),
    ("too many clients", SourceBusy, "the server has no connection left"),
    ("too many connections", SourceBusy, "the server has no connection left"),
    ("remaining connection slots", SourceBusy, "the server has no connection left"),
    ("starting up", SourceBusy, "the server is starting up"),
    ("shutting down", SourceBusy, "the server is shutting down"),
    ("recovery mode", SourceBusy, "the server is recovering"),
    ("could not translate host name", SourceMissing, "there is no such host"),
    ("password authentication failed", SourceMissing, "the server refused user or password"),
    ("no password supplied", SourceMissing, "the server asks for a password"),
    ("authentication failed", SourceMissing, "the server refused the user"),
    ("no pg_hba.conf entry", SourceMissing, "the server does not admit this user from here"),
    ("permission denied", SourceMissing, "permission denied"),
    ("is not permitted to log in", SourceMissing, "the user may not log in"),
    ("certificate verify failed", SourceMissing, "the server's certificate is not trusted"),
    ("server does not support SSL", SourceMissing, "the server does not offer SSL"),
    ("query parameter", UsageError, "the address holds a parameter that libpq does not know"),
    ("percent-encoded", UsageError, "the address is malformed"),
    ("invalid sslmode", UsageError, "the address holds an invalid value"),
    ("invalid integer value", UsageError, "the address holds an invalid value"),
    ("onnection refused", RemoteTransient, "nobody answers at its address"),
    ("No such file or directory", RemoteTransient, "no server listens at its socket"),
    ("timeout expired", RemoteTransient, "the server did not answer in time"),
    ("timed out", RemoteTransient, "the server did not answer in time"),
    ("invalid page in block", SourceCorrupt, "a table is damaged"),
    ("could not read block", SourceCorrupt, "a table is damaged"),
    ("terminating connection", RemoteTransient, "the server ended the connection"),
    ("onnection to server", RemoteTransient, "the connection was lost"),
    ("server closed the connection", RemoteTransient, "the server closed the connection"),
    ("no connection", RemoteTransient, "the connection was lost"),
    ("SSL", RemoteTransient, "the secure connection failed"),
)
_PRIMARY = ("PG_DIAG_MESSAGE_PRIMARY", b"PG_DIAG_MESSAGE_PRIMARY")
"""As drivers of different versions name the server's sentence."""
_ABSENT = re.compile(r'(database|role) "[^"]*" does not exist')
_NOISE = re.compile(
    r"^(?:[A-Z_]+: )?(?:\[libpq\] )?"
    r"(?:Failed to [a-z ]+: (?:could not begin COPY: )?|Execution error \[\w+\]: )?"
)


def said(error: BaseException) -> str:
    """Return the server's own sentence in *error*, without the statement it is about."""
    for name, value in getattr(error, "details", None) or ():
        if name in _PRIMARY:
            return " ".join(bytes(value).decode("utf-8", "replace").split())
    first = str(error).split("\n", 1)[0]
    first = _NOISE.sub("", first).removeprefix("ERROR:").removeprefix("FATAL:")
    return re.sub(r"\s*SQLSTATE: \w+$", "", first).strip()


def translate(error: Exception, subject: str) -> ExportError:
    """Return the error of this package that says what *error* means for *subject*.

    Only sentences about the statement itself are passed on; those of a failed connection may
    quote the address, and are replaced.
    """
    state = getattr(error, "sqlstate", None) or ""
    sentence = said(error)
    if state:
        for prefix, kind, fact in _BY_STATE:
            if state.startswith(prefix):
                return kind(f"{subject}: {_both(fact, sentence)}")
        return SourceError(f"{subject}: {sentence} ({state})")
    if absent := _ABSENT.search(str(error)):
        return SourceMissing(f"{subject}: {absent[0]}")
    for words, kind, fact in _BY_WORDS:
        if words in str(error):
            return kind(f"{subject}: {fact}")
    if "PGRES_FATAL_ERROR" in str(error):
        return SourceError(f"{subject}: {sentence}")
    return RemoteTransient(f"{subject}: the connection failed")


def _both(fact: str, sentence: str) -> str:
    if not fact:
        return sentence
    return fact if not sentence or fact in sentence else f"{fact} ({sentence})"
