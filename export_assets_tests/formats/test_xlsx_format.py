"""Excel workbooks, as another program reads them."""

import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import FORMATS
from export_assets.formats.xlsx_text import escaped, pieces, unescaped
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets_tests.formats.tables_of_every_type import read, write

XLSX = FORMATS["xlsx"]
L = LogicalType


def one_column(logical: LogicalType, **more: Any) -> TableSchema:
    return TableSchema(name="t", columns=(Column(name="c", logical=logical, **more),))


def cells(path: Path) -> list[Any]:
    sheet = openpyxl.load_workbook(path).worksheets[0]
    return [row[0] for row in sheet.iter_rows(min_row=2)]


CARRIED: dict[str, tuple[TableSchema, Any, Any, str]] = {
    "boolean": (one_column(L.BOOLEAN), True, True, "General"),
    "integer": (one_column(L.INTEGER), 10**15 - 1, 10**15 - 1, "0"),
    "float": (one_column(L.FLOAT), 0.1 + 0.2, 0.1 + 0.2, "General"),
    "decimal": (
        one_column(L.DECIMAL, precision=20, scale=2),
        Decimal("1234567890123.45"),
        1234567890123.45,
        "0.00",
    ),
    "date": (one_column(L.DATE), date(1900, 3, 1), datetime(1900, 3, 1), "yyyy-mm-dd"),  # noqa: DTZ001 - as it reads dates
    "timestamp": (
        one_column(L.TIMESTAMP),
        datetime(2026, 2, 8, 23, 59, 59, 999000, tzinfo=UTC),
        datetime(2026, 2, 8, 23, 59, 59, 999000),  # noqa: DTZ001 - of UTC
        r"yyyy-mm-dd hh:mm:ss.000\Z",
    ),
    "text": (one_column(L.TEXT), "0012", "0012", "General"),
}


@pytest.mark.parametrize("case", CARRIED)
def test_what_excel_holds_exactly_is_a_value_of_its_own_kind(case: str, tmp_path: Path) -> None:
    schema, value, expected, shown = CARRIED[case]

    writer = write(XLSX, tmp_path / "t.xlsx", schema, [pl.DataFrame({"c": [value]}, schema.polars)])

    [cell] = cells(tmp_path / "t.xlsx")
    assert cell.value == expected
    assert cell.number_format == shown
    assert writer.fidelity() == {}


FORCED: dict[str, tuple[TableSchema, list[Any], list[str]]] = {
    "integer": (one_column(L.INTEGER), [10**15, -(2**63)], [str(10**15), str(-(2**63))]),
    "decimal": (
        one_column(L.DECIMAL, precision=20, scale=4),
        [Decimal("100000000000.0000")] * 2,
        [],
    ),
    "float": (
        one_column(L.FLOAT),
        [float("nan"), float("inf"), -0.0, 5e-324, 1.7e308],
        ["NaN", "inf", "-0.0", "5e-324", "1.7e+308"],
    ),
    "date": (
        one_column(L.DATE),
        [date(1900, 2, 28), date(1, 1, 1)],
        ["1900-02-28", "0001-01-01"],
    ),
    "timestamp": (
        one_column(L.TIMESTAMP),
        [datetime(2026, 2, 8, 10, 30, 0, 1, tzinfo=UTC), datetime(1900, 2, 28, tzinfo=UTC)],
        ["2026-02-08T10:30:00.000001+00:00", "1900-02-28T00:00:00.000000+00:00"],
    ),
}


@pytest.mark.parametrize("case", FORCED)
def test_what_excel_cannot_hold_exactly_is_text_and_counted(case: str, tmp_path: Path) -> None:
    schema, values, texts = FORCED[case]
    frame = pl.DataFrame({"c": values}, schema=schema.polars)

    writer = write(XLSX, tmp_path / "t.xlsx", schema, [frame])

    assert_frame_equal(read(XLSX, tmp_path / "t.xlsx", schema), frame)
    if texts:
        assert [(cell.data_type, cell.value) for cell in cells(tmp_path / "t.xlsx")] == [
            ("s", text) for text in texts
        ]
        assert writer.fidelity()["c"].verdict == "widened"
        assert writer.fidelity()["c"].count == len(texts)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        '=HYPERLINK("http://example.org","x")',
        "@SUM(A1)",
        "+1",
        "-1",
        "http://example.org",
        "mailto:ann@example.org",
        "1e5",
        "2026-02-08",
        "TRUE",
        "",
        " a ",
        "two\nlines",
        "<b>&amp;</b>",
    ],
)
def test_a_text_is_a_text_whatever_it_looks_like(text: str, tmp_path: Path) -> None:
    frame = pl.DataFrame({"c": [text, None, "end"]})

    write(XLSX, tmp_path / "t.xlsx", one_column(L.TEXT), [frame])

    first, second, _ = cells(tmp_path / "t.xlsx")
    # What begins with a sign of equality is only called a formula by this reader.
    assert first.value == text
    assert first.hyperlink is None
    assert second.value is None
    content = zipfile.ZipFile(tmp_path / "t.xlsx").read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in content
    assert content.count(b't="inlineStr"') == 3  # the header, the text and the end


def test_the_header_is_the_first_row_and_stays_in_view(tmp_path: Path) -> None:
    names = ["id", "=named", "n" * 300, "a & <b>", "таблица"]
    schema = TableSchema(
        name="a/b:c[d]*?", columns=tuple(Column(name=one, logical=L.INTEGER) for one in names)
    )

    write(XLSX, tmp_path / "t.xlsx", schema, [pl.DataFrame({name: [1] for name in names})])

    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx").active
    assert sheet.title == "a_b_c_d___"
    assert [cell.value for cell in sheet[1]] == names
    assert sheet.freeze_panes == "A2"


def test_a_text_longer_than_a_cell_goes_on_in_a_hidden_sheet(tmp_path: Path) -> None:
    texts = ["a" * 32_767, "b" * 32_768, None, "\U0001f375" * 40_000, "<" * 100_000, "c"]
    frame = pl.DataFrame({"c": texts, "d": texts[::-1]})
    columns = tuple(Column(name=name, logical=L.TEXT) for name in "cd")
    schema = TableSchema(name="t", columns=columns)

    writer = write(XLSX, tmp_path / "t.xlsx", schema, [frame[:4], frame[4:]])

    assert_frame_equal(read(XLSX, tmp_path / "t.xlsx", schema), frame)
    assert {name: one.count for name, one in writer.fidelity().items()} == {"c": 3, "d": 3}
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert [(one.title, one.sheet_state) for one in book.worksheets] == [
        ("t", "visible"),
        ("t (long texts)", "hidden"),
    ]
    held = [value for one in book.worksheets for row in one.values for value in row if value]
    lengths = [len(value.encode("utf-16-le")) // 2 for value in held if isinstance(value, str)]
    assert max(lengths) == 32_767


SIGNS = st.text(st.sampled_from("_x0041\x01\x00\r\n\t<>&\"'\ufffe\uffff\x1fABFab5"), max_size=30)


@given(texts=st.lists(st.none() | SIGNS | st.text(st.characters(exclude_categories=["Cs"]))))
def test_any_text_is_escaped_and_comes_back(texts: list[str | None]) -> None:
    series = pl.Series(texts, dtype=pl.String)

    written = escaped(series)

    assert unescaped(written).equals(series)
    allowed = {"\t", "\n"}
    assert all(sign >= " " or sign in allowed for text in written if text for sign in text)


@given(text=st.text(st.characters(exclude_categories=["Cs"])), times=st.integers(1, 5_000))
def test_pieces_fit_a_cell_and_are_the_text(text: str, times: int) -> None:
    whole = text * times

    found = list(pieces(whole))

    assert "".join(found) == whole
    assert all(len(piece.encode("utf-16-le")) <= 2 * 32_767 for piece in found)


def test_more_rows_than_a_sheet_has_are_refused_and_not_cut(tmp_path: Path) -> None:
    writer = XLSX.open(tmp_path / "t", one_column(L.BOOLEAN), FormatOptions(), {})
    frame = pl.DataFrame({"c": pl.repeat(None, 1_048_575, dtype=pl.Boolean, eager=True)})
    writer.write(Batch(frame))

    with pytest.raises(UsageError, match=r"^t: a sheet of Excel ends after 1,048,575 rows; "):
        writer.write(Batch(frame[:1]))
    writer.abort()


def test_more_columns_than_a_sheet_has_are_refused_before_anything_is_read() -> None:
    columns = tuple(Column(name=f"c{index}", logical=L.TEXT) for index in range(16_385))

    with pytest.raises(UsageError, match=r"^wide: 16,385 columns; .* at most 16,384$"):
        XLSX.carried(TableSchema(name="wide", columns=columns), FormatOptions())


def test_a_row_of_nothing_is_a_row(tmp_path: Path) -> None:
    frame = pl.DataFrame({"c": [None, "a", None, None]})

    write(XLSX, tmp_path / "t", one_column(L.TEXT), [frame[:1], frame[1:]])

    assert_frame_equal(read(XLSX, tmp_path / "t", one_column(L.TEXT)), frame)


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        ("<v>2</v>", "<f>1+1</f><v>2</v>", "rows 2 to 4 are not as they were written"),
        ("<v>2</v>", '<v>2</v></c><c r="B3"><v>9</v>', "there are cells beside the columns"),
        ('<row r="3">', '<row r="7">', None),
        ('r="A3"', 'r="A9"', "rows 2 to 4 are not as they were written"),
        ("<v>2</v>", "<v>two</v>", "column c does not hold integer"),
        ("</sheetData>", "<row", "the sheet is cut"),
    ],
)
def test_a_changed_sheet_is_refused_or_reads_as_the_same(
    old: str, new: str, fact: str | None, tmp_path: Path
) -> None:
    schema, frame = one_column(L.INTEGER), pl.DataFrame({"c": [1, 2, 3]})
    write(XLSX, tmp_path / "plain", schema, [frame])
    with (
        zipfile.ZipFile(tmp_path / "plain") as source,
        zipfile.ZipFile(tmp_path / "t", "w") as changed,
    ):
        for name in source.namelist():
            content = source.read(name)
            changed.writestr(name, content.replace(old.encode(), new.encode()))

    if fact is None:
        assert_frame_equal(read(XLSX, tmp_path / "t", schema), frame)
        return
    with pytest.raises(IntegrityError, match=f"^t: {fact}"):
        read(XLSX, tmp_path / "t", schema)
