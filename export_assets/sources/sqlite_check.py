"""SQLite's own check of a snapshot, run beside the reading of its rows."""

import re
import sqlite3
import threading
from pathlib import Path

from export_assets.errors import ExportError, SourceCorrupt
from export_assets.sources.sqlite_errors import translate
from export_assets.sources.sqlite_open import connect

# quick_check also reports rows that break their table's own constraints. That is the application's
# affair, not damage: such rows are exported as they are.
_ROW_FINDING = re.compile(
    r"(CHECK constraint failed in|NULL value in|(TEXT|NUMERIC|non-\S+) value in) "
)


def quick_check(connection: sqlite3.Connection, name: str) -> None:
    """Let SQLite check every page that *connection* sees.

    Raises:
        SourceCorrupt: A page is damaged; the message quotes the first finding.
    """
    try:
        findings = [str(row[0]) for row in connection.execute("pragma quick_check")]
    except sqlite3.Error as error:
        raise translate(error, name) from error
    damage = [one for one in findings if one != "ok" and not _ROW_FINDING.match(one)]
    if damage:
        first = " ".join(damage[0].replace("*** in database main ***", "").split())
        msg = f"{name}: the database is damaged: {first}"
        raise SourceCorrupt(msg)


class BackgroundCheck:
    """`quick_check` of a private copy in a thread of its own."""

    def __init__(self, copy: Path, name: str) -> None:
        self._name = name
        self._connection = connect(copy, busy_timeout=0)
        self._verdict: ExportError | None = None
        self._thread = threading.Thread(target=self._run, name=f"quick_check {name}", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait for the verdict.

        Raises:
            SourceCorrupt: The copy, and so the source, is damaged.
        """
        self._thread.join()
        if self._verdict is not None:
            raise self._verdict

    def abandon(self) -> None:
        """Stop checking; what was found so far does not matter any more."""
        while self._thread.is_alive():
            self._connection.interrupt()
            self._thread.join(0.05)
        self._connection.close()

    def _run(self) -> None:
        try:
            quick_check(self._connection, self._name)
        except ExportError as error:
            self._verdict = error
