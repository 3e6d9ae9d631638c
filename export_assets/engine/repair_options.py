"""The options a partition was published with, so that a repair writes the same again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

from export_assets.config.format_options import FormatOptionsConfig
from export_assets.config.rules import FormatName
from export_assets.engine.computed import with_computed
from export_assets.engine.manifests import effective_hash
from export_assets.engine.published import published_options
from export_assets.engine.request import ExportRequest
from export_assets.engine.run import Exporter
from export_assets.errors import ExportError
from export_assets.formats.base import FormatOptions
from export_assets.store.layout import ExportKey
from export_assets.store.local import read_if_there
from export_assets.store.manifest import Manifest
from export_assets.store.tree import scan_partitions

_TOLD = ("compression", "profile", "delimiter", "pretty", "schema_header", "partition_by")
"""Options that a command line may give, and a manifest tells of."""


def options_of(
    exporter: Exporter, table: str, formats: Sequence[str], directories: Sequence[str]
) -> Mapping[str, FormatOptionsConfig]:
    """Return, by format, the options that *table* was published with where they were asked for.

    Options that are configured need not be among them: those that were given on a command line
    are known by the dialect in a manifest, of one of *directories* where it can be read, and by
    the configuration hash that comes out the same with them.
    """
    found = {fmt: _asked(exporter, table, fmt, directories) for fmt in formats}
    return {fmt: options for fmt, options in found.items() if options is not None}


def computed_exports(
    exporter: Exporter, exports: Iterable[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Return those of *exports* that were published with computed columns nobody configured."""
    system = exporter.source.system
    if system is None or not system.computes:
        return frozenset()
    with_them = replace(exporter, source=with_computed(exporter.source))
    found = set()
    for table, fmt in exports:
        manifest = next(_manifests(exporter, table, fmt, ()), None)
        if manifest is None or options_like(exporter, manifest) is not None:
            continue
        if options_like(with_them, manifest) is not None:
            found.add((table, fmt))
    return frozenset(found)


def _asked(
    exporter: Exporter, table: str, fmt: str, directories: Sequence[str]
) -> FormatOptionsConfig | None:
    for manifest in _manifests(exporter, table, fmt, directories):
        options = options_like(exporter, manifest)
        if options is not None:
            return options if options.given() else None
    return None


def options_like(exporter: Exporter, manifest: Manifest) -> FormatOptionsConfig | None:
    """Return the options by which the configuration comes to *manifest*, None where none do."""
    table, fmt = manifest.table, manifest.format
    if effective_hash(exporter.source.config, table, fmt, ExportRequest()) == manifest.config_hash:
        return FormatOptionsConfig()
    configured = exporter.source.config.format_options_of(table, cast("FormatName", fmt))
    published, usual = published_options(manifest), FormatOptions(**configured.given())
    given = {
        name: value for name in _TOLD if (value := getattr(published, name)) != getattr(usual, name)
    }
    options = FormatOptionsConfig(**given)
    return options if _hash_with(exporter, table, fmt, options) == manifest.config_hash else None


def _hash_with(exporter: Exporter, table: str, fmt: str, options: FormatOptionsConfig) -> str:
    request = ExportRequest(options={fmt: options})
    return effective_hash(exporter.source.config, table, fmt, request)


def _manifests(
    exporter: Exporter, table: str, fmt: str, directories: Sequence[str]
) -> Iterator[Manifest]:
    """Yield the first manifest that can be read of *directories*, and of the others."""
    store, source = exporter.workspace.store, exporter.source.name
    own = [store.partition_path(ExportKey(source, table, fmt), name) for name in directories]
    for paths in (own, scan_partitions(store.root, source=source, table=table, fmt=fmt)):
        for path in paths:
            with suppress(ExportError, OSError):
                manifest = read_if_there(path)
                if manifest is not None:
                    yield manifest
                    break
