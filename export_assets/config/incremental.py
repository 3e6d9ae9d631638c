"""How a table is followed from run to run: how far to read back, how often to look at all of it."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, PositiveInt

from export_assets.config.base import Model

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_RUNS = re.compile(r"([0-9]+)\s+runs?")

_LONGEST = timedelta(days=36_500).total_seconds()


def seconds_of(value: object) -> object:
    """Return the seconds of `90s`, `15m`, `1h`, `7d` or `2w`; numbers are seconds already."""
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, str):
        found = _DURATION.fullmatch(value.strip().lower())
        if found is None:
            msg = f"{value!r} is no duration; write seconds, or 90s, 15m, 1h, 7d, 2w"
            raise ValueError(msg)
        value = float(found[1]) * _SECONDS[found[2]]
    if isinstance(value, int | float) and value > _LONGEST:
        msg = "is longer than a hundred years"
        raise ValueError(msg)
    return value


Seconds = Annotated[
    float, BeforeValidator(seconds_of, json_schema_input_type=float | str), Field(ge=0)
]


class FullEvery(Model):
    """When a table with a cursor is read whole again, whichever comes first."""

    seconds: Seconds | None = 86_400.0
    """Seconds since it was last read whole."""
    runs: PositiveInt | None = None
    """Runs since then that followed the cursor."""


def full_every_of(value: object) -> object:
    """Turn `7d`, seconds or `20 runs` into the long form."""
    if isinstance(value, str) and (found := _RUNS.fullmatch(value.strip().lower())):
        return {"seconds": None, "runs": int(found[1])}
    if isinstance(value, str | int | float):
        return {"seconds": seconds_of(value)}
    return value


FullEveryOrText = Annotated[
    FullEvery, BeforeValidator(full_every_of, json_schema_input_type=float | str | FullEvery)
]
