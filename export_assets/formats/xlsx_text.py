"""Texts as cells of a sheet hold them: escaped for XML, and in pieces that Excel takes.

A character that XML has no place for is `_xHHHH_`, as Excel writes it, and an underscore that would
be taken for the start of one is `_x005F_`.
"""

import re
from collections.abc import Iterator
from typing import Final

import polars as pl

MOST_CHARACTERS: Final = 32_767
"""Of one cell, as UTF-16 counts them."""

_LARGE: Final = "\uffff"
_ODD_SIGNS: Final = r"\x00-\x08\x0b-\x1f\ufffe\uffff"
_ODD: Final = re.compile(f"[{_ODD_SIGNS}]")
_UNDERSCORE: Final = re.compile(f"_(?=x[0-9A-Fa-f]{{4}}[_{_ODD_SIGNS}])")
_ESCAPED: Final = re.compile("_x([0-9A-Fa-f]{4})_")
_NEEDS_WORK: Final = r"[\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]|_x[0-9A-Fa-f]{4}_"
_MARKUP: Final = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))


def escaped(texts: pl.Series) -> pl.Series:
    """Return *texts* as they stand in XML."""
    odd = texts.str.contains(_NEEDS_WORK).fill_null(value=False)
    if odd.any():
        signs = [_without_odd_signs(text) for text in texts.filter(odd)]
        texts = texts.clone().scatter(odd.arg_true(), pl.Series(signs, dtype=pl.String))
    for sign, instead in _MARKUP:
        texts = texts.str.replace_all(sign, instead, literal=True)
    return texts


def unescaped(texts: pl.Series) -> pl.Series:
    """Return what `escaped` made *texts* of."""
    for sign, instead in reversed(_MARKUP):
        texts = texts.str.replace_all(instead, sign, literal=True)
    odd = texts.str.contains("_x", literal=True).fill_null(value=False)
    if not odd.any():
        return texts
    signs = [_ESCAPED.sub(_sign, text) for text in texts.filter(odd)]
    return texts.clone().scatter(odd.arg_true(), pl.Series(signs, dtype=pl.String))


def escaped_text(text: str) -> str:
    """Return one text as it stands in XML."""
    return str(escaped(pl.Series([text])).item())


def attribute(text: str) -> str:
    """Return one text as it stands between the quotes of an attribute."""
    return escaped_text(text).replace('"', "&quot;")


def is_long(texts: pl.Series) -> pl.Series:
    """Tell which of *texts* may not fit one cell; what has fewer bytes does."""
    return (texts.str.len_bytes() > MOST_CHARACTERS).fill_null(value=False)


def pieces(text: str) -> Iterator[str]:
    """Yield *text* in pieces that fit a cell each."""
    # Signs of the upper planes count twice.
    size = MOST_CHARACTERS if max(text, default="") <= _LARGE else MOST_CHARACTERS // 2
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _without_odd_signs(text: str) -> str:
    return _ODD.sub(lambda sign: f"_x{ord(sign[0]):04X}_", _UNDERSCORE.sub("_x005F_", text))


def _sign(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))
