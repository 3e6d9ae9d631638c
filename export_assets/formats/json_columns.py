"""Is every text of a column JSON: many at once, as the lines of one buffer."""

from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from export_assets.formats.json_text import DEEP, all_json

_decode_lines = msgspec.json.Decoder(msgspec.Raw).decode_lines

_ROWS: Final = 4_096
_BLANK: Final = ord(" ")
_BREAK = pa.scalar("\n", pa.large_string())
_NOTHING = pa.scalar("", pa.large_string())


def is_all_json(column: pa.ChunkedArray) -> bool:
    """Tell whether each text of *column*, `large_string`, is one JSON value, or null.

    As `all_json` says, for the price of a look at the bytes.
    """
    for chunk in column.chunks:
        texts = chunk.drop_null()
        for begin in range(0, len(texts), _ROWS):
            if not _all_json(texts.slice(begin, _ROWS)):
                return False
    return True


def _all_json(texts: pa.Array) -> bool:
    lines = pc.binary_join_element_wise(texts, _BREAK, _NOTHING).buffers()[2]
    content = np.frombuffer(lines, dtype=np.uint8)
    # One line break a text, or lines are not texts.
    if np.count_nonzero(content < _BLANK) > len(texts):
        return all_json(texts.to_pylist())
    try:
        found = _decode_lines(lines)
    except (msgspec.DecodeError, RecursionError):
        return False
    # Lines without anything are passed over.
    if len(found) != len(texts):
        return False
    deep = texts.filter(pc.greater(pc.binary_length(texts), DEEP))
    return all_json(deep.to_pylist())
