"""What the last run found of sets, so that sets of an unchanged source are not made again.

Kept in `<exports>/.state/<source>.sets.json`. Only an optimisation: losing or damaging it costs
one pass. It is believed only where the manifests it names are still published.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from export_assets.engine.manifests import code_version
from export_assets.engine.memory import STATE
from export_assets.engine.published import has_its_files
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import IntegrityError
from export_assets.store.delivery import is_settled
from export_assets.store.durable import write_durably
from export_assets.store.layout import ExportKey, safe_name
from export_assets.store.local import LocalStore
from export_assets.store.manifest import SET

_DONE = {"success", "empty", "unchanged"}
_BESIDE = {"monitor", "schedule", "every_hours", "scheduled_formats", "freshness", "keep", "owners"}
"""What is said of a source that no file depends on."""


class SetState(msgspec.Struct, kw_only=True):
    """What is known of one set."""

    stamp: str
    """Of the source's content and configuration."""
    partitions: dict[str, str] = {}
    """Run id of the published generation by partition key."""
    directories: dict[str, str] = {}
    """Directory by partition key."""


class SetMemory:
    """Recalls and remembers sets of one source."""

    def __init__(self, store: LocalStore, source: ConfiguredSource, request: ExportRequest) -> None:
        self._store = store
        self._source = source
        self._request = request
        self._path = store.root / STATE / f"{safe_name(source.name)}.sets.json"
        self._usable = request.export_dir is None and not (
            request.overwrite or request.full or request.partitions
        )

    def recall(self, names: Sequence[str], fingerprint: str) -> list[ExportRecord] | None:
        """Return `unchanged` records of the sets *names*; None where one must be made again."""
        if not names:
            return []
        known = self._read() if self._usable else {}
        records: list[ExportRecord] = []
        for name in names:
            state = known.get(name)
            if state is None or state.stamp != self._stamp(name, fingerprint):
                return None
            found = self._published(name, state)
            if found is None:
                return None
            records += found
        return records

    def keep(self, records: Sequence[ExportRecord], fingerprint: str) -> None:
        """Write down what *records* say is published now."""
        if not self._usable or not records:
            return
        known = self._read()
        before = msgspec.json.encode(known)
        for name in dict.fromkeys(record.table for record in records):
            own = [record for record in records if record.table == name]
            known.pop(name, None)
            if all(one.status in _DONE and one.manifest is not None for one in own):
                known[name] = SetState(
                    stamp=self._stamp(name, fingerprint),
                    partitions={one.partition: one.manifest.run_id for one in own if one.manifest},
                    directories={one.partition: one.path.name for one in own if one.path},
                )
        after = msgspec.json.encode(known)
        if after != before:
            # What cannot be remembered costs the next run a pass, and this one nothing.
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_durably(self._path, after + b"\n")

    def _published(self, name: str, state: SetState) -> list[ExportRecord] | None:
        key, records = ExportKey(self._source.name, name, SET), []
        directory = self._source.set_directory(name)
        for partition, run_id in state.partitions.items():
            manifest = None
            place = state.directories.get(partition, "")
            with suppress(IntegrityError):
                manifest = self._store.manifest(key, place)
            if manifest is None or manifest.run_id != run_id:
                return None
            path = self._store.partition_path(key, place)
            if not has_its_files(path, manifest):
                return None
            if directory is not None and not is_settled(directory, manifest):
                return None
            records.append(
                ExportRecord(
                    source=key.source,
                    table=name,
                    format=SET,
                    partition=partition,
                    status="unchanged",
                    rows=manifest.rows,
                    bytes=manifest.bytes,
                    path=path,
                    manifest=manifest,
                )
            )
        return records

    def _stamp(self, name: str, fingerprint: str) -> str:
        from export_assets.engine.sets.publishing import LAYOUT

        source, request = self._source, self._request
        config = source.config.model_dump_json(by_alias=True, exclude=_BESIDE)
        parts = (name, fingerprint, source.url.text, config, source.config.key_id)
        shape = (request.profile, str(LAYOUT), code_version())
        return hashlib.sha256(
            "\0".join((*parts, *shape)).encode("utf-8", "surrogatepass")
        ).hexdigest()[:32]

    def _read(self) -> dict[str, SetState]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, SetState])
        except (OSError, ValueError, RecursionError):  # msgspec's own errors are ValueErrors
            return {}
