"""Which log directories the segments of a source may come from: one, unless it was moved.

A source that is pointed at another directory must neither mix the events of both nor let those of
the first go. So the first directory is the source's, until it is found elsewhere by its content, or
somebody says that another one takes its place.
"""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from export_assets.engine.ingest.listing import Listed
from export_assets.engine.ingest.look import look_at, open_log
from export_assets.engine.ingest.policy import Policy
from export_assets.engine.ingest.segments import Known, Segment
from export_assets.errors import ExportError
from export_assets.store.durable import write_durably

NAME: Final = ".origins"


class _Origins(msgspec.Struct):
    origins: list[str]


class Lineage:
    """The origins whose segments count, kept beside the segments."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._origins: set[str] | None = None
        with suppress(OSError, ValueError):  # msgspec's own errors are ValueErrors
            found = msgspec.json.decode(self._path.read_bytes(), type=_Origins)
            self._origins = set(found.origins)

    def counts(self, segment: Segment) -> bool:
        """Whether a segment is of the source's directory."""
        return self._origins is None or segment.manifest.snapshot.origin in self._origins

    def knows(self, origin: str, known: Known) -> bool:
        """Whether *origin* is the source's directory, or there is nothing it could differ from."""
        if self._origins is not None:
            return origin in self._origins
        return not known.all or any(one.manifest.snapshot.origin == origin for one in known.all)

    def add(self, origin: str, known: Known) -> None:
        """Take *origin* for the same directory, found elsewhere."""
        before = self._origins or {one.manifest.snapshot.origin for one in known.all}
        self._keep(before | {origin})

    def replace(self, origin: str) -> None:
        """Let *origin* take the place of whatever was the source's directory."""
        self._keep({origin})

    def _keep(self, origins: set[str]) -> None:
        self._origins = origins
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(self._path, msgspec.json.encode(_Origins(sorted(origins))) + b"\n")


def holds_known_content(files: list[Listed], known: Known, policy: Policy) -> bool:
    """Whether any of *files* begins with content that was read before."""
    now = datetime.now(UTC)
    for listed in sorted(files, key=lambda one: one.size):
        with suppress(OSError, ExportError), open_log(listed) as descriptor:
            if descriptor is None:
                continue
            if look_at(listed, descriptor, known, policy, now=now).base is not None:
                return True
    return False
