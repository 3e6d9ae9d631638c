"""What an offload archive is called."""

import re
from datetime import UTC, datetime

from export_assets.archives.offload.request import OffloadRequest
from export_assets.errors import UsageError
from export_assets.store.layout import safe_name

MATCH_PREFIX = "match_"
"""How the names of match archives start, which no other archive's may."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


def check_request(request: OffloadRequest) -> None:
    """Refuse what cannot be asked for.

    Raises:
        UsageError: The name cannot be an archive's, or the cutoff has no time zone.
    """
    check_name(request.name)
    if request.cutoff.tzinfo is None:
        msg = "offload: the cutoff has no time zone"
        raise UsageError(msg)


def check_name(name: str | None) -> None:
    """Refuse *name* where it cannot be an archive's; None stands for one made of times.

    Raises:
        UsageError: It cannot.
    """
    if name is not None and (not _NAME.match(name) or name.lower().startswith(MATCH_PREFIX)):
        msg = f"archive name {name!r}: letters, digits, `.`, `_` and `-`, at most 64, not `match_…`"
        raise UsageError(msg)
    if name is not None and safe_name(name) != name:
        msg = f"archive name {name!r}: Windows has no files of that name"
        raise UsageError(msg)


def archive_names(request: OffloadRequest, moment: datetime) -> list[str]:
    """Return the names the new archive may get, less `.age`, the first free one counting."""
    if request.name is not None:
        return [f"{request.name}.zip"]
    stem = f"offload_before_{request.cutoff:%Y%m%d}_{moment.astimezone(UTC):%Y%m%d_%H%M%S}"
    return [f"{stem}.zip", *(f"{stem}_{number}.zip" for number in range(2, 1000))]
