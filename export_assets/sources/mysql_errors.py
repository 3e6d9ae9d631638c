"""What the errors of MySQL, MariaDB and their driver mean, in this package's own classes."""

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

_UNREACHABLE = 2003
_BY_CODE: dict[int, type[ExportError]] = {
    # Not there, or not permitted: databases, users, rights, rights to a host, to columns.
    **dict.fromkeys((1044, 1045, 1049, 1130, 1142, 1143, 1227, 1370, 1449, 1698), SourceMissing),
    **dict.fromkeys((1251, 1275, 1862, 2059, 4151), SourceMissing),
    # Held by others, or for too long: connections, locks, time limits.
    **dict.fromkeys((1040, 1203, 1226, 1205, 1213, 1969, 3024, 3058, 3572), SourceBusy),
    # Another definition than the one the statement was made for.
    **dict.fromkeys((1054, 1146, 1051, 1412, 3617), SourceChanged),
    # The connection, or what answers it, went away.
    **dict.fromkeys((1053, 1077, 1152, 1158, 1159, 1160, 1161, 1184), RemoteTransient),
    **dict.fromkeys((1317, 1927, 2006, 2013, 2014, 2055, 1021, 1037, 1041), RemoteTransient),
    # Damage.
    **dict.fromkeys((126, 127, 134, 144, 145, 1030, 1033, 1034, 1035, 1194, 1195), SourceCorrupt),
    **dict.fromkeys((1459, 1705, 1712, 1877, 1932, 1942), SourceCorrupt),
    2026: RemotePermanent,
    # Statements that are wrong: those of configured views, of views of the server's own.
    **dict.fromkeys((1052, 1060, 1064, 1149, 1242, 1248, 1305, 1356, 1365, 1630), UsageError),
}
_NOWHERE = re.compile(
    r"No such file|Name or service not known|nodename nor servname|getaddrinfo failed"
    r"|No address associated",
    re.IGNORECASE,
)
_LOST = frozenset({0, 2006, 2013, 2055})


def translate(error: BaseException, name: str) -> ExportError:
    """Return the error of this package that says what *error* means for *name*.

    Args:
        error: The driver's error: a code, then the server's words.
        name: The source, or what of it was read.
    """
    code, words = _taken_apart(error)
    if code in _LOST:
        return RemoteTransient(f"{name}: the connection to the server was lost")
    if code == _UNREACHABLE:
        kind: type[ExportError] = SourceMissing if _NOWHERE.search(words) else RemoteTransient
        return kind(f"{name}: {words}")
    if code is None:
        return SourceError(f"{name}: {words or type(error).__name__}")
    return _BY_CODE.get(code, SourceError)(f"{name}: {words} (error {code})")


def code_of(error: BaseException) -> int | None:
    """Return the server's number of *error*, None where it has none."""
    return _taken_apart(error)[0]


def _taken_apart(error: BaseException) -> tuple[int | None, str]:
    arguments = error.args
    own = not isinstance(error, OSError)  # whose first argument is a number of another kind
    if own and arguments and isinstance(arguments[0], int):
        words = " ".join(str(part) for part in arguments[1:] if part)
        return arguments[0], " ".join(words.split())
    return None, " ".join(str(error).split())
