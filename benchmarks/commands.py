"""Jobs with options of their own, by name; `python -m benchmarks NAME --help` lists them."""

from collections.abc import Callable

from benchmarks.growth import job as growth
from benchmarks.guard import job as guard

COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "growth-curves": growth.main,
    "guard": guard.main,
}
