"""Forms of dates and times in the signs of Python's `strptime`: which there are, what they need."""

from collections.abc import Collection
from typing import Final

FORM_SIGNS: Final = tuple("YymdjbBaAHIpMSfz%")
"""The signs that are read, each as Python's `strptime` reads it, in English."""

_DAY: Final = frozenset("YymdjbBaA")
_MONTHS: Final = frozenset("mbB")
_TWINS: Final = ("Yy", "mbBj", "dj", "HI", "aA")
"""Signs of which one form has one at most: two could say different things."""


def parts_of(form: str) -> list[str]:
    """Return *form* cut into literals and signs, which begin with `%`.

    Raises:
        ValueError: A sign is not one of `FORM_SIGNS`.
    """
    parts: list[str] = []
    literal = ""
    letters = iter(form)
    for letter in letters:
        if letter != "%":
            literal += letter
            continue
        sign = next(letters, "")
        if sign not in FORM_SIGNS or not sign:
            known = " ".join(f"%{one}" for one in FORM_SIGNS)
            msg = f"{f'%{sign}' if sign else 'a % alone'} is no sign of dates and times here; "
            raise ValueError(msg + f"there are {known}")
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(f"%{sign}")
    return [*parts, literal] if literal else parts


def check_form(form: str, *, of_day: bool) -> str:
    """Return *form* where it says all there is to know, and nothing twice.

    Args:
        form: In the signs of strptime.
        of_day: Whether it must say a day, by year, month and day or by year and day of the year;
            otherwise it must say a time of day, and nothing else.

    Raises:
        ValueError: It does not.
    """
    signs = [part[1] for part in parts_of(form) if part[0] == "%" and part != "%%"]
    _check_once(form, signs)
    if of_day:
        lacking = _lacking(signs)
        if lacking:
            msg = f"{form!r} lacks {lacking}: a day needs a year, a month and a day"
            raise ValueError(msg)
    elif found := [sign for sign in signs if sign in _DAY or sign == "z"]:
        msg = f"{form!r} has %{found[0]}, which is no part of a time of day"
        raise ValueError(msg)
    _check_clock(form, signs, needed=not of_day)
    return form


def _check_once(form: str, signs: Collection[str]) -> None:
    for twins in (*_TWINS, *"pMSfz"):
        found = [sign for sign in signs if sign in twins]
        if len(found) > 1:
            one, other = found[:2]
            msg = f"{form!r} has " + (f"%{one} twice" if one == other else f"%{one} and %{other}")
            raise ValueError(msg)


def _lacking(signs: Collection[str]) -> str:
    if not {"Y", "y"} & set(signs):
        return "%Y"
    if "j" in signs:
        return ""
    if not _MONTHS & set(signs):
        return "%m"
    return "" if "d" in signs else "%d"


def _check_clock(form: str, signs: Collection[str], *, needed: bool) -> None:
    """Refuse clocks that lack what makes sense of another part."""
    hour = "H" in signs or "I" in signs
    if needed and not hour:
        msg = f"{form!r} lacks %H: a time of day needs an hour"
        raise ValueError(msg)
    for sign, wanted, there in (
        ("I", "%p", "p" in signs),
        ("p", "%I", "I" in signs),
        ("M", "%H", hour),
        ("S", "%M", "M" in signs),
        ("f", "%S", "S" in signs),
    ):
        if sign in signs and not there:
            msg = f"{form!r} has %{sign} and lacks {wanted}"
            raise ValueError(msg)
