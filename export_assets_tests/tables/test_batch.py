from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pytest

from export_assets.tables.batch import Batch

ODD_NAMES = ["", " ", "*", "^.*$", "a.b", 'say "hi"', "column_0", "Ω", "a\nb"]
FRAME = pl.DataFrame(
    {
        "n": [1, None, 3],
        "t": ["a", None, ""],
        "b": pl.Series([b"x", None, b""], dtype=pl.Binary),
        "d": pl.Series([Decimal("1.50"), None, Decimal(-1)], dtype=pl.Decimal(10, 2)),
        "m": pl.Series([0, None, 1]).cast(pl.Datetime("us", "UTC")),
        "l": [[1], None, []],
    }
)


def test_a_batch_needs_rows() -> None:
    with pytest.raises(TypeError, match="a batch is made from a frame or from a table"):
        Batch()


def test_both_views_hold_the_same_rows() -> None:
    from_frame = Batch(FRAME)
    from_arrow = Batch(table=from_frame.arrow)

    assert from_arrow.frame.equals(FRAME)
    assert from_arrow.frame.schema == FRAME.schema
    assert from_frame.arrow.equals(from_arrow.arrow)
    assert from_frame.rows == from_arrow.rows == 3


def test_arrow_text_and_bytes_have_wide_offsets() -> None:
    schema = Batch(FRAME).arrow.schema

    assert schema.field("t").type == pa.large_string()
    assert schema.field("b").type == pa.large_binary()


def test_a_view_is_made_once_and_only_when_asked_for() -> None:
    batch = Batch(FRAME)

    seen = [batch.is_arrow]
    rows = batch.rows
    seen.append(batch.is_arrow)
    view = batch.arrow
    seen.append(batch.is_arrow)

    assert seen == [False, False, True]
    assert rows == 3
    assert batch.arrow is view
    assert batch.frame is FRAME


def test_threads_that_ask_at_once_get_the_same_view() -> None:
    batch = Batch(FRAME)

    with ThreadPoolExecutor(4) as pool:
        views = list(pool.map(lambda _: batch.arrow, range(16)))

    assert all(view is views[0] for view in views)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_columns_keep_their_names_in_both_views(name: str) -> None:
    from_frame = Batch(pl.DataFrame({name: [1, 2], "other": ["x", "y"]}))
    from_arrow = Batch(table=pa.table({name: [1, 2], "other": ["x", "y"]}))

    for batch in (from_frame, from_arrow, from_arrow.slice(1, 1), from_frame.slice(0, 1)):
        assert batch.frame.columns == [name, "other"]
        assert batch.arrow.column_names == [name, "other"]


@pytest.mark.parametrize(("offset", "rows"), [(0, 3), (0, 0), (1, 2), (3, 0), (0, 1), (2, 1)])
def test_a_slice_has_the_rows_asked_for_in_both_views(offset: int, rows: int) -> None:
    expected = FRAME.slice(offset, rows)
    both = Batch(FRAME, Batch(FRAME).arrow)

    for batch in (Batch(FRAME), Batch(table=Batch(FRAME).arrow), both):
        part = batch.slice(offset, rows)
        assert part.rows == rows
        assert part.frame.equals(expected)
        assert Batch(table=part.arrow).frame.equals(expected)


def test_the_whole_is_its_own_slice() -> None:
    batch = Batch(FRAME)

    assert batch.slice(0, 3) is batch


def test_an_empty_batch_keeps_its_types() -> None:
    empty = Batch(FRAME.clear())

    assert empty.rows == 0
    assert Batch(table=empty.arrow).frame.schema == FRAME.schema


def test_a_column_without_a_name_takes_no_other_ones() -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["", "column_0"])

    assert Batch(table=table).frame.rows(named=True) == [{"": 1, "column_0": 2}]
