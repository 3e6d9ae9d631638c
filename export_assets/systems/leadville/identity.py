"""Which events are the same: ids by content, repeats within a file, twins across files.

An id is a hash of what the line says, nothing of where it stands; so the CSV and the NDJSON of one
day give the same ids, and reading a file anew, in other pieces or under another name, does too.
See docs/decisions/0018-an-event-is-what-its-line-says.md.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from export_assets.tables.byte_hashes import mix

Words = npt.NDArray[np.uint64]

_SEEDS: Final = np.array([0x6A09E667F3BCC909, 0xBB67AE8584CAA73B], dtype=np.uint64)
_FACTORS: Final = np.array([0xBF58476D1CE4E5B9, 0x9FB21C651E98DF25], dtype=np.uint64)
_SHIFTS: Final = np.array([29, 32], dtype=np.uint64)
_SPREAD: Final = np.uint64(0xD6E8FEB86659FD93)
_HALF: Final = np.uint64(32)
_WORD: Final = 8
# How many low bytes of a word belong to the text, by the number of bytes left (0 to 8).
_KEEP: Final = np.array([(1 << (8 * n)) - 1 for n in range(_WORD + 1)], dtype=np.uint64)
_HEX: Final = np.frombuffer(bytes(range(256)).hex().encode("ascii"), dtype=np.uint16)
_ID_LETTERS: Final = 32

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


def content_ids(contents: Sequence[pl.Series], *, family: str, logger: str) -> pl.Series:
    """Return an id for each row of *contents*, columns of text that make up what a line says.

    It is the hash, 128 bits in hex, of family, logger and contents, parted by U+001F.
    """
    columns = pl.DataFrame({str(index): column for index, column in enumerate(contents)})
    parts: list[pl.Expr] = [pl.lit(f"{family}{_PARTS}{logger}")]
    for name in columns.columns:
        parts += (pl.lit(_PARTS), pl.col(name))
    said = columns.select(pl.concat_str(parts, ignore_nulls=True)).to_series()
    texts = pa.chunked_array([said.to_arrow()]).cast(pa.large_string()).combine_chunks()
    letters = _HEX[_hash128(texts).astype(">u8").view(np.uint8)]
    bounds = np.arange(0, (len(said) + 1) * _ID_LETTERS, _ID_LETTERS, dtype=np.int64)
    ids = pa.Array.from_buffers(
        pa.large_string(), len(said), [None, pa.py_buffer(bounds), pa.py_buffer(letters)]
    )
    return pl.Series("event_id", ids)


def _hash128(texts: pa.Array) -> Words:
    """Hash each of *texts*, none null, to a row of two words.

    Two states begin with a seed each and the number of bytes. The first takes in word after word
    of eight bytes, little-endian, the last one filled up with NUL; after each the second takes in
    the first. As every step can be undone, texts that differ in two neighbouring words at most
    never meet, and others by chance of 128 bits.
    """
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    content = bytes(data or b"") + bytes(_WORD)
    words = np.ndarray((len(content) - _WORD + 1,), dtype="<u8", buffer=content, strides=(1,))
    lengths = np.diff(bounds)
    counts = (lengths + _WORD - 1) // _WORD
    # Longest first, so that those with words left are the first ones.
    narrow = counts.max(initial=0) <= np.iinfo(np.int16).max
    order = np.argsort(-(counts.astype(np.int16) if narrow else counts), kind="stable")
    counts, lengths, position = counts[order], lengths[order], bounds[:-1][order]
    first, second = (seed ^ lengths.astype(np.uint64) for seed in _SEEDS)
    going = len(counts)
    for done in range(int(counts.max(initial=0))):
        going = int(np.searchsorted(-counts[:going], -done, side="left"))
        more = int(np.searchsorted(-counts[:going], -done - 1, side="left"))
        word = words[position[:going] + done * _WORD]
        word[more:] &= _KEEP[lengths[more:going] - done * _WORD]
        word *= _SPREAD
        word ^= word >> _HALF
        _absorb(first[:going], word, _FACTORS[0], _SHIFTS[0])
        _absorb(second[:going], first[:going], _FACTORS[1], _SHIFTS[1])
    hashes = np.empty((len(texts), 2), dtype=np.uint64)
    hashes[order, 0], hashes[order, 1] = mix(first), mix(second)
    return hashes


def _absorb(state: Words, word: Words, factor: np.uint64, shift: np.uint64) -> None:
    """Take one word of each text into its state, in place."""
    state ^= word
    state *= factor
    state ^= state >> shift


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
