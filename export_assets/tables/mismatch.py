"""The signal that a value does not fit the type promised for its column."""

from export_assets.errors import ContractViolation


class ValueMismatch(ContractViolation):
    """A value of `column` does not fit; the engine profiles the table and starts over."""

    def __init__(self, table: str, column: str, fact: str) -> None:
        super().__init__(f"{table}.{column}: {fact}")
        self.table = table
        self.column = column
