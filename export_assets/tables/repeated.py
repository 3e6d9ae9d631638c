"""Which rows hold a value that an earlier row of the partition has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export_assets.tables.byte_hashes import Hashes


@dataclass(frozen=True, kw_only=True)
class Values:
    """The hashed values of one batch, without its nulls."""

    hashes: Hashes
    before: int
    """Rows of the partition before those of the batch."""
    valid: npt.NDArray[np.bool_] | None
    """Which rows of the batch have a value; None where all have."""


def repeated_rows(batches: Sequence[Values], hashes: Hashes) -> Iterator[int]:
    """Yield the numbers, from 1, of rows whose value an earlier one has, in order.

    Args:
        batches: All batches of the partition, in the order of its rows.
        hashes: Their hashes, one after the other.
    """
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    later = np.zeros(len(hashes), dtype=np.bool_)
    later[order[1:][ordered[1:] == ordered[:-1]]] = True
    start = 0
    for one in batches:
        places = np.flatnonzero(later[start : start + len(one.hashes)])
        start += len(one.hashes)
        rows = places if one.valid is None else np.flatnonzero(one.valid)[places]
        yield from (rows + one.before + 1).tolist()
