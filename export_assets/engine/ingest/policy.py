"""How logs are read, whatever is in them."""

from dataclasses import dataclass, field
from datetime import timedelta

from export_assets.engine.ingest.ahead import default_threads
from export_assets.engine.ingest.prefix import WHOLE_BYTES


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How logs are read."""

    seal_after: timedelta = timedelta(hours=24)
    """Idle for so long, a file's last line counts without its line feed."""
    whole_bytes: int = WHOLE_BYTES
    """Up to here a fingerprint is of all bytes."""
    max_line_bytes: int = 16 << 20
    block_bytes: int = 4 << 20
    threads: int = field(default_factory=default_threads)
    """How many judge and prepare rows at once; the rows are the same for any number."""
    grow_bytes: int = 4 << 20
    """A segment shorter than this is written anew with what was appended, so that a log followed
    every second does not become a segment for each second."""
