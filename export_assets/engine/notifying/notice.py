"""What people are told: one notice, as text for them and as a document for programs.

A notice names sources, tables, partitions and checks, and holds our own one-line messages. It never
holds a value of the data.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from export_assets.config.notify import Occasion

FORMAT = 1
"""Version of the document; a key is added without a new one."""
_NAMED = 8
_LONGEST = 400
_MOMENT = re.compile(r"(19|20)\d\d(-W?\d\d){0,2}([T-]\d\d([:-]?\d\d){0,2})?Z?")
_WORDS: dict[Occasion, str] = {
    "failure": "export failed",
    "recovery": "exports well again",
    "check": "checks failed",
}


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that happened to the exports of a source."""

    occasion: Occasion
    source: str
    at: datetime
    """When, aware."""
    tables: tuple[str, ...] = ()
    """Tables concerned; empty where it is the source as a whole."""
    partitions: tuple[str, ...] = ()
    """Keys of partitions, as `safe_partition` gives them; empty where it is all of them. Of a
    recovery those that failed and are still to be exported."""
    checks: tuple[str, ...] = ()
    """Checks that failed: `shop/orders/csv: contract`."""
    error: str = ""
    """First message, one line."""
    failures: int = 0
    """How often it failed before it went well."""
    job: str = ""
    """What ran: a job of Dagster, or `watch`."""
    run_id: str = ""
    path: str = ""
    """Where the run is shown, below the address of Dagster's web server."""
    test: bool = False
    """Whether nothing happened: somebody tries who is told."""

    @property
    def title(self) -> str:
        """One short line: `shop: export failed (orders, customers)`."""
        if self.test:
            return f"{self.source}: a test, nothing happened"
        named = f" ({_listed(self.tables)})" if self.tables else ""
        return f"{self.source}: {_WORDS[self.occasion]}{named}"

    @property
    def text(self) -> str:
        """The title, and a line for each fact."""
        times = f"{self.failures} time{'' if self.failures == 1 else 's'}"
        facts = [
            ("error", _shortened(self.error)),
            ("checks", _listed(self.checks)),
            ("failed before", times if self.failures else ""),
            (
                "still to be exported" if self.occasion == "recovery" else "partitions",
                _listed(self.partitions),
            ),
            ("job", self.job),
            ("run", self.path or self.run_id),
            ("at", self.at.isoformat(timespec="seconds")),
        ]
        return "\n".join([self.title, *(f"{name}: {fact}" for name, fact in facts if fact)])

    def document(self) -> dict[str, object]:
        """Return the document that a webhook is sent."""
        return {
            "format": FORMAT,
            "event": self.occasion,
            "source": self.source,
            "tables": list(self.tables),
            "partitions": list(self.partitions),
            "checks": list(self.checks),
            "error": _shortened(self.error),
            "failures": self.failures,
            "job": self.job,
            "run_id": self.run_id,
            "path": self.path,
            "at": self.at.isoformat(timespec="seconds"),
            **({"test": True} if self.test else {}),
        }


def safe_partition(key: str) -> str | None:
    """Return *key* where it is a moment; None where it may be a value of the data."""
    return key if _MOMENT.fullmatch(key) else None


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
