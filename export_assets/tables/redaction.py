"""Columns whose values must not leave as they are: blanked out, or replaced by keyed pseudonyms.

Redacted: every value is null. Pseudonymised (`anonymize`): every value is the HMAC-SHA256 (RFC
2104) of its text under a secret key, 32 hexadecimal digits of it, so that equal texts stay equal
across tables, columns, sources and runs with the same key and can be joined; null stays null.
Whoever has the key can find out which value a pseudonym stands for by trying, so this is
pseudonymisation, not anonymity.

The text of a value is the one CSV would show, near enough: 42 in an INTEGER and '42' in a TEXT
column join, 42.0 does not; a decimal keeps its zeros (42.00); a date is 2026-02-08; an instant is
written in UTC. Letters are taken as they are: a UUID in upper case and the same in lower case are
two texts, as are e-mail addresses.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection
from dataclasses import replace

import polars as pl

from export_assets.config.key_file import SHORTEST_KEY
from export_assets.errors import ConfigError
from export_assets.tables.schema import Column, Fidelity, LogicalType, TableSchema

KEY_VARIABLE = "EXPORT_ASSETS_ANONYMIZE_KEY"
_DIGITS = 32
_KEY_ID_DIGITS = 8

_REDACTED = Fidelity(verdict="lossy", reason="redacted")


def key_id(key: bytes) -> str:
    """Return the fingerprint of *key*: tells which pseudonyms join, and not what the key is."""
    # No text holds this byte in UTF-8, so this is no value's pseudonym.
    return hmac.new(key, b"\xffkey-id", hashlib.sha256).hexdigest()[:_KEY_ID_DIGITS]


class Redactor:
    """Hides the columns of one table that must be hidden."""

    def __init__(
        self,
        schema: TableSchema,
        *,
        redacts: Callable[[str], bool],
        anonymizes: Collection[str],
        key: bytes | None,
    ) -> None:
        """Decide which columns of *schema* to hide.

        Raises:
            ConfigError: A column is to be anonymised and there is no key of 16 bytes or more, or
                its values have no one text to be anonymised by.
        """
        self._redacted = [name for name in schema.names if redacts(name)]
        self._anonymised = [
            name for name in schema.names if name in anonymizes and name not in self._redacted
        ]
        if self._anonymised and key is None:
            msg = f"{schema.name}.{self._anonymised[0]}: anonymize needs a key in {KEY_VARIABLE} "
            msg += f"or in a file named by {KEY_VARIABLE}_FILE"
            raise ConfigError(msg)
        if self._anonymised and len(key or b"") < SHORTEST_KEY:
            msg = f"{KEY_VARIABLE}: the key is shorter than {SHORTEST_KEY} bytes"
            raise ConfigError(msg)
        for name in self._anonymised:
            if schema.column(name).logical is LogicalType.NESTED:
                msg = f"{schema.name}.{name}: nested values cannot be anonymised, redact them"
                raise ConfigError(msg)
        self._key = key or b""
        self._pseudonymised = Fidelity(
            verdict="lossy", reason=f"pseudonyms of key {key_id(self._key)}"
        )
        columns = tuple(self._shown(column) for column in schema.columns)
        self.schema = replace(schema, columns=columns)
        """The schema of the frames that leave."""

    @property
    def hides(self) -> bool:
        """Whether any column is hidden."""
        return bool(self._redacted or self._anonymised)

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return *frame*, of the schema that came in, as it may leave."""
        changed = [pl.lit(None, dtype=frame.schema[name]).alias(name) for name in self._redacted]
        frame = frame.with_columns(changed) if changed else frame
        for name in self._anonymised:
            frame = frame.with_columns(self._pseudonyms(frame.get_column(name)))
        return frame

    def _shown(self, column: Column) -> Column:
        if column.name in self._redacted:
            return replace(column, nullable=True, fidelity=_REDACTED)
        if column.name in self._anonymised:
            return Column(
                name=column.name,
                logical=LogicalType.TEXT,
                declared=column.declared,
                nullable=column.nullable,
                description=column.description,
                fidelity=self._pseudonymised,
            )
        return column

    def _pseudonyms(self, values: pl.Series) -> pl.Series:
        # A cast would drop the fraction of a time of day.
        texts = values.dt.to_string("%H:%M:%S%.f") if values.dtype == pl.Time else values
        # As bytes: what is no text has a pseudonym, too, and bytes that are text have the text's.
        secret = texts if texts.dtype == pl.Binary else texts.cast(pl.String).cast(pl.Binary)
        distinct = secret.unique().drop_nulls()
        hidden = [self._pseudonym(value) for value in distinct.to_list()]
        mapped = secret.replace_strict(distinct, pl.Series(hidden, dtype=pl.String), default=None)
        return mapped.cast(pl.String).alias(values.name)

    def _pseudonym(self, value: bytes) -> str:
        return hmac.new(self._key, value, hashlib.sha256).hexdigest()[:_DIGITS]
