"""Where a dump may go, and in which format: both settled before a state is read."""

from collections.abc import Mapping
from pathlib import Path

from export_assets.errors import DestPermission, UsageError
from export_assets.formats.registry import FORMATS, format_named
from export_assets.systems.weights.taken import States

_DEFAULT = "csv"


def format_of(output: Path, *, given: str | None, profile: str) -> str:
    """Return the name of the format to write: the one *given*, else that of the ending.

    A name without any ending is CSV.

    Raises:
        UsageError: There is no such format or profile, the ending names none or another one, or
            the profile has no such format.
    """
    if profile not in {"default", "legacy"}:
        msg = f"profile: must be default or legacy, not {profile!r}"
        raise UsageError(msg)
    ending = output.suffix.lower().removeprefix(".")
    if given is None:
        if output.suffix and ending not in FORMATS:
            msg = f"{output}: its ending names no format; say --format, or end it in one of "
            raise UsageError(msg + ", ".join(f".{name}" for name in FORMATS))
        name = ending or _DEFAULT
    else:
        name = format_named(given).name
        if ending in FORMATS and ending != name:
            msg = f"{output}: its ending says {ending}, and the format is {name}"
            raise UsageError(msg)
    if profile == "legacy" and name != "csv":
        msg = f"profile: legacy is CSV, not {name}"
        raise UsageError(msg)
    return name


def check_place(output: Path, states: States) -> None:
    """Refuse to write where no directory is, or among the states themselves.

    Whatever lies among the states may be taken for one.

    Raises:
        UsageError: *output* lies in the directory of *states*, or below it.
        DestPermission: The directory it is to be in does not exist.
    """
    # A link of that name would be replaced, not followed; those on the way to it are followed.
    parent = output.absolute().parent
    if not isinstance(states, Mapping) and parent.resolve().is_relative_to(Path(states).resolve()):
        msg = f"{output}: lies in the store that is dumped, where only states may be"
        raise UsageError(msg)
    if not parent.is_dir():
        msg = f"{output}: there is no directory {output.parent}"
        raise DestPermission(msg)
