"""What must hold for the rows of a table, checked batch by batch before anything is published.

Types are the conformer's work. Here are the rules of the configuration (`checks:`), which pandera
judges, and the two that need no pandera: columns declared NOT NULL hold no null, unique columns no
value twice. pandera is asked where rows break a rule: that none does, one look at a batch tells.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
import pyarrow.compute as pc

from export_assets.config.rules import ColumnCheck
from export_assets.errors import InternalError, UsageError
from export_assets.tables.batch import Batch
from export_assets.tables.byte_hashes import Hashes
from export_assets.tables.conform import conform
from export_assets.tables.failing import NOTHING, FailingRow, FailingRows, Telling
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.numeric import compare_numbers
from export_assets.tables.repeated import Values, repeated_rows
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets.tables.statistics import StatisticsBuilder
from export_assets.tables.value_hashes import hash_column

if TYPE_CHECKING:
    import pandera.polars as pa

Severity = Literal["error", "warn"]
Holds = Callable[[pl.Expr], pl.Expr]
"""From a column's values to whether each keeps a rule; null where there is none to judge."""

_TEXTS = frozenset({LogicalType.TEXT, LogicalType.UUID, LogicalType.JSON})
_NUMBERS = frozenset({LogicalType.INTEGER, LogicalType.FLOAT, LogicalType.DECIMAL})
_TIMES = frozenset(
    {LogicalType.DATE, LogicalType.TIME, LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP}
)


@dataclass(frozen=True, kw_only=True)
class CheckOutcome:
    """What one rule found in one partition."""

    check: str
    """The rule in words: `total >= 0`, `id is unique`."""
    column: str
    severity: Severity
    failures: int = 0
    """Rows that break it."""
    rows: tuple[FailingRow, ...] = ()
    """The first of them."""

    @property
    def passed(self) -> bool:
        """Whether no row breaks the rule."""
        return self.failures == 0


class Contract:
    """The rules of one table."""

    def __init__(
        self, schema: TableSchema, checks: Sequence[ColumnCheck], *, telling: Telling = NOTHING
    ) -> None:
        """Bind *checks* to *schema*; *telling* is what may be told of rows that break one.

        Raises:
            UsageError: A check names a column the table does not have, or compares the column
                with what its type cannot be compared with.
        """
        self.schema = schema
        self.telling = telling
        self._severity: dict[str, Severity] = {}
        self.columns: dict[str, str] = {}
        """The column of every rule."""
        self._rules: dict[str, dict[str, Holds]] = {}
        """By column, the rules that look at one row at a time."""
        self.unique: dict[str, str] = {}
        """The rule of every unique column."""
        for check in checks:
            if check.column not in schema.names:
                msg = f"{schema.name}: a check names column {check.column}, which does not exist"
                raise UsageError(msg)
            for rule in rule_names(check):
                # Of the same rule twice, the strict one holds.
                strict = self._severity.get(rule) == "error"
                self._severity[rule] = "error" if strict else check.severity
                self.columns[rule] = check.column
            if check.unique:
                self.unique[check.column] = f"{check.column} is unique"
            found = _value_rules(check, schema.column(check.column), schema.name)
            if found:
                # By rule: one that is given twice would count every row twice.
                self._rules.setdefault(check.column, {}).update(found)

    @property
    def rules(self) -> Mapping[str, Severity]:
        """Every rule in words, and how severe breaking it is."""
        return self._severity

    def start(self) -> "PartitionContract":
        """Begin checking one partition."""
        return PartitionContract(self)

    def is_clean(self, batch: Batch) -> bool:
        """Whether no row of *batch* breaks a rule that looks at one row at a time."""
        return not self.failures(batch)

    def failures(self, batch: Batch) -> Counter[str]:
        """Count the rows of *batch* that break each rule that looks at one row at a time.

        Raises:
            InternalError: The batch is not of the conformed schema.
        """
        if not self._rules or self._holds(batch.frame):
            return Counter()
        return _count_failures(self._frame_schema, batch.frame)

    def places(self, rule: str, batch: Batch) -> Sequence[int]:
        """Return where in *batch* rows break *rule*, which looks at one row at a time."""
        column = self.columns[rule]
        holds = self._rules[column][rule](pl.lit(batch.frame.get_column(column)))
        broken: list[int] = pl.select(~holds).to_series().fill_null(False).arg_true().to_list()
        return broken

    @cached_property
    def not_null(self) -> Mapping[str, str]:
        """The rule of every column that holds no null: the configuration says so, or the source."""
        declared = [column.name for column in self.schema.columns if not column.nullable]
        rules = {name: not_null_rule(name) for name in (*declared, *self.columns.values())}
        return {
            name: rule for name, rule in rules.items() if name in declared or rule in self._severity
        }

    def _holds(self, frame: pl.DataFrame) -> bool:
        """Whether no row breaks a rule, as far as one look tells."""
        if frame.schema != self.schema.polars:
            return False
        kept = [
            holds(pl.lit(frame.get_column(name))).all()
            for name, rules in self._rules.items()
            for holds in rules.values()
        ]
        try:
            return bool(pl.select(pl.all_horizontal(kept)).item())
        except pl.exceptions.PolarsError:
            return False

    @cached_property
    def _frame_schema(self) -> "pa.DataFrameSchema":
        import pandera.polars as pa

        columns = {}
        for column in self.schema.columns:
            rules = self._rules.get(column.name, {}).items()
            checks = [pa.Check(_checking(holds), error=rule) for rule, holds in rules]
            columns[column.name] = pa.Column(column.dtype, checks=checks, nullable=True)
        return pa.DataFrameSchema(columns, strict=True, ordered=True, name=self.schema.name)


class PartitionContract:
    """The rules of one table over the rows of one partition."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._failures: Counter[str] = Counter()
        # Eight bytes a row for unique columns only; two values collide once in 2^64.
        self._seen: dict[str, list[Values]] = {name: [] for name in contract.unique}
        self._rows = 0
        self._listed = FailingRows(contract.telling)
        self._settled = False

    def update(
        self, batch: Batch, *, clean: bool = False, hashes: Mapping[str, Hashes] | None = None
    ) -> None:
        """Check the rows of *batch*; *clean* where `Contract.is_clean` said so of them.

        *hashes* are those of the unique columns' values, where they are known.

        Raises:
            InternalError: `settle` was called: no more rows were to come.
        """
        contract = self._contract
        if self._settled and self._seen:
            msg = f"{contract.schema.name}: rows came for a partition that was complete"
            raise InternalError(msg)
        for name, seen in self._seen.items():
            logical = contract.schema.column(name).logical
            own = hashes[name] if hashes is not None else hash_column(batch, name, logical)[0]
            array = batch.values(name)
            valid = pc.is_valid(array).to_numpy() if array.null_count else None
            kept = own if valid is None else own[valid]
            seen.append(Values(hashes=kept, before=self._rows, valid=valid))
        self._list_nulls(batch)
        if not clean:
            failures = contract.failures(batch)
            self._failures.update(failures)
            for rule in filter(self._listed.has_room, failures):
                places = contract.places(rule, batch)
                column = contract.columns[rule]
                self._listed.add(rule, column, batch, places, before=self._rows)
        self._rows += batch.rows

    def _list_nulls(self, batch: Batch) -> None:
        for column, rule in self._contract.not_null.items():
            array = batch.values(column)
            if array.null_count and self._listed.has_room(rule):
                places = np.flatnonzero(array.is_null().to_numpy()).tolist()
                self._listed.add(rule, column, batch, places, before=self._rows)

    def settle(self) -> None:
        """Count what only all rows together tell, and let go of what was kept for that."""
        if self._settled:
            return
        self._settled = True
        for name, rule in self._contract.unique.items():
            seen = self._seen[name]
            values = np.concatenate([one.hashes for one in seen] or [np.zeros(0, np.uint64)])
            # np.unique would take ten times as long.
            ordered = np.sort(values)
            repeated = int(np.count_nonzero(ordered[1:] == ordered[:-1]))
            self._failures[rule] += repeated
            if repeated:
                self._listed.add_numbers(rule, repeated_rows(seen, values))
            self._seen[name] = []

    def outcomes(self, statistics: StatisticsBuilder) -> list[CheckOutcome]:
        """Return what every rule found, with the nulls that *statistics* counted; it settles."""
        self.settle()
        contract = self._contract
        failures = Counter(self._failures)
        for rule, column in contract.columns.items():
            if rule == not_null_rule(column):
                failures[rule] = statistics.of(column).nulls
        found = [
            CheckOutcome(
                check=rule,
                column=contract.columns[rule],
                severity=severity,
                failures=failures[rule],
                rows=self._listed.of(rule),
            )
            for rule, severity in contract.rules.items()
        ]
        return found + list(self._declared_not_null(statistics))

    def _declared_not_null(self, statistics: StatisticsBuilder) -> Iterable[CheckOutcome]:
        for column in self._contract.schema.columns:
            rule = not_null_rule(column.name)
            if not column.nullable and rule not in self._contract.rules:
                nulls = statistics.of(column.name).nulls
                yield CheckOutcome(
                    check=rule,
                    column=column.name,
                    severity="error",
                    failures=nulls,
                    rows=self._listed.of(rule),
                )


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


def _value_rules(check: ColumnCheck, column: Column, table: str) -> dict[str, Holds]:
    """Return the rules of *check* besides the two that need no pandera."""
    names = iter(rule_names(check))
    built: dict[str, Holds] = {}
    bounds = (("ge", check.ge), ("gt", check.gt), ("le", check.le), ("lt", check.lt))
    for comparison, bound in bounds:
        if bound is not None:
            value = _typed(bound, column, table, ordered=True)
            built[next(names)] = _comparing(comparison, value, column)
    if check.isin is not None:
        values = [_typed(item, column, table, ordered=False) for item in check.isin]
        built[next(names)] = lambda one: one.is_in(values)
    if check.matches is not None:
        pattern = check.matches
        if column.logical not in _TEXTS:
            msg = f"{table}.{column.name}: check matches {pattern} is for text columns"
            raise UsageError(msg)
        built[next(names)] = lambda one: one.str.contains(pattern)
    return built


def _comparing(comparison: str, bound: object, column: Column) -> Holds:
    def compare(values: pl.Expr) -> pl.Expr:
        if column.logical in _TEXTS and isinstance(bound, Decimal):
            inside = partial(compare_numbers, comparison=comparison, bound=bound)
            return values.map_batches(inside, return_dtype=pl.Boolean)
        kept: pl.Expr = getattr(values, comparison)(bound)
        # Polars takes NaN for greater than every number; it is within no bound.
        if column.logical is LogicalType.FLOAT:
            kept = kept & values.is_not_nan()
        return kept

    return compare


def _checking(holds: Holds) -> "Callable[[pa.PolarsData], pl.LazyFrame]":
    return lambda data: data.lazyframe.select(holds(pl.col(data.key)))


def _typed(bound: object, column: Column, table: str, *, ordered: bool) -> object:
    """Read a value of the configuration as one that the column's values can be compared with.

    Raises:
        UsageError: It cannot be.
    """
    if column.logical in _TEXTS and not isinstance(bound, bool):
        # Numbers that no type holds are text, and are no greater for a greater first digit.
        return str(bound) if isinstance(bound, str) or not ordered else Decimal(repr(bound))
    if column.logical is LogicalType.BOOLEAN and isinstance(bound, bool) and not ordered:
        return bound
    if (
        column.logical in _NUMBERS
        and isinstance(bound, int | float)
        and not isinstance(bound, bool)
    ):
        exact = column.logical is LogicalType.DECIMAL
        return Decimal(repr(bound)) if exact else bound
    if isinstance(bound, str) and column.logical in _NUMBERS | _TIMES:
        only = TableSchema(name=table, columns=(replace(column, encoding="native"),))
        with suppress(ValueMismatch):
            frame = pl.DataFrame({column.name: [bound]})
            return conform(frame, only, assume_timezone="UTC").item()
    msg = f"{table}.{column.name}: check compares {column.logical} with {bound!r}"
    raise UsageError(msg)


def _count_failures(schema: "pa.DataFrameSchema", frame: pl.DataFrame) -> Counter[str]:
    """Count the rows that break each rule.

    Raises:
        InternalError: The frame is not of the conformed schema.
    """
    import pandera.errors

    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        found = Counter(map(str, error.failure_cases.get_column("check").to_list()))
        rules = {check.error for column in schema.columns.values() for check in column.checks}
        if strange := sorted(set(found) - rules):
            msg = f"{schema.name}: the rows checked are not of the table's schema: {strange[0]}"
            raise InternalError(msg) from error
        return found
    return Counter()
