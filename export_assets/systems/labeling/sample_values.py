"""What makes up the invented rows: texts that are hard to export, ids, and times in both forms."""

import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

NAMES: Final = (
    "Straßenschilder",
    "Obst, Gemüse & Co.",
    "道路標識 🚦",
    'The "big" one',
    "=SUM(A1:A9)",
    "Two\nlines",
    "it's a test",
    "Żółć; semicolon\ttab",
)
DESCRIPTIONS: Final = (
    None,
    "",
    "Taken in rain, at dusk.",
    'First line,\r\nsecond "line".',
    " spaces around ",
    "old\rline end",
    "null",
)
FILENAMES: Final = (
    "img_{:04d}.jpg",
    "IMG_{:04d}.JPG",
    "=cmd_{:04d}.png",
    "größe {:04d}.jpg",
    "a,b {:04d}.jpg",
    'say "{:04d}".jpeg',
    "new\nline {:04d}.jpg",
    "猫 {:04d} 🐈.png",
    "-{:04d}.jpg",
)
CLASSES: Final = ("car", "Fußgänger", "stop, sign", '"quoted"', "=class", "自転車", "")
SEGMENTATIONS: Final = (
    None,
    "null",
    '[{"x": 10.5, "y": 20.25}, {"x": -3, "y": 40.0}, {"x": 1e-07, "y": 7.123456789012345}]',
    "[]",
    '[{"x": 1, "y": 2}, {"x": 3',  # broken off
    "",
    '[{"x": 1, "y": 2, "note": "Größe, \\u00e9"}]',
    "12",  # a JSON column has numeric affinity: it is stored as a number
    '[ {"y" : 1,"x":2.50} ]',
)
"""SQL NULL beside the JSON text `null`, broken JSON, and spellings that differ from the usual."""

_START: Final = datetime(2025, 1, 30, 22, 0, tzinfo=UTC)

Item = TypeVar("Item")


class Invention:
    """A source of chance, of ids and of times, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - sample data, no secret
        self._clock = _START
        self._stamps = 0

    def uuid(self) -> str:
        """Return a new id."""
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def pick(self, among: Sequence[Item]) -> Item:
        """Return one of *among*."""
        return self._chance.choice(among)

    def number(self, least: int, below: int) -> int:
        """Return a whole number from *least* up to, not including, *below*."""
        return self._chance.randrange(least, below)

    def real(self, least: float, most: float, digits: int = 3) -> float:
        """Return a number between *least* and *most* with so many *digits* after the point."""
        return round(self._chance.uniform(least, most), digits)

    def flag(self) -> int | None:
        """Return 0, 1 or now and then NULL."""
        return self.pick((0, 0, 1, 1, None))

    def stamps(self) -> dict[str, object]:
        """Return `created_at` and `updated_at`, a little later than those returned before.

        Every third has no fraction of a second, as the database writes it by itself; every fifth
        is the same moment as the one before; now and then there is none.
        """
        self._stamps += 1
        if self._stamps % 5:
            self._clock += timedelta(seconds=self.number(1, 1_500), microseconds=self.number(0, 9))
        changed = self._clock + timedelta(minutes=self.number(0, 9_000))
        created = None if self._stamps % 37 == 0 else self.stored(self._clock)
        return {"created_at": created, "updated_at": self.stored(changed)}

    def stored(self, moment: datetime) -> str:
        """Return *moment* in one of the two forms that are found."""
        plain = f"{moment:%Y-%m-%d %H:%M:%S}"
        return plain if self.number(0, 3) == 0 else f"{plain}.{moment:%f}"

    def moment(self) -> str:
        """Return the time it is, in one of the two forms."""
        return self.stored(self._clock)
