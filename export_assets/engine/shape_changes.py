"""Tables whose shape has changed since they were published: told, and refused where it breaks."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from export_assets.engine.choices import Choices
from export_assets.engine.manifests import effective_hash
from export_assets.engine.published import published_schema
from export_assets.engine.tables import TablePlan
from export_assets.errors import ContractViolation, ExportError
from export_assets.store.local import LocalStore
from export_assets.store.manifest import MANIFEST_NAME, Manifest, read_manifest
from export_assets.store.tree import scan_partitions
from export_assets.tables.drift import Drift, compare_schemas


@dataclass(frozen=True, kw_only=True)
class DriftVerdict:
    """Which tables may be exported as they are now."""

    plans: Sequence[TablePlan]
    refused: dict[str, ExportError] = field(default_factory=dict)
    """Why the others may not, by name."""
    warnings: Sequence[str] = ()


def judge_drift(plans: Sequence[TablePlan], store: LocalStore, choices: Choices) -> DriftVerdict:
    """Compare each table with what was last published of it under the same configuration.

    `drift` of the configuration decides what becomes of columns that are gone or hold less:
    `refuse` (unless overwriting was asked for), `warn`, or `allow`, which says nothing at all.
    """
    source, request = choices.source, choices.request
    if request.output_dir is not None:
        return DriftVerdict(plans=plans)
    good: list[TablePlan] = []
    refused: dict[str, ExportError] = {}
    warnings: list[str] = []
    for plan in plans:
        manner = source.config.drift_of(plan.name)
        drift = Drift()
        if manner != "allow":
            drift = _drift(plan, store, choices)
        subject = f"{source.name}/{plan.name}"
        if drift.breaking and manner == "refuse" and not request.overwrite:
            msg = f"{subject}: {', '.join(drift.breaking)}; nothing was published. Publish it "
            msg += "once with --overwrite, or always with `drift: warn` in the source's YAML"
            refused[plan.name] = ContractViolation(msg)
            continue
        good.append(plan)
        warnings += [f"{subject}: {clause}" for clause in (*drift.breaking, *drift.harmless)]
    return DriftVerdict(plans=good, refused=refused, warnings=warnings)


def _drift(plan: TablePlan, store: LocalStore, choices: Choices) -> Drift:
    source, request = choices.source, choices.request
    comparable = [
        manifest
        for manifest in newest_manifests(store, source.name, plan.name)
        if manifest.config_hash
        == effective_hash(source.config, plan.name, manifest.format, request)
    ]
    if not comparable:
        return Drift()
    last = max(comparable, key=lambda manifest: manifest.created_at)
    return compare_schemas(published_schema(last), choices.redactor(plan).schema)


def newest_manifests(store: LocalStore, source: str, table: str) -> Iterator[Manifest]:
    """Yield the manifest last written of *table* in each format, damaged ones left out.

    Which one that is their files' times say: reading all of them would take as long as a run.
    """
    written: dict[str, list[tuple[int, str]]] = {}
    for path in scan_partitions(store.root, source=source, table=table):
        manifest = path / MANIFEST_NAME
        with suppress(OSError):
            moment = manifest.lstat().st_mtime_ns
            written.setdefault(path.parent.name, []).append((moment, str(path)))
    for paths in written.values():
        _, newest = max(paths)
        with suppress(ExportError, OSError):
            yield read_manifest(store.root / newest / MANIFEST_NAME)
