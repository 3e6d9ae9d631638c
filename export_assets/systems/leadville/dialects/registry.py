"""The dialects, and which of them a file is written in, told by its first lines."""

from collections.abc import Sequence
from typing import Final

from export_assets.sources.logs.judge import judge_line
from export_assets.systems.leadville.dialects.base import Dialect
from export_assets.systems.leadville.dialects.bridge_ndjson import BridgeNdjson
from export_assets.systems.leadville.dialects.debug_ndjson import DebugNdjson
from export_assets.systems.leadville.dialects.event_csv import EventCsv
from export_assets.systems.leadville.dialects.event_ndjson import EventNdjson
from export_assets.systems.leadville.dialects.timer_jsonl import TimerJsonl

DIALECTS: Final[dict[str, Dialect]] = {
    dialect.name: dialect
    for dialect in (EventCsv(), TimerJsonl(), DebugNdjson(), EventNdjson(), BridgeNdjson())
}
LOOKED_AT: Final = 50
"""Lines that are looked at to tell a dialect."""


def recognise(lines: Sequence[bytes]) -> Dialect | None:
    """Return the dialect of a file that begins with *lines*; None where no line is of any.

    The one that knows most of the first 50 lines is taken, so that a bad line does not decide.
    """
    votes = dict.fromkeys(DIALECTS, 0)
    for line in lines[:LOOKED_AT]:
        judged = judge_line(line, duplicate_keys="last_wins")
        record = judged.records[0] if judged.records else None
        for name, dialect in DIALECTS.items():
            if not judged.blank and dialect.recognises(line, record):
                votes[name] += 1
                break
    name = max(votes, key=lambda one: votes[one])
    return DIALECTS[name] if votes[name] else None
