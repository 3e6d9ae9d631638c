"""Which partitions of a table must be written: what is published against what the source holds.

A partition whose digests are those of its manifest is left alone, unwritten. What cannot be
compared (nothing is published, its configuration changed, files are missing) is written while it
is read; what turns out to differ is read once more, alone.
"""

from collections.abc import Mapping, Sequence

from export_assets.engine.manifests import column_records
from export_assets.engine.published import has_its_files
from export_assets.engine.scope import published_keys
from export_assets.engine.table_pass import PartitionFacts
from export_assets.engine.tables import TablePlan
from export_assets.errors import ExportError, IntegrityError
from export_assets.store.contents import ColumnRecord
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets.store.manifest import FORMAT_VERSION, Manifest
from export_assets.tables.digest import ALGORITHM
from export_assets.tables.partitions import UNDATED
from export_assets.tables.schema import VERDICTS, TableSchema

NEW = "new in the source"
CHANGED_CONFIGURATION = "its configuration changed"
DAMAGED_MANIFEST = "its manifest is damaged"
DAMAGED_FILES = "files are missing or damaged"
GONE = "no longer in the source"
UNCHANGED = "unchanged"

_TOLD_OF_VALUES = (
    "logical_type",
    "physical_type",
    "declared_type",
    "nullable",
    "digest",
    "nulls",
    "min",
    "max",
)


class Standing:
    """What is published of one table in one format, looked at when it is asked for."""

    def __init__(
        self, store: LocalStore, source: str, plan: TablePlan, fmt: str, *, config_hash: str
    ) -> None:
        self.export = ExportKey(source, plan.name, fmt)
        self.keys = published_keys(store, source, plan=plan, formats=[fmt])
        """Keys that have a directory."""
        self._store = store
        self._plan = plan
        self._config_hash = config_hash
        self._seen: dict[str, tuple[Manifest | None, str | None]] = {}

    def manifest(self, key: str) -> Manifest | None:
        """Return the manifest of partition *key*, None where there is none that can be read."""
        return self._look(key)[0]

    def obstacle(self, key: str) -> str | None:
        """Return why partition *key* cannot be compared and is written in any case, else None."""
        return self._look(key)[1]

    def _look(self, key: str) -> tuple[Manifest | None, str | None]:
        if key not in self._seen:
            self._seen[key] = self._read(key) if key in self.keys else (None, NEW)
        return self._seen[key]

    def _read(self, key: str) -> tuple[Manifest | None, str | None]:
        directory = self._plan.partitions.directory(key)
        try:
            manifest = self._store.manifest(self.export, directory)
        except IntegrityError:
            return None, DAMAGED_MANIFEST
        except ExportError as error:
            return None, str(error)
        if manifest is None:
            return None, NEW
        if manifest.config_hash != self._config_hash or manifest.table != self._plan.name:
            return manifest, CHANGED_CONFIGURATION
        if manifest.digest_algorithm != ALGORITHM or manifest.format_version != FORMAT_VERSION:
            return manifest, "published in another version of the format"
        path = self._store.partition_path(self.export, directory)
        return manifest, None if has_its_files(path, manifest) else DAMAGED_FILES


class Changes:
    """Decides, for every partition and format of one table, between writing and leaving alone."""

    def __init__(self, plan: TablePlan, standing: Mapping[str, Standing] | None) -> None:
        """Decide by what is *standing* by format; None writes everything."""
        self._plan = plan
        self._standing = standing
        self.formats = () if standing is None else tuple(standing)
        """Formats of which something may be published."""
        self._reasons: dict[tuple[str, str], str] = {}
        self._settled: set[tuple[str, str]] = set()
        self.rows: dict[str, int] = {}
        """Rows by key, of every partition read so far."""

    def writes(self, fmt: str, key: str) -> bool:
        """Whether partition *key* is written in format *fmt* by the pass that reads it now."""
        if (fmt, key) in self._settled:
            return False
        return (fmt, key) in self._reasons or self.obstacle(fmt, key) is not None

    def obstacle(self, fmt: str, key: str) -> str | None:
        """Return why the partition is written without being compared, None where it is."""
        if self._standing is None:
            return "asked for"
        return self._standing[fmt].obstacle(key)

    def manifest(self, fmt: str, key: str) -> Manifest | None:
        """Return the published manifest the partition is compared with, where there is one."""
        return None if self._standing is None else self._standing[fmt].manifest(key)

    def published(self, fmt: str) -> set[str]:
        """Return the keys that have a directory in *fmt*."""
        return set() if self._standing is None else set(self._standing[fmt].keys)

    def comparable(self, fmt: str) -> dict[str, Manifest]:
        """Return by key all manifests in *fmt* that rows can be compared with."""
        if self._standing is None:
            return {}
        standing = self._standing[fmt]
        found = {key: standing.manifest(key) for key in sorted(standing.keys)}
        return {
            key: manifest
            for key, manifest in found.items()
            if manifest is not None and standing.obstacle(key) is None
        }

    def obstructed(self, fmt: str) -> set[str]:
        """Return the keys that have a directory in *fmt* and cannot be compared."""
        if self._standing is None:
            return set()
        standing = self._standing[fmt]
        return {key for key in standing.keys if standing.obstacle(key) is not None}

    def settle(self, fmt: str, key: str) -> None:
        """Note that the partition has its record."""
        self._settled.add((fmt, key))

    def is_settled(self, fmt: str, key: str) -> bool:
        """Whether the partition has its record."""
        return (fmt, key) in self._settled

    def force(self, fmt: str, key: str, reason: str) -> None:
        """Have the partition written by the next pass that reads it."""
        self._reasons[fmt, key] = reason

    def compare(self, fmt: str, key: str, facts: PartitionFacts, schema: TableSchema) -> str | None:
        """Return how the rows read differ from those published, None where they do not."""
        known = self._reasons.get((fmt, key)) or self.obstacle(fmt, key)
        manifest = self.manifest(fmt, key)
        if known is not None or manifest is None:
            return known or NEW
        return difference(manifest, self._plan, schema, facts)

    def groups(self, keys: Sequence[str], *, room: int) -> list[tuple[str, ...]]:
        """Divide *keys* into those that one scan is to bring, at most *room* at once.

        A range is read as one scan. It is parted where more than a quarter of all rows lie between
        two of its keys: a few changed partitions far apart do not cost the table, and a source
        without an index is not searched more than five times. Rows without a time are searched
        for everywhere, so that their scan brings all the others, too.
        """
        most = sum(self.rows.values()) / 4
        split = most > 0 and UNDATED not in keys
        found: list[list[str]] = []
        for key in sorted(keys):
            between = 0
            if found and split:
                last = found[-1][-1]
                between = sum(rows for other, rows in self.rows.items() if last < other < key)
            if not found or len(found[-1]) >= room or between > most:
                found.append([])
            found[-1].append(key)
        return [tuple(group) for group in found]


def difference(
    old: Manifest, plan: TablePlan, schema: TableSchema, facts: PartitionFacts
) -> str | None:
    """Return what a reader of *old* would not see of the rows counted in *facts*.

    The order of rows that no column orders is no difference.
    """
    rows = facts.digest.rows
    if old.rows and not rows:
        return GONE
    if old.rows != rows:
        return f"rows differ: {old.rows} -> {rows}"
    columns = column_records(schema, facts)
    different = _differing(old.columns, columns)
    if different:
        return f"columns differ: {', '.join(different)}"
    if old.row_digest != facts.digest.digest().row_digest:
        return "the same values lie in other rows"
    if old.primary_key != schema.primary_key or old.order_by != plan.ordered_by:
        return "its key or order changed"
    return None


def _differing(old: Sequence[ColumnRecord], new: Sequence[ColumnRecord]) -> list[str]:
    before, after = ({column.name: column for column in columns} for columns in (old, new))
    names = [name for name in after if name not in before or not _same(before[name], after[name])]
    names += [name for name in before if name not in after]
    return names or ([] if list(before) == list(after) else list(after))


def _same(old: ColumnRecord, new: ColumnRecord) -> bool:
    """Whether a column is as it was, but for what only its format knows of it."""
    if any(getattr(old, name) != getattr(new, name) for name in _TOLD_OF_VALUES):
        return False
    # The verdict published is the graver one of the values' and the format's own.
    return VERDICTS.index(old.fidelity) >= VERDICTS.index(new.fidelity)
