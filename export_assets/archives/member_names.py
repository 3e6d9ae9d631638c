"""Names of members: from file names to what every zip reader takes, and back.

A path is percent-encoded where it holds bytes that are no UTF-8, control characters, a backslash,
a colon, a percent sign, or a part that ends in a blank or a dot. Paths that differ only in case or
in Unicode normalisation get a suffix; the metadata holds the true path.
"""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from urllib.parse import quote_from_bytes, unquote_to_bytes

from export_assets.errors import UnsafeArchive, UsageError

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\\:%\ud800-\udfff\u2028\u2029<>"|?*]')
_BAD_END = re.compile(r"[ .](?=/|\Z)")
_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST = 65_535
_LONGEST_PART = 255


def member_name(path: str) -> str:
    """Return the name under which the file at the relative *path* stands in a zip."""
    escaped = _UNSAFE.sub(_percent, path)
    return _BAD_END.sub(_percent, escaped)


def member_names(paths: Iterable[str], *, reserved: Collection[str] = ()) -> dict[str, str]:
    """Return a name for each of *paths*, no two equal to a file system that ignores case.

    Raises:
        UsageError: A path is given twice, or is not relative.
    """
    names: dict[str, str] = {}
    for path in paths:
        if path in names:
            msg = f"{path!r}: is to be archived twice"
            raise UsageError(msg)
        if not path or not {"", ".", ".."}.isdisjoint(path.split("/")):
            msg = f"{path!r}: not a relative path of a file"
            raise UsageError(msg)
        names[path] = member_name(path)
    # Over again in case a name with its suffix is what another file is called.
    while clashing := _clashing(names, reserved):
        names |= {path: f"{names[path]}~{_hash(path)}" for path in clashing}
    return names


def encoded_path(path: str) -> str:
    """Return *path* percent-encoded, for the metadata."""
    return quote_from_bytes(os.fsencode(path))


def decoded_path(text: str) -> str:
    """Return the path that `encoded_path` encoded."""
    return os.fsdecode(unquote_to_bytes(text))


def check_name(name: str, *, subject: str) -> None:
    """Refuse a *name* that leads, or on some system could lead, anywhere but below the target.

    Raises:
        UnsafeArchive: Naming *subject* and the member.
    """
    fault = _fault(name)
    if fault is not None:
        msg = f"{subject}: member {name!r} {fault}"
        raise UnsafeArchive(msg)


def folded(name: str) -> str:
    """Return what two names have in common where case and normalisation are ignored."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _fault(name: str) -> str | None:
    parts = name.split("/")
    if not name or len(name) > _LONGEST:
        return "has no name" if not name else "has too long a name"
    if "\0" in name:
        return "has a NUL in its name"
    if name.startswith("/"):
        return "has an absolute path"
    if ".." in parts:
        return "leads out of the archive"
    if "" in parts or "." in parts:
        return "is a directory or has an empty part in its path"
    return None


def check_portable(name: str, *, subject: str) -> None:
    """Refuse what `check_name` refuses, and what `member_name` would have written otherwise.

    Raises:
        UnsafeArchive: Naming *subject* and the member.
    """
    check_name(name, subject=subject)
    if _DRIVE.match(name):
        msg = f"{subject}: member {name!r} names a drive"
        raise UnsafeArchive(msg)
    if member_name(name.replace("%", "_")) != name.replace("%", "_"):
        msg = f"{subject}: member {name!r} has characters that no member may have"
        raise UnsafeArchive(msg)


def _clashing(names: dict[str, str], reserved: Collection[str]) -> list[str]:
    taken = Counter(folded(name) for name in (*names.values(), *reserved))
    return [path for path, name in names.items() if taken[folded(name)] > 1]


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in os.fsencode(found[0]))


def _hash(path: str) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
