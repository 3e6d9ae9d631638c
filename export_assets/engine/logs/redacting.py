"""Secrets inside logged objects: values of keys that the configuration redacts, at any depth.

A column that is redacted leaves as nulls; objects that are kept whole, as JSON text, could still
carry the same key. Here its value becomes null in them, too.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import polars as pl

from export_assets.config.models import SourceConfig
from export_assets.engine.logs.numbers import as_json, decode_exactly

HIDDEN: Final = "hidden: it may hold a secret"
"""What a quarantined line says whose content is not kept."""

_CONTAINERS: Final = frozenset("{[")
_ESCAPED = r"\\u00"  # keys may be written with escapes, too


class KeyRedactor:
    """Hides values by their keys in JSON text of one table."""

    def __init__(self, config: SourceConfig, table: str) -> None:
        self.hides = False
        """Whether anything was hidden so far."""
        self._config = config
        self._table = table
        names = (*config.redact_globs, *config.table(table).redact)
        self._pattern = _pattern_of(names) if names else None
        self._quick = _quick_pattern_of(names)
        self._quick_search = re.compile(self._quick).search

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
        return self._pattern is not None and bool(
            re.search(self._pattern_of_bytes, content, re.IGNORECASE)
        )

    @property
    def _pattern_of_bytes(self) -> bytes:
        names = (*self._config.redact_globs, *self._config.table(self._table).redact)
        cores = {core for name in names for core in re.split(r"[*?]+", name) if core}
        return "|".join(map(re.escape, sorted(cores))).encode("utf-8")

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


def _pattern_of(names: Iterable[str]) -> str:
    keys = "|".join(_translated(name) for name in names)
    # Within a text the quotes of JSON have backslashes before them.
    return rf'(?i)(?:"(?:{keys})\\*"\s*:)|{_ESCAPED}'


def _quick_pattern_of(names: Iterable[str]) -> str:
    """Return what is in every text that `_pattern_of` the same names finds."""
    words = {max(re.split(r"[*?]+", name), key=len) for name in names}
    return "(?i)" + "|".join([*sorted(re.escape(word) for word in words), _ESCAPED])


def _translated(glob: str) -> str:
    signs = {"*": r'[^"]*', "?": r'[^"]'}
    return "".join(signs.get(char) or re.escape(char) for char in glob)
