"""The checks `contract` and `plausible`: which rules are broken, and by which rows."""

from collections.abc import Iterable, Iterator, Sequence

import dagster as dg

from export_assets.defs.findings import MOST_LISTED, Cell, Finding, table_of
from export_assets.defs.published import read_published
from export_assets.defs.subject import Subject
from export_assets.defs.wording import agreed
from export_assets.engine.privacy import telling_of
from export_assets.engine.published import carried_schema
from export_assets.engine.report import rows_break
from export_assets.store.manifest import Manifest
from export_assets.tables.contract import CheckOutcome, Contract
from export_assets.tables.statistics import StatisticsBuilder


def judge_contract(subject: Subject, manifest: Manifest) -> Finding:
    """Check the published rows against all rules."""
    return contract_finding(_outcomes(subject, manifest))


def judge_plausible(subject: Subject, manifest: Manifest) -> Finding:
    """Say which rules that only warn rows break, of the run that wrote them or of what is there."""
    record = subject.record
    outcomes = record.checks if record is not None else ()
    mild = [one for one in outcomes or _outcomes(subject, manifest) if one.severity == "warn"]
    broken = [one for one in mild if not one.passed]
    says = ", ".join(rows_break(one.failures, one.check) for one in broken[:MOST_LISTED])
    figures: dict[str, dg.MetadataValue] = {
        "rules": dg.MetadataValue.int(len(mild)),
        "failures": dg.MetadataValue.int(sum(one.failures for one in broken)),
    }
    return Finding(
        passed=not broken,
        says=says or agreed(len(mild), "rule", "hold"),
        figures=figures | failing_rows(broken),
    )


def contract_finding(outcomes: Iterable[CheckOutcome]) -> Finding:
    """Return what the rules found, the most broken ones first."""
    outcomes = list(outcomes)
    broken = [outcome for outcome in outcomes if not outcome.passed]
    grave = [outcome for outcome in broken if outcome.severity == "error"]
    says = agreed(len(outcomes), "rule", "hold")
    if broken:
        facts = [rows_break(one.failures, one.check) for one in (grave or broken)[:MOST_LISTED]]
        says = ", ".join(facts)
    rules = table_of(
        {"rule": "", "column": "", "severity": "", "rows": "Rows that break the rule."},
        (
            (one.check, one.column, one.severity, one.failures)
            for one in sorted(outcomes, key=lambda outcome: -outcome.failures)
        ),
    )
    failures = dg.MetadataValue.int(sum(one.failures for one in broken))
    return Finding(
        passed=not grave,
        says=says,
        figures={"rules": rules, "failures": failures, **failing_rows(grave or broken)},
    )


def failing_rows(broken: Sequence[CheckOutcome]) -> dict[str, dg.MetadataValue]:
    """Return the first rows that break the rules *broken*, as a table; empty without any.

    Every rule has its share of the table. A row is named by its number and, where that may be
    told, by its key; the value is told only where the configuration asks for it.
    """
    if not any(one.rows for one in broken):
        return {}
    columns = {"rule": "", "column": "", "row": "Of the partition, from 1."}
    keyed = any(row.key for one in broken for row in one.rows)
    valued = any(row.value is not None for one in broken for row in one.rows)
    columns |= {"key": "What identifies the row."} if keyed else {}
    columns |= {"value": "What breaks the rule."} if valued else {}

    def cells() -> Iterator[tuple[Cell, ...]]:
        listed = [one for one in broken if one.rows]
        each = max(MOST_LISTED // len(listed), 1)
        for one in listed:
            for row in one.rows[:each]:
                told: tuple[Cell, ...] = (one.check, one.column, row.number)
                told += (row.key or None,) if keyed else ()
                yield told + ((row.value,) if valued else ())

    return {"failing_rows": table_of(columns, cells())}


def _outcomes(subject: Subject, manifest: Manifest) -> Sequence[CheckOutcome]:
    """Check the published rows against the rules that hold now."""
    schema, config = carried_schema(manifest), subject.table.configured.config
    rules = [
        rule for rule in config.table(subject.table.name).checks if rule.column in schema.names
    ]
    contract = Contract(schema, rules, telling=telling_of(config, schema)).start()
    statistics = StatisticsBuilder(schema)
    for batch in read_published(subject.table, manifest):
        statistics.update(batch)
        contract.update(batch)
    return contract.outcomes(statistics)
