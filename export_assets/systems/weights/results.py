"""What the processor decided of measurements, from a results file, as counts by user.

CSV with a header, or a JSON list of objects, with

    user_id, accepted, rejected     counts; rows of one user are added up
    user_id, accepted               one measurement a row: true or false

Further columns are ignored. The counts of all users are held in memory, 100 bytes each.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from export_assets.errors import SourceCorrupt
from export_assets.translate import translating

_YES = frozenset({"true", "1", "yes", "accepted"})
_NO = frozenset({"false", "0", "no", "rejected"})


def read_results(file: Path | None) -> Iterator[tuple[str, int, int, float | None]]:
    """Yield user, accepted, rejected and the share of the former, by user.

    Raises:
        SourceCorrupt: It is no such file; the message names the row.
        SourceMissing: It cannot be read.
    """
    if file is None:
        return
    counts: dict[str, tuple[int, int]] = {}
    for number, row in _rows(file):
        user = row.get("user_id")
        try:
            accepted, rejected = _counts(row)
        except ValueError:
            accepted = -1
        if not isinstance(user, str) or not user or accepted < 0 or rejected < 0:
            msg = f"{file}: row {number:,} does not say how many measurements of whom were accepted"
            raise SourceCorrupt(msg)
        before = counts.get(user, (0, 0))
        counts[user] = before[0] + accepted, before[1] + rejected
    for user in sorted(counts):
        accepted, rejected = counts[user]
        decided = accepted + rejected
        yield user, accepted, rejected, accepted / decided if decided else None


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    with translating(str(file), side="source"), file.open(encoding="utf-8-sig", newline="") as text:
        try:
            if file.suffix.lower() != ".json":
                yield from enumerate(csv.DictReader(text, strict=True), 1)
                return
            found = json.load(text)
        except (ValueError, csv.Error, RecursionError) as error:
            msg = f"{file}: is no file of results: {error}"
            raise SourceCorrupt(msg) from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        msg = f"{file}: is no list of objects"
        raise SourceCorrupt(msg)
    yield from enumerate(found, 1)


def _counts(row: Mapping[str, object]) -> tuple[int, int]:
    """Return how many measurements a row says were accepted, and rejected.

    Raises:
        ValueError: It does not say so.
    """
    accepted, rejected = row.get("accepted"), row.get("rejected")
    if rejected is not None:
        return int(str(accepted)), int(str(rejected))
    word = str(accepted).strip().lower()
    if word not in _YES | _NO:
        raise ValueError(word)
    return (1, 0) if word in _YES else (0, 1)
