"""What `watch` tells: that a source began to fail, and that it goes well again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from export_assets.engine.notifying.notice import Notice, safe_partition
from export_assets.engine.notifying.notifier import Notifier
from export_assets.engine.watching import Seen
from export_assets.errors import ContractViolation, ExportError

_JOB = "watch"


@dataclass(kw_only=True)
class WatchNews:
    """Tells once of each thing that fails, however often it is tried."""

    source: str
    notifier: Notifier
    _failing: frozenset[str] = field(default=frozenset(), init=False)
    _failures: int = field(default=0, init=False)

    def after(self, seen: Seen) -> None:
        """Tell of a look that changed whether all goes well."""
        if not seen.failed:
            if self._failures:
                tables = tuple(sorted(self._failing - {self.source}))
                self.notifier.tell(
                    Notice(
                        occasion="recovery", source=self.source, at=seen.at, tables=tables,
                        failures=self._failures, job=_JOB,
                    )
                )  # fmt: skip
            self._failing, self._failures = frozenset(), 0
            return
        failing = _failing(self.source, seen)
        if failing - self._failing:
            self.notifier.tell(*_failed(self.source, seen))
        self._failing, self._failures = failing, self._failures + 1

    @contextmanager
    def of_the_end(self) -> Iterator[None]:
        """Tell of an error that ends the block, which goes on to whoever is outside."""
        try:
            yield
        except ExportError as error:
            at = datetime.now(UTC)
            self.notifier.tell(
                Notice(occasion="failure", source=self.source, at=at, error=str(error), job=_JOB)
            )
            raise


def _failing(source: str, seen: Seen) -> frozenset[str]:
    if seen.report is None:
        return frozenset({source})
    tables = {record.table for record in seen.report.failed}
    return frozenset(tables | ({source} if seen.report.unread else set()))


def _failed(source: str, seen: Seen) -> list[Notice]:
    """Return what to say of a look that failed: the failure, and the contracts broken."""
    if seen.report is None:
        error = str(seen.error or "")
        return [Notice(occasion="failure", source=source, at=seen.at, error=error, job=_JOB)]
    report = seen.report
    errors = [record.error or "" for record in report.failed]
    errors += [f"not read: {name}: {error}" for name, error in report.unread.items()]
    broken = [one for one in report.failed if one.exit_code == ContractViolation.exit_code]
    keys = {safe_partition(record.partition) for record in report.failed}
    common: dict[str, Any] = {
        "source": source,
        "at": seen.at,
        "partitions": tuple(sorted(key for key in keys if key is not None)),
        "checks": tuple(
            dict.fromkeys(f"{source}/{one.table}/{one.format}: contract" for one in broken)
        ),
        "error": errors[0],
        "job": _JOB,
        "run_id": report.run_id,
    }
    tables = tuple(dict.fromkeys(record.table for record in report.failed))
    of_contracts = tuple(dict.fromkeys(record.table for record in broken))
    notices = [Notice(occasion="failure", tables=tables, **common)]
    if broken:
        notices.append(Notice(occasion="check", tables=of_contracts, **common))
    return notices
