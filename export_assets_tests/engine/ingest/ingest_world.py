"""A log directory and its segments, with rows that hold one number each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from export_assets.engine.ingest.ingest import Ingestion
from export_assets.engine.ingest.outcome import IngestReport
from export_assets.engine.ingest.policy import Policy
from export_assets.engine.ingest.rows import SameRows
from export_assets.engine.ingest.segments import segment_paths, segments
from export_assets.sources.logs.judge import Judged, Rejected, judge_lines
from export_assets.sources.logs.reading import Batch
from export_assets.store.filesystem import REAL, Filesystem
from export_assets.store.local import LocalStore
from export_assets.store.manifest import Manifest, SegmentRecord
from export_assets.tables.schema import Column, LogicalType, TableSchema

SOURCE = "range"
LATER = timedelta(days=2)


class Numbers:
    """Rows of one number; negative ones are refused."""

    schema = TableSchema(name="numbers", columns=(Column(name="n", logical=LogicalType.INTEGER),))
    version = "1"

    @staticmethod
    def judge(lines: Sequence[bytes]) -> Judged:
        return judge_lines(lines)

    def frame(self, batch: Batch) -> tuple[pl.DataFrame, Sequence[Rejected]]:
        rejected = [
            Rejected(index=index, reason="negative", detail=str(record["n"]))
            for index, record in enumerate(batch.records)
            if record["n"] < 0
        ]
        kept = [record["n"] for record in batch.records if record["n"] >= 0]
        return pl.DataFrame({"n": pl.Series(kept, dtype=pl.Int64)}), rejected


def line(number: int) -> bytes:
    return json.dumps({"n": number}).encode("ascii") + b"\n"


def lines(*numbers: int) -> bytes:
    return b"".join(map(line, numbers))


@dataclass
class World:
    base: Path
    policy: Policy = field(default_factory=lambda: Policy(grow_bytes=0))
    patterns: tuple[str, ...] = ("*",)
    filesystem: Filesystem = REAL
    runs: int = 0

    @property
    def logs(self) -> Path:
        path = self.base / "logs"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def log(self, name: str, content: bytes) -> Path:
        path = self.logs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def append(self, name: str, content: bytes) -> None:
        with (self.logs / name).open("ab") as file:
            file.write(content)

    @property
    def store(self) -> LocalStore:
        return LocalStore(self.base / "exports", filesystem=self.filesystem)

    def tick(self, *, late: bool = False) -> IngestReport:
        self.runs += 1
        ingestion = Ingestion(
            self.store, SOURCE, SameRows(Numbers()), policy=self.policy, patterns=self.patterns
        )
        now = datetime.now(UTC) + (LATER if late else timedelta())
        return ingestion.run(self.logs, f"run-{self.runs}", now=now)

    @property
    def segments(self) -> list[tuple[Path, Manifest, SegmentRecord]]:
        return list(segments(self.store, SOURCE))

    @property
    def paths(self) -> list[Path]:
        return segment_paths(self.store, SOURCE)

    @property
    def numbers(self) -> list[int]:
        """All rows published, sorted."""
        parts = [part for path in self.paths for part in sorted(path.glob("part-*.parquet"))]
        return sorted(n for part in parts for n in pl.read_parquet(part, columns=["n"])["n"])

    @property
    def refused(self) -> list[dict[str, object]]:
        files = [path / "_quarantine.ndjson" for path in self.paths]
        return [
            json.loads(text)
            for file in files
            if file.exists()
            for text in file.read_text(encoding="utf-8").splitlines()
        ]
