import hashlib
import hmac
from collections.abc import Collection
from datetime import date, time
from decimal import Decimal
from io import BytesIO
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.errors import ConfigError
from export_assets.tables.redaction import Redactor, key_id
from export_assets.tables.schema import Column, LogicalType, TableSchema

KEY = b"0123456789abcdef"


def redactor(
    *columns: Column,
    redacts: Collection[str] = (),
    anonymizes: Collection[str] = (),
    key: bytes | None = KEY,
) -> Redactor:
    schema = TableSchema(name="t", columns=columns)
    return Redactor(schema, redacts=lambda name: name in redacts, anonymizes=anonymizes, key=key)


def pseudonyms(values: list[Any], logical: LogicalType, **facts: Any) -> list[str | None]:
    column = Column(name="c", logical=logical, **facts)
    hider = redactor(column, anonymizes=["c"])
    hidden = hider.apply(pl.DataFrame({"c": pl.Series(values, dtype=column.dtype)}))
    assert hidden.schema == hider.schema.polars
    return hidden.get_column("c").to_list()


@pytest.mark.parametrize("logical", list(LogicalType))
def test_redacted_values_are_null_and_of_their_type(logical: LogicalType) -> None:
    nested = pl.List(pl.Int64()) if logical is LogicalType.NESTED else None
    column = Column(name="", logical=logical, nested=nested, nullable=False)
    kept = Column(name="kept", logical=LogicalType.INTEGER)
    hider = redactor(column, kept, redacts=[""])
    raw = pl.DataFrame({"": pl.Series([None, None], dtype=column.dtype), "kept": [1, 2]})

    hidden = hider.apply(raw)

    assert hidden.schema == hider.schema.polars == raw.schema
    assert hidden.get_column("").null_count() == 2
    assert hidden.get_column("kept").to_list() == [1, 2]
    shown = hider.schema.column("")
    assert shown.nullable
    assert (shown.fidelity.verdict, shown.fidelity.reason) == ("lossy", "redacted")
    assert hider.schema.column("kept") == kept


@settings(max_examples=40, deadline=None)
@given(st.lists(st.none() | st.text(max_size=8)))
def test_pseudonyms_are_the_hmac_of_the_text(values: list[str | None]) -> None:
    expected = [
        None if value is None else hmac.new(KEY, value.encode(), hashlib.sha256).hexdigest()[:32]
        for value in values
    ]

    assert pseudonyms(values, LogicalType.TEXT) == expected


def test_equal_values_join_across_columns_tables_and_types() -> None:
    number = pseudonyms([42, None, -7], LogicalType.INTEGER)
    text = pseudonyms(["42", None, "-7"], LogicalType.TEXT)
    data = pseudonyms([b"42", None, b"-7"], LogicalType.BINARY)

    assert number == text == data
    assert number[1] is None
    assert len(set(number)) == 3


@pytest.mark.parametrize(
    ("logical", "values", "facts"),
    [
        (LogicalType.BINARY, [b"\xff", b"\xfe", b"", b"\x00"], {}),
        (LogicalType.TIME, [time(1, 2, 3), time(1, 2, 3, 4)], {}),
        (LogicalType.FLOAT, [0.1, 0.2, 1e300], {}),
        (LogicalType.BOOLEAN, [True, False], {}),
        (LogicalType.DATE, [date(2026, 2, 8), date(2026, 2, 9)], {}),
        (LogicalType.DECIMAL, [Decimal("1.50"), Decimal("1.51")], {"precision": 5, "scale": 2}),
        (LogicalType.TEXT, ["", " ", "a", "A"], {}),
    ],
)
def test_different_values_stay_different(
    logical: LogicalType, values: list[Any], facts: dict[str, Any]
) -> None:
    found = pseudonyms([*values, None], logical, **facts)

    assert len(set(found[:-1])) == len(values)
    assert all(name is not None and len(name) == 32 for name in found[:-1])
    assert found[-1] is None


def test_a_column_of_nulls_or_of_nothing_stays_one() -> None:
    assert pseudonyms([None, None], LogicalType.INTEGER) == [None, None]
    assert pseudonyms([], LogicalType.TEXT) == []


def test_another_key_gives_other_pseudonyms() -> None:
    column = Column(name="c", logical=LogicalType.TEXT)
    frame = pl.DataFrame({"c": ["Ada"]})

    one, other = (
        redactor(column, anonymizes=["c"], key=key).apply(frame).item() for key in (KEY, KEY[::-1])
    )

    assert one != other


def test_pseudonyms_are_text_whatever_the_column_was() -> None:
    column = Column(
        name="c",
        logical=LogicalType.DECIMAL,
        precision=5,
        scale=2,
        declared="numeric(5,2)",
        nullable=False,
        description="salary",
    )

    shown = redactor(column, anonymizes=["c"]).schema.column("c")

    assert (shown.logical, shown.precision, shown.scale) == (LogicalType.TEXT, None, None)
    assert (shown.declared, shown.description) == ("numeric(5,2)", "salary")
    assert not shown.nullable
    assert shown.fidelity.verdict == "lossy"
    assert shown.fidelity.reason == f"pseudonyms of key {key_id(KEY)}"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            None,
            r"^t\.c: anonymize needs a key in EXPORT_ASSETS_ANONYMIZE_KEY or in a file named by",
        ),
        (b"", "^EXPORT_ASSETS_ANONYMIZE_KEY: the key is shorter than 16 bytes$"),
        (KEY[:-1], "^EXPORT_ASSETS_ANONYMIZE_KEY: the key is shorter than 16 bytes$"),
    ],
)
def test_a_key_is_needed_and_long(key: bytes | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        redactor(Column(name="c", logical=LogicalType.TEXT), anonymizes=["c"], key=key)


def test_no_key_is_needed_where_nothing_is_anonymised() -> None:
    column = Column(name="c", logical=LogicalType.TEXT)

    redacting = redactor(column, redacts=["c"], anonymizes=["elsewhere"], key=None)
    idle = redactor(column, key=None)

    assert redacting.hides
    assert not idle.hides
    assert idle.schema.columns == (column,)
    frame = pl.DataFrame({"c": ["x"]})
    assert idle.apply(frame).equals(frame)


def test_nested_values_cannot_be_anonymised() -> None:
    column = Column(name="c", logical=LogicalType.NESTED, nested=pl.List(pl.Int64()))

    with pytest.raises(ConfigError, match=r"^t\.c: nested values cannot be anonymised, redact"):
        redactor(column, anonymizes=["c"])


def test_a_column_that_is_both_is_redacted() -> None:
    column = Column(name="c", logical=LogicalType.INTEGER)
    hider = redactor(column, redacts=["c"], anonymizes=["c"], key=None)

    hidden = hider.apply(pl.DataFrame({"c": [1]}))

    assert hidden.schema == hider.schema.polars == {"c": pl.Int64}
    assert hidden.item() is None


def test_no_value_is_left_in_the_bytes() -> None:
    secrets = [f"secret-{n}-Ωμέγα" for n in range(50)]
    columns = [Column(name=name, logical=LogicalType.TEXT) for name in ("phone", "email", "name")]
    frame = pl.DataFrame({"phone": secrets, "email": secrets, "name": ["public"] * 50})
    hider = redactor(*columns, redacts=["phone"], anonymizes=["email"])

    hidden = hider.apply(frame)

    written = BytesIO()
    hidden.write_ipc(written)
    assert b"secret-" not in written.getvalue()
    assert b"public" in written.getvalue()
    assert "Ωμέγα".encode() not in written.getvalue()


def test_the_fingerprint_tells_keys_apart_and_is_none_of_the_pseudonyms() -> None:
    column = Column(name="c", logical=LogicalType.TEXT)
    frame = pl.DataFrame({"c": ["key-id"]})

    shown = redactor(column, anonymizes=["c"]).apply(frame).item()

    assert key_id(KEY) != key_id(KEY[::-1])
    assert len(key_id(KEY)) == 8
    assert not shown.startswith(key_id(KEY))


def test_few_possible_values_cannot_be_found_by_trying_them_without_the_key() -> None:
    column = Column(name="c", logical=LogicalType.INTEGER)
    shown = set(redactor(column, anonymizes=["c"]).apply(pl.DataFrame({"c": range(10_000)}))["c"])
    texts = [str(number).encode() for number in range(10_000)]

    guesses: set[str] = set()
    for name in ("md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256"):
        guesses |= {hashlib.new(name, text).hexdigest()[:32] for text in texts}
    for key in (b"", b"key-id", key_id(KEY).encode(), bytes.fromhex(key_id(KEY)), KEY[::-1]):
        guesses |= {hmac.new(key, text, "sha256").hexdigest()[:32] for text in texts}

    assert len(shown) == 10_000
    assert not shown & guesses
    # The same search with the key finds every one, so the search itself works.
    assert shown == {hmac.new(KEY, text, "sha256").hexdigest()[:32] for text in texts}
