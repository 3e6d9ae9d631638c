"""Which columns say something of people, whether somebody decided about them, and what still joins.

A column is classified where the configuration redacts, anonymises or exposes it. One whose name
looks personal and that is not classified leaves with a note, or stops the export before anything
is read: `unclassified: warn | refuse | allow` of the source.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from export_assets.config.models import SourceConfig
from export_assets.engine.report import ExportRecord
from export_assets.engine.tables import TablePlan
from export_assets.errors import ContractViolation
from export_assets.tables.failing import Telling
from export_assets.tables.schema import TableSchema
from export_assets.tables.sensitive import sensitive_kind

Treatment = Literal["redacted", "pseudonym", "exposed", "unclassified", ""]
"""What is done about a column; empty where nothing needs to be."""

Columns = Mapping[str, str]
"""Declared types by name."""


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A column that looks personal and that nobody decided about."""

    table: str
    column: str
    kind: str
    """What it seems to hold: `e-mail`, `phone`, …"""

    def __str__(self) -> str:
        return f"{self.table}.{self.column} ({self.kind})"


class UnclassifiedColumns(ContractViolation):
    """Columns look personal, nobody decided about them, and the source refuses such."""

    def __init__(self, source: str, suspects: Sequence[Suspect]) -> None:
        super().__init__(f"{source}: {_told(suspects)}; nothing was exported")
        self.suspects = list(suspects)


def treatment(config: SourceConfig, table: str, column: str, declared: str = "") -> Treatment:
    """Return what is done about *column* of *table*, and whether that was decided."""
    if config.redacts(table, column):
        return "redacted"
    if column in config.table(table).anonymize:
        return "pseudonym"
    if config.exposes(table, column):
        return "exposed"
    return "unclassified" if sensitive_kind(column, declared) is not None else ""


def telling_of(config: SourceConfig, schema: TableSchema) -> Telling:
    """Return what checks may tell of rows of the table *schema* that break a rule.

    Never of a column that is hidden, or that looks personal. The key of a row is told unless the
    source is private; values, and of a private source the key, where the table says so.
    """
    plain = {
        column.name
        for column in schema.columns
        if treatment(config, schema.name, column.name, column.declared) == ""
    }
    asked = config.table(schema.name).failing_values
    key = schema.primary_key if plain.issuperset(schema.primary_key) else ()
    return Telling(
        key=key if asked or not config.private else (),
        values=frozenset(plain) if asked else frozenset(),
    )


def suspects_of(config: SourceConfig, table: str, columns: Columns) -> list[Suspect]:
    """Return the *columns* of *table* that look personal and are not classified."""
    return [
        Suspect(table=table, column=name, kind=sensitive_kind(name, declared) or "")
        for name, declared in columns.items()
        if treatment(config, table, name, declared) == "unclassified"
    ]


def review_plans(config: SourceConfig, plans: Iterable[TablePlan]) -> list[str]:
    """Return notes about what is about to leave.

    Raises:
        UnclassifiedColumns: Columns look personal, are not classified, and `unclassified` is
            `refuse`.
    """
    plans = list(plans)
    columns = {
        plan.name: {name: plan.schema.column(name).declared for name in plan.exported}
        for plan in plans
    }
    keys = [
        ((plan.name, child), (key.ref_table, parent))
        for plan in plans
        for key in plan.schema.foreign_keys
        for child, parent in zip(key.columns, key.ref_columns, strict=False)
    ]
    return review(config, columns, keys)


def review_records(config: SourceConfig, records: Iterable[ExportRecord]) -> list[str]:
    """Return the same notes of what was published before and is left as it is.

    Raises:
        UnclassifiedColumns: As for `review_plans`.
    """
    columns = {
        record.table: {column.name: column.declared_type for column in record.manifest.columns}
        for record in records
        if record.manifest is not None
    }
    return review(config, columns)


def review(
    config: SourceConfig,
    columns: Mapping[str, Columns],
    keys: Sequence[tuple[tuple[str, str], tuple[str, str]]] = (),
) -> list[str]:
    """Return notes about *columns* by table and about *keys*, declared ones of child and parent.

    Raises:
        UnclassifiedColumns: As for `review_plans`.
    """
    notes = []
    found = [
        one
        for table, present in columns.items()
        for one in suspects_of(config, table, present)
        if config.unclassified != "allow"
    ]
    if found and config.unclassified == "refuse":
        raise UnclassifiedColumns(config.source, found)
    if found:
        notes.append(_told(found))
    configured = [
        ((one.child_table, one.child_column), (one.parent_table, one.parent_column))
        for one in config.relations
    ]
    for child, parent in dict.fromkeys((*keys, *configured)):
        if child[1] in columns.get(child[0], {}) and parent[1] in columns.get(parent[0], {}):
            notes += _broken_join(config, child, parent)
    return notes


def _told(suspects: Sequence[Suspect]) -> str:
    """Name every suspect, and what to write about them."""
    tables: dict[str, list[str]] = {}
    for one in suspects:
        tables.setdefault(one.table, []).append(one.column)
    table, names = next(iter(tables.items()))
    looks = "looks personal and is" if len(suspects) == 1 else "look personal and are"
    return (
        f"{', '.join(map(str, suspects))} {looks} not classified; name what may leave in expose, "
        f"the rest in redact or anonymize, as in `{table}: {{expose: [{', '.join(names)}]}}`"
    )


def _broken_join(
    config: SourceConfig, child: tuple[str, str], parent: tuple[str, str]
) -> list[str]:
    hidden = [
        shown if (shown := treatment(config, *end)) in {"redacted", "pseudonym"} else ""
        for end in (child, parent)
    ]
    if hidden[0] == hidden[1]:
        return []
    sides = f"{'.'.join(child)} refers to {'.'.join(parent)}"
    which = [
        f"{'.'.join(end)} is {'redacted' if how == 'redacted' else 'pseudonymised'}"
        for end, how in zip((child, parent), hidden, strict=True)
        if how
    ]
    return [f"{sides}, but {' and '.join(which)}: the exported rows do not join"]
