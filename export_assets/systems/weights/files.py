"""The state files of `weights`, and the measurements and results that lie beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from export_assets.sources.states.kind import Gathered, Row, Rows, StateKind
from export_assets.systems.weights.csv_lines import name_of
from export_assets.systems.weights.measurements import measurement_files, read_measurements
from export_assets.systems.weights.parsing import parse_state
from export_assets.systems.weights.results import read_results
from export_assets.systems.weights.state import rows_of
from export_assets.systems.weights.summary import summarise
from export_assets.systems.weights.tables import ACCEPTANCE, SUMMARY, TABLES
from export_assets.tables.schema import TableSchema
from export_assets.translate import translating


@dataclass(frozen=True, kw_only=True)
class WeightsStates(StateKind):
    """The processor's states."""

    zone: ZoneInfo
    """On whose clock times with an offset are put."""
    measurements: Path | None = None
    """A CSV file of measurements, or a directory of such."""
    results: Path | None = None
    """A file that says which measurements were accepted."""

    def tables(self) -> Sequence[TableSchema]:
        """See `StateKind.tables`."""
        return TABLES

    def rows(self, name: str, content: bytes) -> Rows:
        """See `StateKind.rows`."""
        return rows_of(name, parse_state(content), self.zone)

    def further(self, gathered: Gathered) -> Iterator[tuple[str, Row]]:
        """Yield the rows of results and measurements, and the summary over all."""
        accepted = rejected = 0
        for row in read_results(self.results):
            accepted += row[1]
            rejected += row[2]
            yield ACCEPTANCE.name, row
        decided = (accepted, rejected) if self.results is not None else None
        yield SUMMARY.name, summarise(gathered, decided)
        for file in measurement_files(self.measurements):
            yield from read_measurements(file, self.zone)

    def stamp(self) -> str:
        """Return names, sizes and times of the files of measurements and results."""
        files = [*measurement_files(self.measurements), *filter(None, [self.results])]
        return ",".join(map(_stamp_of, files))


def _stamp_of(file: Path) -> str:
    with translating(str(file), side="source"):
        status = file.stat()
    return f"{name_of(file)}:{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"
