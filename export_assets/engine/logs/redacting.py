"""Secrets inside logged objects: values of keys that the configuration redacts, at any depth.

A column that is redacted leaves as nulls; objects that are kept whole, as JSON text, could still
carry the same key. Here its value becomes null in them, too.
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import polars as pl

from export_assets.config.models import SourceConfig
from export_assets.engine.logs.numbers import as_json, decode_exactly

HIDDEN: Final = "hidden: it may hold a secret"
"""What a quarantined line says whose content is not kept."""

_CONTAINERS: Final = frozenset("{[")
_SIGNS: Final = re.compile(r"(\*|\?|\[!?\]?[^\]]*\])")


class KeyRedactor:
    """Hides values by their keys in JSON text of one table."""

    def __init__(self, config: SourceConfig, table: str) -> None:
        self.hides = False
        """Whether anything was hidden so far."""
        self._config = config
        self._table = table
        keys = (*map(_parts, config.redact_globs), *([name] for name in config.table(table).redact))
        self._pattern = _pattern_of(keys) if keys else None
        self._quick = _quick_pattern_of(keys)
        self._quick_search = re.compile(self._quick).search
        words = sorted({part for key in keys for part in key if not _is_sign(part)})
        self._words = "|".join(map(re.escape, words)).encode("utf-8")

    def texts(self, series: pl.Series) -> pl.Series:
        """Return texts with the values of secret keys as null in those that are JSON."""
        rows = self._suspects(series)
        if rows is None:
            return series
        found: dict[int, str] = {}
        for row, text in zip(rows.to_list(), series.gather(rows).to_list(), strict=True):
            hidden = self._without_secrets(text)
            if hidden is not None:
                found[row] = hidden
        if not found:
            return series
        self.hides = True
        changed = pl.Series(list(found.values()), dtype=pl.String)
        return series.clone().scatter(list(found), changed)

    def may_hold_secret(self, content: bytes) -> bool:
        """Whether bytes that are no record may hold a secret."""
        return self._pattern is not None and bool(re.search(self._words, content, re.IGNORECASE))

    def _suspects(self, series: pl.Series) -> pl.Series | None:
        if self._pattern is None:
            return None
        # A plain word is found in half the time, and hardly any text has one.
        rows = series.str.contains(self._quick).fill_null(value=False).arg_true()
        rows = rows.filter(series.gather(rows).str.contains(self._pattern))
        return rows if len(rows) else None

    def _without_secrets(self, text: str) -> str | None:
        """Return JSON text without secrets; None where it has none, or is no JSON."""
        if text.lstrip()[:1] not in _CONTAINERS:
            return None
        value = _decoded(text)
        if value is None:
            return None
        # Of a key twice the last value counts; the first would stay in the text.
        return as_json(value) if self._hide(value) or self._is_doubled(text) else None

    def _hide(self, value: object) -> bool:
        """Blank secret keys in *value*, itself, and in JSON that is text; whether there was one."""
        hidden = False
        waiting: list[Any] = [value]
        while waiting:
            one = waiting.pop()
            pairs = enumerate(one) if isinstance(one, list) else ()
            for place, inner in one.items() if isinstance(one, dict) else pairs:
                secret = isinstance(one, dict) and self._config.redacts(self._table, str(place))
                shown: object = None if secret else inner
                if isinstance(shown, str) and self._quick_search(shown):
                    told = self._without_secrets(shown)
                    shown = shown if told is None else told
                if shown is not inner:
                    one[place] = shown
                    hidden = True
                waiting.append(shown)
        return hidden

    def _is_doubled(self, text: str) -> bool:
        if self._config.log.duplicate_keys == "quarantine":
            return False
        doubled = []
        json.loads(
            text,
            object_pairs_hook=lambda pairs: doubled.append(len(dict(pairs)) < len(pairs)),
            parse_int=str,
        )
        return any(doubled)


def _decoded(text: str) -> object:
    """Return what JSON text holds, None where it is none; NaN is taken for JSON as well."""
    for decode in (decode_exactly, json.loads):
        with suppress(ValueError, RecursionError):
            return decode(text)
    return None


def _parts(glob: str) -> list[str]:
    """Return words and the signs of `fnmatch` between them, in order."""
    return [part for part in _SIGNS.split(glob) if part]


def _is_sign(part: str) -> bool:
    return _SIGNS.fullmatch(part) is not None


def _pattern_of(keys: Sequence[list[str]]) -> str:
    found = "|".join("".join(map(_expression, parts)) for parts in keys)
    # Within a text the quotes of JSON have backslashes before them.
    return rf'(?i)(?:"(?:{found})\\*"\s*:)|{_escaped(keys)}'


def _quick_pattern_of(keys: Sequence[list[str]]) -> str:
    """Return what is in every text that `_pattern_of` the same keys finds."""
    words = {max(("", *(part for part in parts if not _is_sign(part))), key=len) for parts in keys}
    return "(?i)" + "|".join([*sorted(re.escape(word) for word in words), _escaped(keys)])


def _escaped(keys: Sequence[list[str]]) -> str:
    """Return an expression for the escapes of JSON that one of *keys* may be written with."""
    ascii_only = all(part.isascii() for parts in keys for part in parts)
    return r"\\u00" if ascii_only else r"\\u"


def _expression(part: str) -> str:
    """Return an expression for what *part* stands for, or more: of the keys found, names decide."""
    if not _is_sign(part):
        return re.escape(part)
    return r'[^"]*' if part == "*" else r'[^"]'
