"""The first rows that break a rule: where they are, and what may be told of them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from export_assets.tables.batch import Batch

MOST_LISTED = 20
"""Rows that are listed of each rule; all of them are counted."""

_LONGEST = 80


@dataclass(frozen=True, kw_only=True)
class FailingRow:
    """A row that breaks a rule."""

    number: int
    """Of the row in its partition, from 1."""
    key: str = ""
    """What identifies it, empty where that is not to be told."""
    value: str | None = None
    """Of the column the rule is about; None where that is not to be told."""


@dataclass(frozen=True, kw_only=True)
class Telling:
    """What may be told of a row besides where it is."""

    key: tuple[str, ...] = ()
    """Columns that identify it."""
    values: frozenset[str] = frozenset()
    """Columns whose values may be seen."""


NOTHING = Telling()


class FailingRows:
    """The first rows of one partition that break each rule."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._rows: dict[str, list[FailingRow]] = defaultdict(list)

    def has_room(self, rule: str) -> bool:
        """Whether further rows that break *rule* would be listed."""
        return len(self._rows[rule]) < MOST_LISTED

    def add(
        self, rule: str, column: str, batch: Batch, places: Iterable[int], *, before: int
    ) -> None:
        """List the rows at *places* of *batch*, *before* which so many others came."""
        listed = self._rows[rule]
        for place in places:
            if len(listed) >= MOST_LISTED:
                return
            listed.append(
                FailingRow(
                    number=before + place + 1,
                    key=", ".join(
                        f"{name} {_text(batch, name, place)}" for name in self._telling.key
                    ),
                    value=_text(batch, column, place) if column in self._telling.values else None,
                )
            )

    def add_numbers(self, rule: str, numbers: Iterable[int]) -> None:
        """List rows of which nothing is known but their numbers in the partition, from 1."""
        room = MOST_LISTED - len(self._rows[rule])
        found = [FailingRow(number=number) for number, _ in zip(numbers, range(room), strict=False)]
        self._rows[rule] += found

    def of(self, rule: str) -> tuple[FailingRow, ...]:
        """Return the first rows that break *rule*."""
        return tuple(self._rows.get(rule, ()))


def _text(batch: Batch, column: str, place: int) -> str:
    return told(batch.frame.get_column(column)[place])


def told(value: object) -> str:
    """Return *value* as a person may be shown it: cut to a line, bytes by their number only."""
    if value is None:
        return "null"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
