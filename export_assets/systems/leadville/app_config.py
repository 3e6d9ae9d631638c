"""The block `data_export` of the range application's own JSON file, and what each key of it does.

    key                          does
    enabled                      `enabled` of the source
    export_dir                   `exports_dir` of the project
    batch_size                   `batch_size` of the source
    auto_export.enabled          switches on `every_hours` and `scheduled_formats`
    formats.<format>.enabled     `formats` of the source
    formats.csv.include_debug    whether the events' CSV has those of type `debug`
    formats.ndjson.…             `schema_version` and `include_raw_data` of the events' NDJSON
    formats.parquet.…            `compression`, and `partition_by` of events and runs
    offload.auto_offload         switches on `log.offload.schedule`
    offload.…                    `log.offload.days_old` and `log.offload.delete`

What a project's own YAML, environment or flags say of a key stays.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, PositiveInt, StrictBool, ValidationError

from export_assets.config.base import Model
from export_assets.config.keypath import KeyPath
from export_assets.config.problems import Problem, problems_of
from export_assets.errors import ConfigError
from export_assets.systems.leadville.model import EVENTS, RUNS

DAILY_OFFLOAD: Final = "45 2 * * *"
BLOCK: Final = "data_export"

ExportedFormat = Literal["csv", "ndjson", "parquet"]
Codec = Literal["gzip", "brotli", "lz4", "zstd", "snappy", "none"]


class AutoExport(Model):
    """Exports that happen by themselves."""

    enabled: StrictBool = False
    interval_hours: PositiveInt = 24
    formats: tuple[ExportedFormat, ...] = Field(default=("csv", "ndjson"), min_length=1)


class CsvExport(Model):
    """The CSV files."""

    enabled: StrictBool = True
    include_debug: StrictBool = False


class NdjsonExport(Model):
    """The NDJSON files."""

    enabled: StrictBool = True
    schema_version: Literal["1.0.0"] = "1.0.0"
    include_raw_data: StrictBool = True


class ParquetExport(Model):
    """The Parquet files."""

    enabled: StrictBool = True
    compression: Codec = "gzip"
    partition_by: str | None = Field(default=None, min_length=1)


class Formats(Model):
    """The files by format."""

    csv: CsvExport = CsvExport()
    ndjson: NdjsonExport = NdjsonExport()
    parquet: ParquetExport = ParquetExport()


class Offload(Model):
    """Old logs that are moved away."""

    auto_offload: StrictBool = False
    retention_days: PositiveInt = 30
    delete_after_offload: StrictBool = False


class DataExport(Model):
    """The block."""

    enabled: StrictBool = True
    export_dir: str = Field(default="exports", min_length=1)
    batch_size: PositiveInt = 10_000
    auto_export: AutoExport = AutoExport()
    formats: Formats = Formats()
    offload: Offload = Offload()


class AppConfig(Model):
    """The part of the file that is read."""

    data_export: DataExport


@dataclass(frozen=True, kw_only=True)
class Told:
    """A value for a key of the source, and the key of the block that it comes from."""

    path: KeyPath
    value: Any
    origin: str


@dataclass(frozen=True, kw_only=True)
class AppFile:
    """The application's file as it was read."""

    shown: str
    """What messages call it."""
    block: DataExport

    @property
    def export_dir(self) -> str | None:
        """Where exports go; None where the block does not say."""
        return self.block.export_dir if "export_dir" in self.block.model_fields_set else None

    def told(self, formats: tuple[str, ...]) -> Iterator[Told]:
        """Yield what the block says, in the words of a source that has *formats*.

        Raises:
            ConfigError: No format is left, or there is no column to partition by.
        """
        block = self.block
        yield self._told(("enabled",), block.enabled, "enabled")
        yield self._told(("batch_size",), block.batch_size, "batch_size")
        kept = self._kept(formats)
        yield self._told(("formats",), list(kept), "formats")
        yield from self._of_formats()
        yield from self._of_schedules(kept)

    def _kept(self, formats: tuple[str, ...]) -> tuple[str, ...]:
        switched = {
            name: getattr(self.block.formats, name).enabled for name in Formats.model_fields
        }
        kept = tuple(name for name in formats if switched.get(name, True))
        if not kept:
            msg = f"{self.shown}: {BLOCK}.formats: every format is switched off; to export nothing "
            msg += "at all say enabled: false"
            raise ConfigError(msg)
        return kept

    def _of_formats(self) -> Iterator[Told]:
        csv, ndjson, parquet = (getattr(self.block.formats, name) for name in Formats.model_fields)
        events = ("tables", EVENTS.name, "format_options")
        debug = {} if csv.include_debug else {"event_type": ["debug"]}
        yield self._told((*events, "csv", "without"), debug, "formats.csv.include_debug")
        for name in ("schema_version", "include_raw_data"):
            value = getattr(ndjson, name)
            yield self._told((*events, "ndjson", name), value, f"formats.ndjson.{name}")
        key = "formats.parquet.compression"
        yield self._told(("format_options", "parquet", "compression"), parquet.compression, key)
        if parquet.partition_by is not None:
            yield from self._of_directories(parquet.partition_by)

    def _of_directories(self, by: str) -> Iterator[Told]:
        from export_assets.engine.value_directories import ValueDirectories
        from export_assets.errors import UsageError

        key = "formats.parquet.partition_by"
        refused: list[UsageError] = []
        for schema, time in ((EVENTS, "occurred_at"), (RUNS, "start_time")):
            try:
                ValueDirectories.of(schema, time, by)
            except UsageError as error:
                refused.append(error)
                continue
            path = ("tables", schema.name, "format_options", "parquet", "partition_by")
            yield self._told(path, by, key)
        # Not every column is in both tables.
        if len(refused) > 1:
            msg = f"{self.shown}: {BLOCK}.{key}: {refused[0]}"
            raise ConfigError(msg)

    def _of_schedules(self, kept: tuple[str, ...]) -> Iterator[Told]:
        auto, offload = self.block.auto_export, self.block.offload
        if auto.enabled:
            formats = [name for name in auto.formats if name in kept]
            if not formats:
                msg = f"{self.shown}: {BLOCK}.auto_export.formats: none of them is switched on"
                raise ConfigError(msg)
            key = "auto_export.interval_hours"
            yield self._told(("every_hours",), auto.interval_hours, key)
            yield self._told(("scheduled_formats",), formats, "auto_export.formats")
        if offload.auto_offload:
            key = "offload.auto_offload"
            yield self._told(("log", "offload", "schedule"), DAILY_OFFLOAD, key)
        for key, name in (("retention_days", "days_old"), ("delete_after_offload", "delete")):
            value = getattr(offload, key)
            yield self._told(("log", "offload", name), value, f"offload.{key}")

    def _told(self, path: KeyPath, value: object, key: str) -> Told:
        here: Any = self.block
        *above, last = key.split(".")
        for part in above:
            here = getattr(here, part) if part in type(here).model_fields else here
        given = last in here.model_fields_set if last in type(here).model_fields else True
        origin = f"{self.shown}, {BLOCK}.{key}"
        return Told(path=path, value=value, origin=origin if given else f"default of {origin}")


def read_app_file(path: Path, *, shown: str) -> AppFile:
    """Read the application's file *path*, which messages call *shown*.

    Raises:
        ConfigError: It cannot be read, or its block is wrong; one line for each thing that is.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        fact = error.strerror if isinstance(error, OSError) else "is no UTF-8"
        msg = f"{shown}: {(fact or str(error)).lower()}"
        raise ConfigError(msg) from error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"{shown}: is no JSON: {error}"
        raise ConfigError(msg) from error
    if not isinstance(document, dict) or BLOCK not in document:
        msg = f"{shown}: {BLOCK}: required key is missing"
        raise ConfigError(msg)
    try:
        found = AppConfig.model_validate({BLOCK: document[BLOCK]})
    except ValidationError as error:
        problems: list[Problem] = problems_of(error, AppConfig, written={})
        raise ConfigError("\n".join(problem.line(shown) for problem in problems)) from error
    return AppFile(shown=shown, block=found.data_export)
