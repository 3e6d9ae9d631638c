"""One line of the tables in docs/reference that say how truly types are carried."""

from dataclasses import dataclass

from export_assets.store.contents import ColumnRecord


@dataclass(frozen=True, kw_only=True)
class FidelityRow:
    """What became of a column that is declared so and holds such values."""

    declared: str
    values: str
    """The values as SQL literals, a few of them."""
    logical: str
    """Logical type it is exported as."""
    verdict: str
    """`exact`, `widened`, `lossy`, or `refused` where nothing is published."""
    reason: str = ""
    count: int = 0
    """Values concerned."""

    @classmethod
    def of(cls, declared: str, values: str, column: ColumnRecord) -> "FidelityRow":
        """Return the row of a column as its manifest records it."""
        logical = column.logical_type
        if logical == "decimal":
            logical = column.physical_type.replace("precision=", "").replace("scale=", "").lower()
        return cls(
            declared=declared,
            values=values,
            logical=logical,
            verdict=column.fidelity,
            reason=column.fidelity_reason,
            count=column.fidelity_count,
        )
