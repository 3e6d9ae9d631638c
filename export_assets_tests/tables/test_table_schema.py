from dataclasses import replace

import polars as pl
import pytest

from export_assets.errors import ContractViolation
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.schema import Column, Fidelity, ForeignKey, LogicalType, TableSchema

ID = Column(name="id", logical=LogicalType.INTEGER, nullable=False)
NAME = Column(name="name", logical=LogicalType.TEXT)
PRICE = Column(name="price", logical=LogicalType.DECIMAL, precision=10, scale=2)
ORDERS = TableSchema(
    name="orders",
    columns=(ID, NAME, PRICE),
    primary_key=("id",),
    foreign_keys=(ForeignKey(columns=("name",), ref_table="people", ref_columns=("name",)),),
    description="what was sold",
)


@pytest.mark.parametrize("logical", list(LogicalType))
def test_every_logical_type_has_a_type_of_polars(logical: LogicalType) -> None:
    dtype = Column(name="c", logical=logical).dtype

    assert isinstance(dtype, pl.DataType)
    assert pl.Series([None], dtype=dtype).dtype == dtype


def test_the_types_are_those_promised() -> None:
    nested = pl.List(pl.Int64())

    assert Column(name="c", logical=LogicalType.TIMESTAMP).dtype == pl.Datetime("us", "UTC")
    assert Column(name="c", logical=LogicalType.NAIVE_TIMESTAMP).dtype == pl.Datetime("us")
    assert Column(name="c", logical=LogicalType.DECIMAL).dtype == pl.Decimal(38, 0)
    assert PRICE.dtype == pl.Decimal(10, 2)
    assert Column(name="c", logical=LogicalType.NESTED, nested=nested).dtype == nested
    assert Column(name="c", logical=LogicalType.NESTED).dtype == pl.String


def test_columns_keep_their_order() -> None:
    assert ORDERS.names == ("id", "name", "price")
    assert list(ORDERS.polars.items()) == [
        ("id", pl.Int64()),
        ("name", pl.String()),
        ("price", pl.Decimal(10, 2)),
    ]


def test_a_column_is_found_by_its_name() -> None:
    assert ORDERS.column("price") is PRICE
    with pytest.raises(KeyError, match="total"):
        ORDERS.column("total")


def test_a_selection_has_the_order_asked_for_and_the_same_keys() -> None:
    part = ORDERS.select(("price", "id"))

    assert part.columns == (PRICE, ID)
    assert replace(part, columns=ORDERS.columns) == ORDERS
    assert ORDERS.select(()).columns == ()
    with pytest.raises(KeyError, match="total"):
        ORDERS.select(("id", "total"))


def test_a_column_is_replaced_in_its_place() -> None:
    widened = replace(
        PRICE, logical=LogicalType.TEXT, fidelity=Fidelity(verdict="widened", reason="mixed")
    )

    changed = ORDERS.with_column(widened)

    assert changed.columns == (ID, NAME, widened)
    assert ORDERS.columns == (ID, NAME, PRICE)


def test_a_mismatch_names_table_and_column() -> None:
    error = ValueMismatch("orders", "price", "3 of 9 values in a batch are no exact decimal")

    assert str(error) == "orders.price: 3 of 9 values in a batch are no exact decimal"
    assert (error.table, error.column) == ("orders", "price")
    assert isinstance(error, ContractViolation)
    assert error.exit_code == 30
