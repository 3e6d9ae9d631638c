"""Names asked for against names that are there."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from export_assets.errors import UsageError


def check_name(owner: str, name: str, present: Sequence[str], *, what: str) -> None:
    """Refuse a *name* that is not among those *present* in *owner*.

    Raises:
        UsageError: It is not; the message offers the nearest name.
    """
    if name in present:
        return
    near = get_close_matches(name, present, n=1, cutoff=0.5)
    hint = f", did you mean {near[0]}?" if near else ""
    msg = f"{owner}: source has no {what} {name}{hint}"
    raise UsageError(msg)


def check_columns(table: str, names: Iterable[str], present: Sequence[str]) -> None:
    """Refuse a request for columns that *table* does not have.

    Raises:
        UsageError: One is missing; the message offers the nearest name.
    """
    for name in names:
        check_name(table, name, present, what="column")
