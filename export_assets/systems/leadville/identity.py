"""Which events are the same: ids by content, repeats within a file, twins across files.

An id is a hash of what the line says, nothing of where it stands; so the CSV and the NDJSON of one
day give the same ids, and reading a file anew, in other pieces or under another name, does too.
See docs/decisions/0018-an-event-is-what-its-line-says.md.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

import polars as pl

ID_BYTES: Final = 16

_LOGGER = re.compile(r"^(?P<logger>.+)_(?:main|debug)_[0-9]{8}")
_PARTS = "\x1f"
_PLACE = ("source_file", "source_offset")
_LESSER_TWINS = ("event_csv", "timer_sqlite")


def logger_of(source_file: str) -> str:
    """Return which logger wrote a file, from a name like `range1_main_20250914.csv`.

    Nothing where the name is of another form: such files count as of one logger.
    """
    found = _LOGGER.match(PurePosixPath(source_file).name)
    return found["logger"] if found else ""


def content_ids(contents: Iterable[Iterable[str]], *, family: str, logger: str) -> list[str]:
    """Return an id for each of *contents*, the texts that make up what a line says."""
    prefix = f"{family}{_PARTS}{logger}{_PARTS}"
    blake = hashlib.blake2b
    return [
        blake(
            (prefix + _PARTS.join(content)).encode("utf-8"),
            digest_size=ID_BYTES,
        ).hexdigest()
        for content in contents
    ]


def number_repeats(events: pl.DataFrame, *, file_key: str = "source_file") -> pl.DataFrame:
    """Mark events that say the same as one before in the same file: `.2`, `.3`, … behind the id.

    Args:
        events: Rows with ids as `content_ids` gives them, all those of a file that share an id.
        file_key: The column that tells files apart: their identity, where names change.
    """
    if not events["event_id"].is_duplicated().any():
        return events
    nth = pl.int_range(1, pl.len() + 1)
    ordered = events.with_row_index("_row").sort([file_key, "source_offset"])
    numbered = ordered.with_columns(nth.over([file_key, "event_id"]).alias("_nth"))
    suffixed = pl.format("{}.{}", "event_id", "_nth")
    return (
        numbered.with_columns(
            pl.when(pl.col("_nth") > 1).then(suffixed).otherwise("event_id").alias("event_id")
        )
        .sort("_row")
        .drop("_row", "_nth")
    )


def without_twins(events: pl.DataFrame) -> pl.DataFrame:
    """Keep each event once, by id: of twins the JSON, which knows more; else the first place.

    Expects ids as `number_repeats` gives them; the order of rows is that of time and place.
    """
    if not events["event_id"].is_duplicated().any():
        return events
    return (
        events.sort("event_id", pl.col("dialect").is_in(_LESSER_TWINS), *_PLACE)
        .unique("event_id", keep="first", maintain_order=True)
        .sort(["occurred_at", "source_file", "source_offset"])
    )
