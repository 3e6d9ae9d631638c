"""What must hold for the rows of a table, checked batch by batch before anything is published.

Types are the conformer's work. Here are the rules of the configuration (`checks:`), run by pandera,
and the two that need no pandera: columns declared NOT NULL hold no null, unique columns no value
twice. pandera is imported only for a table that has rules, for it costs a third of a second.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
import pyarrow.compute as pc

from export_assets.config.rules import ColumnCheck
from export_assets.errors import UsageError
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets.tables.statistics import StatisticsBuilder
from export_assets.tables.value_hashes import Hashes, hash_column

if TYPE_CHECKING:
    import pandera.polars as pa

Severity = Literal["error", "warn"]


@dataclass(frozen=True, kw_only=True)
class CheckOutcome:
    """What one rule found in one partition."""

    check: str
    """The rule in words: `total >= 0`, `id is unique`."""
    column: str
    severity: Severity
    failures: int = 0
    """Rows that break it."""

    @property
    def passed(self) -> bool:
        """Whether no row breaks the rule."""
        return self.failures == 0


class Contract:
    """The rules of one table."""

    def __init__(self, schema: TableSchema, checks: Sequence[ColumnCheck]) -> None:
        """Bind *checks* to *schema*.

        Raises:
            UsageError: A check names a column the table does not have.
        """
        self.schema = schema
        self._severity: dict[str, Severity] = {}
        self.columns: dict[str, str] = {}
        """The column of every rule."""
        self._rules: dict[str, list[ColumnCheck]] = {}
        self.unique: dict[str, str] = {}
        """The rule of every unique column."""
        for check in checks:
            if check.column not in schema.names:
                msg = f"{schema.name}: a check names column {check.column}, which does not exist"
                raise UsageError(msg)
            for rule in rule_names(check):
                self._severity[rule] = check.severity
                self.columns[rule] = check.column
            if check.unique:
                self.unique[check.column] = f"{check.column} is unique"
            self._rules.setdefault(check.column, []).append(check)
        self.frame_schema = self._build() if self._row_rules() else None
        """The rules that look at one row at a time, as pandera takes them."""

    @property
    def rules(self) -> Mapping[str, Severity]:
        """Every rule in words, and how severe breaking it is."""
        return self._severity

    def start(self) -> "PartitionContract":
        """Begin checking one partition."""
        return PartitionContract(self)

    def is_clean(self, batch: Batch) -> bool:
        """Whether no row of *batch* breaks a rule that looks at one row at a time."""
        return self.frame_schema is None or not _count_failures(self.frame_schema, batch.frame)

    def _row_rules(self) -> list[str]:
        return [rule for rule in self._severity if rule not in self.unique.values()]

    def _build(self) -> "pa.DataFrameSchema":
        import pandera.polars as pa

        columns = {}
        for column in self.schema.columns:
            checks = [
                built
                for check in self._rules.get(column.name, [])
                for built in _pandera_checks(check, column)
            ]
            columns[column.name] = pa.Column(column.dtype, checks=checks, nullable=True)
        return pa.DataFrameSchema(columns, strict=True, ordered=True, name=self.schema.name)


class PartitionContract:
    """The rules of one table over the rows of one partition."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._failures: Counter[str] = Counter()
        # Eight bytes a row for unique columns only; two values collide once in 2^64.
        self._seen: dict[str, list[Hashes]] = {name: [] for name in contract.unique}

    def update(self, batch: Batch, *, clean: bool = False) -> None:
        """Check the rows of *batch*; *clean* where `Contract.is_clean` said so of them."""
        contract = self._contract
        for name, hashes in self._seen.items():
            found, _ = hash_column(batch, name, contract.schema.column(name).logical)
            valid = pc.is_valid(batch.arrow.column(name))
            hashes.append(found[valid.to_numpy()])
        if contract.frame_schema is not None and not clean:
            self._failures.update(_count_failures(contract.frame_schema, batch.frame))

    def outcomes(self, statistics: StatisticsBuilder) -> list[CheckOutcome]:
        """Return what every rule found, with the nulls that *statistics* counted."""
        contract = self._contract
        failures = Counter(self._failures)
        for name, rule in contract.unique.items():
            values = np.concatenate([*self._seen[name], np.zeros(0, dtype=np.uint64)])
            failures[rule] += len(values) - len(np.unique(values))
        for rule, column in contract.columns.items():
            if rule == not_null_rule(column):
                failures[rule] = statistics.of(column).nulls
        found = [
            CheckOutcome(
                check=rule,
                column=contract.columns[rule],
                severity=severity,
                failures=failures[rule],
            )
            for rule, severity in contract.rules.items()
        ]
        return found + list(self._declared_not_null(statistics))

    def _declared_not_null(self, statistics: StatisticsBuilder) -> Iterable[CheckOutcome]:
        for column in self._contract.schema.columns:
            rule = not_null_rule(column.name)
            if not column.nullable and rule not in self._contract.rules:
                nulls = statistics.of(column.name).nulls
                yield CheckOutcome(check=rule, column=column.name, severity="error", failures=nulls)


def not_null_rule(column: str) -> str:
    """Return the words for *column* holding no null."""
    return f"{column} is not null"


def rule_names(check: ColumnCheck) -> list[str]:
    """Return the rules of *check* in words, one each."""
    names = [
        f"{check.column} {sign} {bound}"
        for sign, bound in ((">=", check.ge), (">", check.gt), ("<=", check.le), ("<", check.lt))
        if bound is not None
    ]
    if check.isin is not None:
        names.append(f"{check.column} is one of {', '.join(map(str, check.isin))}")
    if check.matches is not None:
        names.append(f"{check.column} matches {check.matches}")
    if check.not_null:
        names.append(not_null_rule(check.column))
    if check.unique:
        names.append(f"{check.column} is unique")
    return names


def _pandera_checks(check: ColumnCheck, column: Column) -> list[Any]:
    import pandera.polars as pa

    names = iter(rule_names(check))
    built = []
    bounds = (
        (pa.Check.ge, check.ge),
        (pa.Check.gt, check.gt),
        (pa.Check.le, check.le),
        (pa.Check.lt, check.lt),
    )
    for make, bound in bounds:
        if bound is not None:
            built.append(make(_typed(bound, column), error=next(names)))
    if check.isin is not None:
        built.append(
            pa.Check.isin([_typed(item, column) for item in check.isin], error=next(names))
        )
    if check.matches is not None:
        built.append(pa.Check.str_contains(check.matches, error=next(names)))
    return built


def _typed(bound: object, column: Column) -> object:
    """Read a bound of the configuration as a value of the column's type.

    Raises:
        UsageError: It is none.
    """
    if column.logical in {LogicalType.TEXT, LogicalType.UUID, LogicalType.JSON}:
        return str(bound)
    if not isinstance(bound, str):
        return bound
    from export_assets.tables.conform import conform

    only = TableSchema(name=column.name, columns=(column,))
    frame = pl.DataFrame({column.name: [bound]})
    try:
        typed = conform(frame, only, assume_timezone="UTC")
    except Exception as error:
        msg = f"check of {column.name}: {bound!r} is no {column.logical}"
        raise UsageError(msg) from error
    return typed.item()


def _count_failures(schema: "pa.DataFrameSchema", frame: pl.DataFrame) -> Counter[str]:
    import pandera.errors

    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
        return Counter(str(name) for name in cases.get_column("check").to_list())
    return Counter()
