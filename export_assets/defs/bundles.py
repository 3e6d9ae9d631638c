"""Bundles as assets: one per configured root table, a dynamic partition per row asked for.

The key of a partition is the id of a root row. Whoever materializes it gets the row with everything
that hangs on it, published as one set; adding the key is all it takes to ask for another row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import dagster as dg

from export_assets.config.bundles import BundleConfig
from export_assets.defs.code_references import code_references
from export_assets.defs.failing import failing
from export_assets.defs.held import RunSources
from export_assets.defs.metadata import Metadata
from export_assets.defs.names import op_part, source_table_key
from export_assets.defs.pools import RETRY_SECONDS, reading_pool, retry_policy
from export_assets.defs.run_config import OVERWRITE
from export_assets.defs.shapes import unexpected
from export_assets.defs.tags import asset_tags
from export_assets.defs.whole import check_result, describe_whole, examine, version_of
from export_assets.engine.bundle import Bundler, BundleReport
from export_assets.engine.bundle_request import BundleRequest
from export_assets.engine.bundles.naming import bundle_directory, pseudonyms
from export_assets.engine.request import Run
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.store.contents import BundleRecord
from export_assets.store.layout import ExportKey, safe_name
from export_assets.store.manifest import BUNDLE, Manifest

CHECK = "bundle"
_LOCK_TIMEOUT = 60.0


@dataclass(frozen=True, kw_only=True)
class BundleRoot:
    """The bundles of one root table of a source."""

    workspace: Workspace
    configured: ConfiguredSource
    table: str
    rules: BundleConfig

    @property
    def source(self) -> str:
        """The source's name."""
        return self.configured.name

    @property
    def key(self) -> dg.AssetKey:
        """The asset's key: `[source, bundles, root]`."""
        return dg.AssetKey([self.source, "bundles", safe_name(self.table)])

    @cached_property
    def partitions_def(self) -> dg.DynamicPartitionsDefinition:
        """The rows asked for so far."""
        return dg.DynamicPartitionsDefinition(name=f"{self.source}_{op_part(self.table)}_bundles")

    def path(self, one: str) -> Path:
        """Return where the bundle of the row called *one* is, or would be, published."""
        plain = bundle_directory((), (one,), primary=True)
        path = self.workspace.store.partition_path(self._export, plain)
        hidden = self.configured.config.table(self.table).anonymize
        if path.is_dir() or not hidden or self.workspace.anonymize_key is None:
            return path
        secret = self.workspace.anonymize_key
        shown = pseudonyms([one], table=self.table, key=("id",), hidden=("id",), secret=secret)
        other = path.with_name(bundle_directory((), (shown[one],), primary=True))
        return other if other.is_dir() else path

    def manifest(self, one: str) -> Manifest | None:
        """Return the record of the bundle of the row called *one*, None where there is none.

        Raises:
            IntegrityError: It is damaged.
        """
        return self.workspace.store.manifest(self._export, self.path(one).name)

    @property
    def parent(self) -> Path:
        """The directory of all bundles of the table."""
        return self.path("0").parent

    def request(self, one: str, *, overwrite: bool) -> BundleRequest:
        """Return what is asked for when the partition *one* is materialized."""
        rules = self.rules
        return BundleRequest(
            table=self.table,
            ids=(one,),
            follow=rules.follow,
            exclude=rules.exclude,
            depth=rules.depth,
            formats=rules.formats or (),
            pretty=rules.pretty,
            overwrite=overwrite,
            lock_timeout=_LOCK_TIMEOUT,
        )

    @property
    def _export(self) -> ExportKey:
        return ExportKey(self.source, self.table, BUNDLE)


def bundle_roots(workspace: Workspace, source: ConfiguredSource) -> list[BundleRoot]:
    """Return the root tables that *source* offers bundles of: those configured and expected."""
    left_out = unexpected(source)
    return [
        BundleRoot(workspace=workspace, configured=source, table=table, rules=rules)
        for table, rules in source.config.bundles.items()
        if table not in left_out
    ]


def build_bundles(root: BundleRoot, *, retry_seconds: float = RETRY_SECONDS) -> dg.AssetsDefinition:
    """Return the asset of the bundles of *root*, with its check."""
    spec = dg.AssetSpec(
        root.key,
        deps=[source_table_key(root.source, table) for table in _tables(root)],
        group_name=root.source,
        kinds={"json", root.configured.url.kind},
        owners=list(root.configured.config.owners),
        tags=asset_tags(root.configured, root.table, BUNDLE),
        description=_description(root),
        metadata=code_references(root.configured, "bundles", root.table, written_by=Bundler.export),
    )
    check = dg.AssetCheckSpec(
        CHECK,
        asset=root.key,
        description="The files of the set are those of its manifest, and hold its rows.",
        blocking=True,
    )

    @dg.multi_asset(
        name=f"bundle__{root.source}__{op_part(root.table)}",
        specs=[spec],
        check_specs=[check],
        can_subset=True,
        partitions_def=root.partitions_def,
        retry_policy=retry_policy(retry_seconds),
        pool=reading_pool(root.configured.config),
        config_schema=dict(OVERWRITE),
    )
    def bundle(
        context: dg.AssetExecutionContext, sources: dg.ResourceParam[RunSources]
    ) -> Iterator[Any]:
        keys = _keys_of_run(context, root)
        if root.key in context.selected_asset_keys:
            reports = [_export(context, root, sources, one) for one in keys]
            yield _materialized(context, dict(zip(keys, reports, strict=True)), root)
        if context.selected_asset_check_keys:
            yield _checked(root, keys)

    return bundle


def _tables(root: BundleRoot) -> list[str]:
    """Return the root, and what it reaches by configured relations; the rest is found by a run."""
    follow, config = root.rules.follow, root.configured.config
    left_out = {*root.rules.exclude, *unexpected(root.configured)}
    down = [(one.parent_table, one.child_table) for one in config.relations]
    up = [(child, parent) for parent, child in down]
    found = [root.table]
    for way in ([down] if follow != "parents" else []) + ([up] if follow != "children" else []):
        for table in found:  # which grows as it is walked over
            found += [
                to for of, to in way if of == table and to not in found and to not in left_out
            ]
    return list(dict.fromkeys(found))


def _description(root: BundleRoot) -> str:
    ways = {
        "children": "every row that refers to it",
        "parents": "every row it refers to",
        "both": "every row that refers to it or that one of these refers to",
    }
    return (
        f"One row of {root.table} with {ways[root.rules.follow]}, from one moment, as a nested "
        "JSON tree and a file per table. A partition is the id of a row."
    )


def _keys_of_run(context: dg.AssetExecutionContext, root: BundleRoot) -> list[str]:
    """Return the ids a run is about: those it names, else all that Dagster knows."""
    if context.has_partition_key_range:
        return list(context.partition_keys)
    if context.has_partition_key:
        return [context.partition_key]
    return list(context.instance.get_dynamic_partitions(root.partitions_def.name or ""))


def _export(
    context: dg.AssetExecutionContext,
    root: BundleRoot,
    sources: RunSources,
    one: str,
) -> BundleReport:
    """Publish the bundle of one row.

    Raises:
        dg.Failure: It cannot be published; what was published before still is.
    """
    with failing(root.source, before_retry=lambda: sources.release(root.source)):
        report = Bundler(
            workspace=sources.workspace,
            source=sources.source(root.source),
            request=root.request(
                one, overwrite=context.op_execution_context.op_config["overwrite"]
            ),
            run=Run(id=context.run.run_id, now=datetime.now(UTC)),
        ).export()
    for warning in report.warnings:
        context.log.warning(warning)
    return report


def _materialized(
    context: dg.AssetExecutionContext, reports: Mapping[str, BundleReport], root: BundleRoot
) -> dg.MaterializeResult[Any]:
    """Return the result of a run; each bundle's own figures are attached to its partition."""
    versions = []
    for one, report in reports.items():
        manifest = report.manifest
        if manifest is not None and report.path is not None:
            status = report.records[0].status
            figures = describe_bundle(manifest, report.path, status=status, seconds=report.seconds)
            context.add_asset_metadata(figures, asset_key=root.key, partition_key=one)
            versions.append(version_of(manifest))
    version = dg.DataVersion(versions[0]) if len(versions) == 1 else None
    return dg.MaterializeResult(asset_key=root.key, data_version=version)


def id_of(manifest: Manifest) -> str | None:
    """Return the id of a bundle of one row by the primary key, None where it is another one."""
    record = manifest.bundle
    if not isinstance(record, BundleRecord) or len(record.ids) != 1 or record.missing:
        return None
    return record.ids[0] if record.key == manifest.primary_key else None


def describe_bundle(
    manifest: Manifest, path: Path, *, status: str, seconds: float | None = None
) -> Metadata:
    """Return the figures of the bundle published at *path*; never a value of the data."""
    record = manifest.bundle
    tables = record.tables if isinstance(record, BundleRecord) else ()
    return describe_whole(manifest, path, tables, status=status, seconds=seconds)


def _checked(root: BundleRoot, keys: list[str]) -> dg.AssetCheckResult:
    """Compare the published bundles of *keys* with their manifests."""
    found = {one: examine(root.path(one), partial(root.manifest, one)) for one in keys}
    fine = "files are as recorded and hold the rows recorded"
    return check_result(root.key, CHECK, found, fine=fine, counted="bundles")
