"""JSON objects as text: some of their members left out, all others as they stand."""

from collections.abc import Callable, Collection, Mapping

import msgspec
import polars as pl

from export_assets.formats.json_text import all_json, one_line

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode

Members = Mapping[str, msgspec.Raw]

_CLEAN = r"^\{[^\r\n]*\}$"


def objects_on_one_line(texts: pl.Series) -> tuple[pl.Series, int]:
    """Return *texts* as objects on one line each, and how many of them changed by that.

    Raises:
        ValueError: Some are no objects; the message counts them.
    """
    values = texts.to_list()
    if texts.str.contains(_CLEAN).fill_null(value=False).all() and all_json(values):
        return texts, 0
    found = [None if value is None else one_line(value) for value in values]
    wrong = sum(value is None or value[0] != "{" for value in found)
    if wrong:
        msg = f"{wrong:,} value{'' if wrong == 1 else 's'}"
        raise ValueError(msg)
    changed = sum(one != other for one, other in zip(found, values, strict=True))
    return pl.Series(texts.name, found, dtype=pl.String), changed


def without_members(
    texts: pl.Series, names: Collection[str], goes: Callable[[str, Members], bool]
) -> tuple[pl.Series, int]:
    """Return objects without those members called one of *names* of which *goes* is true.

    Returns:
        The texts, those of which nothing goes as they were; and of how many something went.
    """
    # A name may be spelt with escapes; such texts are looked at, too.
    spelt = "|".join(pl.escape_regex(_encode(name).decode()) for name in sorted(names))
    places = texts.str.contains(rf"(?:{spelt})\s*:|\\u00").fill_null(value=False).arg_true()
    if places.is_empty():
        return texts, 0
    old = texts.gather(places).to_list()
    new = [_without(text, names, goes) for text in old]
    changed = sum(one is not other for one, other in zip(new, old, strict=True))
    return texts.scatter(places, pl.Series(new, dtype=pl.String)), changed


def _without(text: str, names: Collection[str], goes: Callable[[str, Members], bool]) -> str:
    members = _decode(text)
    kept = {
        name: raw for name, raw in members.items() if name not in names or not goes(name, members)
    }
    if len(kept) == len(members):
        return text
    parts = [_encode(name) + b":" + bytes(raw) for name, raw in kept.items()]
    return (b"{" + b",".join(parts) + b"}").decode()
