"""The checks of what was read of logs, from the manifests of the segments alone.

    bytes_accounted    every byte read is exported, quarantined or blank; no stretch is missing
                       or read twice                                                blocking
    quarantine_share   few lines are refused: warns above `log.quarantine_warn`; above
                       `log.quarantine_max`, where nothing is published, an error

They run in the step that reads, or alone over what is published.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from export_assets.config.event_logs import LogConfig
from export_assets.defs.findings import Finding
from export_assets.defs.names import segments_key, source_table_key
from export_assets.defs.wording import counted
from export_assets.engine.ingest.segments import Segment, SegmentsKey, segments
from export_assets.engine.logs.lineage import Lineage
from export_assets.engine.logs.view import SegmentView, files_in_place
from export_assets.errors import ExportError
from export_assets.sources.logs.quarantine_rows import QUARANTINE
from export_assets.store.local import LocalStore

BYTES = "bytes_accounted"
SHARE = "quarantine_share"
_LISTED = 20


@dataclass(kw_only=True)
class Accounts:
    """What all segments of a source hold, added up."""

    segments: int = 0
    files: int = 0
    rows: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Refused lines by reason."""
    blank: int = 0
    read_bytes: int = 0
    exported_bytes: int = 0
    quarantined_bytes: int = 0
    blank_bytes: int = 0
    pending_bytes: int = 0
    stamp: str = ""
    wrong: list[str] = field(default_factory=list)
    """Segments that do not add up, and stretches that are missing or there twice."""

    @property
    def refused(self) -> int:
        """Refused lines."""
        return self.reasons.total()

    @property
    def share(self) -> float:
        """Refused lines among all that are not blank."""
        lines = self.rows + self.refused
        return self.refused / lines if lines else 0.0

    @property
    def figures(self) -> dict[str, dg.MetadataValue]:
        """What Dagster shows and plots of it."""
        return {
            "segments": dg.MetadataValue.int(self.segments),
            "files": dg.MetadataValue.int(self.files),
            "dagster/row_count": dg.MetadataValue.int(self.rows),
            "refused_lines": dg.MetadataValue.int(self.refused),
            "quarantine_share": dg.MetadataValue.float(round(self.share, 6)),
            **self.byte_figures,
        }

    @property
    def byte_figures(self) -> dict[str, dg.MetadataValue]:
        """Bytes by what became of them."""
        return {
            "read_bytes": dg.MetadataValue.int(self.read_bytes),
            "exported_bytes": dg.MetadataValue.int(self.exported_bytes),
            "quarantined_bytes": dg.MetadataValue.int(self.quarantined_bytes),
            "blank_bytes": dg.MetadataValue.int(self.blank_bytes),
            "pending_bytes": dg.MetadataValue.int(self.pending_bytes),
        }


def build_log_check_specs(source: str) -> list[dg.AssetCheckSpec]:
    """Return the specs of the checks of what was read."""
    return [
        dg.AssetCheckSpec(
            BYTES,
            asset=segments_key(source),
            description="Every byte that was read is exported, quarantined or blank, once.",
            blocking=True,
        ),
        dg.AssetCheckSpec(
            SHARE,
            asset=source_table_key(source, QUARANTINE.name),
            description="Few lines of the logs are refused.",
            blocking=False,
        ),
    ]


def accounts_of(store: LocalStore, source: str) -> Accounts:
    """Add up the published segments of *source*.

    Raises:
        IntegrityError: A manifest is damaged.
    """
    found, files = Accounts(), set[str]()
    lineage = Lineage(store.root.joinpath(*SegmentsKey(source).parts[:-1]))
    by_identity: dict[str, list[Segment]] = defaultdict(list)
    for path, manifest, record in segments(store, source):
        segment = Segment(record=record, manifest=manifest, path=path)
        if not lineage.counts(segment):
            continue
        by_identity[record.identity].append(segment)
        files.add(record.file)
        found.segments += 1
        found.rows += manifest.rows
        found.reasons.update(manifest.counters.quarantined)
        found.blank += manifest.counters.blank
        found.read_bytes += record.end - record.start
        found.exported_bytes += record.exported_bytes
        found.quarantined_bytes += record.quarantined_bytes
        found.blank_bytes += record.blank_bytes
        told = record.exported_bytes + record.quarantined_bytes + record.blank_bytes
        if told != record.end - record.start:
            found.wrong.append(
                f"{record.file}: {told} of {counted(record.end - record.start, 'byte')} from "
                f"{record.start} on are accounted for"
            )
    for parts in by_identity.values():
        parts.sort(key=lambda one: one.record.start)
    for parts in by_identity.values():
        found.wrong += _seams(parts, shared=_shared(parts, by_identity))
        found.pending_bytes += parts[-1].record.pending_bytes
    found.files = len(files)
    everything = [one for parts in by_identity.values() for one in parts]
    found.stamp = SegmentView(tuple(map(files_in_place, everything))).stamp
    return found


def _shared(parts: Sequence[Segment], contents: Mapping[str, Sequence[Segment]]) -> int:
    """Return how much of the beginning of *parts* was read with other content, that begins alike.

    Args:
        parts: The segments of one content, in order.
        contents: Those of every content, by identity.
    """
    first, seen = parts[0].record, set[str]()
    left, other = first.start, first.shares
    while other in contents and other not in seen and left:
        seen.add(other)
        above = [one for one in contents[other] if one.record.start < left]
        if not above or above[-1].record.end < left or _seams(above, shared=above[0].record.start):
            break
        left, other = above[0].record.start, above[0].record.shares
    return first.start if not left else 0


def _seams(parts: Sequence[Segment], *, shared: int = 0) -> list[str]:
    """Say where the segments of one content do not join, of which *shared* bytes need none."""
    found, reached = [], shared
    for part in parts:
        record = part.record
        if record.start != reached:
            what = "is missing" if record.start > reached else "was read twice"
            low, high = sorted((record.start, reached))
            found.append(f"{record.file}: {low} to {high} {what}")
        reached = record.end
    return found


def read_events(
    name: str, store: LocalStore, keys: Collection[dg.AssetKey]
) -> Iterator[dg.AssetMaterialization]:
    """Yield of those of *keys* that reading fills what is there of them, whoever has read it.

    Nothing where no manifest of a segment is sound: the checks tell.
    """
    try:
        accounts = accounts_of(store, name)
    except (ExportError, OSError):
        return
    figures: dict[dg.AssetKey, dict[str, dg.MetadataValue]] = {
        segments_key(name): accounts.figures,
        source_table_key(name, QUARANTINE.name): {
            "dagster/row_count": dg.MetadataValue.int(accounts.refused)
        },
    }
    for key, metadata in figures.items():
        if key in keys and accounts.segments:
            tags = {
                "dagster/data_version": accounts.stamp,
                "dagster/data_version_is_user_provided": "true",
            }
            yield dg.AssetMaterialization(key, metadata=metadata, tags=tags)


def judge_bytes(store: LocalStore, source: str) -> Finding:
    """Compare the bytes of all segments with what became of them."""
    try:
        accounts = accounts_of(store, source)
    except (ExportError, OSError) as error:
        return Finding(passed=False, says=str(error))
    read = counted(accounts.read_bytes, "byte")
    says = f"{read} read, all accounted for; {accounts.pending_bytes} are no whole line yet"
    if accounts.wrong:
        more = len(accounts.wrong) - _LISTED
        says = "; ".join(accounts.wrong[:_LISTED]) + (f"; and {more} more" if more > 0 else "")
    return Finding(passed=not accounts.wrong, says=says, figures=accounts.byte_figures)


def judge_share(
    store: LocalStore, source: str, config: LogConfig
) -> tuple[Finding, dg.AssetCheckSeverity]:
    """Compare the share of refused lines with what the configuration tolerates."""
    warn, error = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
    try:
        accounts = accounts_of(store, source)
    except (ExportError, OSError) as trouble:
        return Finding(passed=False, says=str(trouble)), warn
    share, most = accounts.share, config.quarantine_max
    lines = accounts.rows + accounts.refused
    says = f"{accounts.refused:,} of {lines:,} lines are refused ({share:.2%})"
    too_many = most is not None and share > most
    if too_many:
        says += f", more than the {most:.2%} that quarantine_max allows; nothing is published"
    elif share > config.quarantine_warn:
        says += f", more than {config.quarantine_warn:.2%}"
    figures: dict[str, dg.MetadataValue] = {
        "share": dg.MetadataValue.float(round(share, 6)),
        "lines": dg.MetadataValue.int(lines),
        "refused": dg.MetadataValue.int(accounts.refused),
    }
    for reason, count in sorted(accounts.reasons.items()):
        figures[f"refused_{reason}"] = dg.MetadataValue.int(count)
    passed = not too_many and share <= config.quarantine_warn
    return Finding(passed=passed, says=says, figures=figures), error if too_many else warn
