"""Sample data: a store of invented users, the measurements that led to it, and what became of them.

weights/states/<user_id>.json    in all forms, some broken, one without anything
weights/measurements/*.csv       in all layouts, with a year 25 and other units
weights/results.csv              measurements accepted and rejected
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final

from export_assets.systems.weights.sample_states import NEWEST, SOURCES, state_of, text_of

USERS: Final = 2_500
SEED: Final = 20_260_208
_BROKEN: Final = {
    "u-broken-cut": b'{"last_state": {"_type": "ndarray", "data": [[80.1',
    "u-broken-empty": b"",
    "u-broken-list": b"[1, 2, 3]",
    "u-broken-rows": b'{"last_state": [[80.0, 0.1], [80.2]]}',
    "u-broken-text": b'{"last_source": "k\xfcche"}',
    "u-broken-time": b'{"last_timestamp": "yesterday"}',
}
_SOUND: Final = {
    "u-none": b"{}",
    "u-nulls": b'{"last_state": null, "last_timestamp": null, "kalman_params": null}',
    "u-nan": b'{"last_state": [[NaN, 0.0]], "last_raw_weight": Infinity}',
    "u-1": (
        b'{"last_state": "[[8.00e+01 0.00e+00]\\n [8.05e+01 2.00e-02]]", "last_raw_weight": 80.7}'
    ),
}
_LONG = ("id", "user_id", "timestamp", "effectiveDateTime", "source_type", "weight", "unit")
_OTHER = ("user_id", "timestamp", "weight", "source", "unit")


def make_sample(directory: Path, *, users: int = USERS, seed: int = SEED) -> str:
    """Fill the store at *directory*, and what lies beside it; return a line that describes it.

    Deterministic; what is there already stays.
    """
    if directory.is_dir() and any(directory.glob("*.json")):
        return f"states of before in {directory.name}"
    names = make_states(directory, users=users, seed=seed)
    for name, content in (_SOUND | _BROKEN).items():
        (directory / f"{name}.json").write_bytes(content)
    measured = _make_measurements(directory.parent / "measurements", names[:400], seed=seed)
    _make_results(directory.parent / "results.csv", names, seed=seed)
    told = f"{len(names) + len(_SOUND):,} states, {len(_BROKEN)} broken ones"
    return f"{told}, {measured:,} measurements"


def make_states(directory: Path, *, users: int, seed: int = SEED) -> list[str]:
    """Write states of so many *users* into *directory* and return their ids, in order."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    random = Random(seed)  # noqa: S311 - invented data
    names = [f"u-{index:06d}" for index in range(users)]
    for index, name in enumerate(names):
        (directory / f"{name}.json").write_text(text_of(state_of(index, random)), encoding="utf-8")
    return names


def make_many(directory: Path, *, users: int) -> None:
    """Write so many short states quickly: the same 700 bytes but for two numbers."""
    directory.mkdir(parents=True, exist_ok=True)
    state = state_of(20, Random(SEED))  # noqa: S311 - invented data
    history = state["measurement_history"]
    state["measurement_history"] = history[:1] if isinstance(history, list) else []
    state["last_raw_weight"], state["last_state"] = 11111.5, [[80.0, 0.0], [22222.5, 0.02]]
    text = text_of(state)
    for index in range(users):
        own = text.replace("11111.5", f"{60 + index % 997 / 10}", 1)
        own = own.replace("22222.5", f"{60 + index % 991 / 10}", 1)
        with (directory / f"u{index:07d}.json").open("w", encoding="utf-8") as file:
            file.write(own)


def _make_measurements(directory: Path, names: Sequence[str], *, seed: int) -> int:
    directory.mkdir(exist_ok=True)
    random = Random(seed + 1)  # noqa: S311 - invented data
    rows = list(_measured(names, random))
    third = len(rows) // 3
    short = [(row[1], row[3], *row[4:]) for row in rows[:third]]
    short += [
        (names[0], "0025-03-01 08:00:00", "scale", "81.2", "kg"),
        (names[1], "2026-01-05 08:00:00", "scale", "179.4", "[lb_ap]"),
        (names[2], "2026-01-05T08:00:00", "scale", "1.92", "m2"),
        (names[3], "2026-01-06 08:00:00", "scale", "26.4", "kg/m2"),
        (names[4], "2026-01-07 08:00:00", "scale", "77.7", "NULL"),
    ]
    _write(directory / "2025.csv", short, header=None, quoting=csv.QUOTE_ALL)
    _write(directory / "2026-a.csv", rows[third : 2 * third], header=_LONG)
    other = [(row[1], row[2], row[5], row[4], row[6]) for row in rows[2 * third :]]
    _write(directory / "2026-b.csv", other, header=_OTHER)
    return len(rows) + 5


def _measured(names: Sequence[str], random: Random) -> Iterator[tuple[str, ...]]:
    number = 0
    for name in names:
        weight = random.uniform(48, 160)
        for _ in range(random.randrange(2, 12)):
            number += 1
            at = NEWEST - timedelta(minutes=random.randrange(400_000))
            text = f"{at:%Y-%m-%d %H:%M:%S}" if number % 3 else at.isoformat()
            value = f"{weight + random.gauss(0, 1):.2f}"
            yield (f"m-{number:06d}", name, text, text, random.choice(SOURCES), value, "kg")


def _make_results(file: Path, names: Sequence[str], *, seed: int) -> None:
    random = Random(seed + 2)  # noqa: S311 - invented data
    rows = [(name, random.randrange(1, 60), random.randrange(0, 9)) for name in names]
    _write(file, rows, header=("user_id", "accepted", "rejected"))


def _write(
    file: Path,
    rows: Sequence[Sequence[object]],
    *,
    header: Sequence[str] | None,
    quoting: int = csv.QUOTE_MINIMAL,
) -> None:
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
        if header is not None:
            writer.writerow(header)
        writer.writerows(rows)
