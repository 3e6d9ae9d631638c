"""Which events are the same: ids by content, repeats within a file, twins across files.

An id is a hash of what the line says, nothing of where it stands; so the CSV and the NDJSON of one
day give the same ids, and reading a file anew, in other pieces or under another name, does too.
See docs/decisions/0018-an-event-is-what-its-line-says.md.
"""

import hashlib
import re
from collections.abc import Sequence
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


def content_ids(contents: Sequence[pl.Series], *, family: str, logger: str) -> list[str]:
    """Return an id for each row of *contents*, columns of text that make up what a line says."""
    columns = [column.fill_null("").alias(str(index)) for index, column in enumerate(contents)]
    prefix = pl.lit(f"{family}{_PARTS}{logger}")
    said = pl.select(pl.concat_str(prefix, *columns, separator=_PARTS)).to_series()
    blake = hashlib.blake2b
    return [blake(one, digest_size=ID_BYTES).hexdigest() for one in said.cast(pl.Binary).to_list()]


def number_repeats(events: pl.DataFrame, *, file_key: str = "source_file") -> pl.DataFrame:
    """Mark events that say the same as one before in the same file: `.2`, `.3`, … behind the id.

    Args:
        events: Rows with ids as `content_ids` gives them, all those of a file that share an id.
        file_key: The column that tells files apart: their identity, where names change.
    """
    if events["event_id"].n_unique() == events.height:
        return events
    # Few are repeated; the others need no order.
    repeated = events["event_id"].is_duplicated()
    rows = repeated.arg_true()
    few = events.select("event_id", file_key, "source_offset").filter(repeated)
    ordered = few.with_columns(_row=rows).sort(file_key, "source_offset")
    nth = pl.int_range(1, pl.len() + 1).over(file_key, "event_id")
    suffixed = pl.format("{}.{}", "event_id", nth)
    numbered = ordered.with_columns(_id=pl.when(nth > 1).then(suffixed).otherwise("event_id"))
    ids = events["event_id"].scatter(numbered["_row"], numbered["_id"])
    return events.with_columns(ids.alias("event_id"))


def without_twins(events: pl.DataFrame) -> pl.DataFrame:
    """Keep each event once, by id: of twins the JSON, which knows more; else the first place.

    Expects ids as `number_repeats` gives them. The order of rows says nothing.
    """
    if events["event_id"].n_unique() == events.height:
        return events
    twins = events["event_id"].is_duplicated()
    once = (
        events.filter(twins)
        .sort("event_id", pl.col("dialect").is_in(_LESSER_TWINS), *_PLACE)
        .unique("event_id", keep="first", maintain_order=True)
    )
    return pl.concat([events.filter(~twins), once])
