"""The state store as one file: `dump_states` for programs, and what `dump-db` does.

from export_assets.systems.weights import dump_states

users = dump_states(processor.states, "states.csv")         a dict by user id, left as it is
users = dump_states("/var/lib/weights", "states.csv", profile="legacy")
"""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import format_named
from export_assets.sources.states.quarantine import QUARANTINE
from export_assets.systems.weights.dump_target import check_place, format_of
from export_assets.systems.weights.legacy import legacy_lines
from export_assets.systems.weights.output_file import output_file, refuse_existing
from export_assets.systems.weights.tables import STATES, TELLING
from export_assets.systems.weights.taken import States, opened
from export_assets.tables.batch import Batch
from export_assets.tables.redaction import Redactor
from export_assets.tables.schema import TableSchema
from export_assets.translate import translating

Profile = Literal["default", "legacy"]
MAX_FILE_BYTES = 16_777_216


@dataclass(frozen=True, kw_only=True)
class Dump:
    """How a store is dumped."""

    profile: Profile = "default"
    format: str | None = None
    """Name of a format; None for that of the output's ending, CSV where it has none."""
    anonymize_key: bytes | None = field(default=None, repr=False)
    anonymize: bool = False
    overwrite: bool = False
    zone: str = "UTC"
    """On whose clock times with an offset are put."""
    temp_dir: Path | None = None
    max_file_bytes: int = MAX_FILE_BYTES


@dataclass(frozen=True, kw_only=True)
class Dumped:
    """What a dump holds."""

    path: Path
    users: int
    refused: int = 0
    """States that could not be read."""
    quarantine: Path | None = None
    """The file that says which, and why."""
    warnings: tuple[str, ...] = ()


def dump_states(
    states: States,
    output: str | Path,
    *,
    profile: Profile = "default",
) -> int:
    """Write one row per user into *output*, and return how many there are.

    States that cannot be read are left out, and told in `<output>.quarantine.ndjson`.

    Args:
        states: States by user id, with NumPy arrays or lists; or the directory of their files.
        output: The file to make, readable by its owner alone; what is there is not replaced. Its
            ending says the format.
        profile: `default`, every column in full, or `legacy`, the first eight as they were.

    Raises:
        SourceMissing: There is no such directory.
        DestConflict: *output* exists already.
        DestPermission: The directory of *output* does not exist, or cannot be written.
        UsageError: *profile* is none or has no such format, the ending of *output* names no format,
            or it lies in the directory of *states*.
    """
    return dump(states, Path(output), Dump(profile=profile)).users


def dump(states: States, output: Path, how: Dump | None = None) -> Dumped:
    """Write *states* into *output* as *how* says; see `dump_states`.

    Raises:
        ConfigError: User ids are to be replaced, and there is no key.
    """
    how = how or Dump()
    name = format_of(output, given=how.format, profile=how.profile)
    check_place(output, states)
    beside = output.with_name(f"{output.name}.quarantine.ndjson")
    for path in (output, beside):
        refuse_existing(path, overwrite=how.overwrite)
    shown, refused_shown = (_redactor(schema, how) for schema in (STATES, QUARANTINE))
    opening = opened(
        states, ZoneInfo(how.zone), temp_dir=how.temp_dir, max_file_bytes=how.max_file_bytes
    )
    with opening as taken, ExitStack() as files:
        frames = (shown.apply(frame) for frame in taken.states)
        staged = files.enter_context(output_file(output, overwrite=how.overwrite))
        if how.profile == "legacy":
            with translating(str(output)), staged.open("xb") as file:
                for lines in legacy_lines(frames):
                    file.write(lines)
        else:
            _write(name, staged, shown.schema, frames)
        if taken.refused():
            hidden = files.enter_context(output_file(beside, overwrite=how.overwrite))
            refused = (refused_shown.apply(frame) for frame in taken.quarantine())
            _write("ndjson", hidden, refused_shown.schema, refused)
    if how.overwrite and not taken.refused():
        with translating(str(beside)):
            beside.unlink(missing_ok=True)  # it told of the file that was replaced
    count = taken.refused()
    return Dumped(
        path=output,
        users=taken.users(),
        refused=count,
        quarantine=beside if count else None,
        warnings=tuple(taken.warnings()),
    )


def default_name(now: datetime | None = None, suffix: str = ".csv") -> str:
    """Return `db_dump_<YYYYMMDD_HHMMSS>.csv`, the time in UTC."""
    return f"db_dump_{now or datetime.now(UTC):%Y%m%d_%H%M%S}{suffix}"


def _write(name: str, path: Path, schema: TableSchema, frames: Iterable[pl.DataFrame]) -> None:
    with translating(str(path)):
        writer = format_named(name).open(path, schema, FormatOptions(), {})
        try:
            for frame in frames:
                writer.write(Batch(frame))
            writer.close()
        except BaseException:
            writer.abort()
            raise


def _redactor(schema: TableSchema, how: Dump) -> Redactor:
    """Return what hides user ids, where they are to be hidden, and what would tell them."""
    hidden = TELLING if how.anonymize else ()
    return Redactor(
        schema,
        redacts=lambda column: column in hidden,
        anonymizes=("user_id",) if how.anonymize else (),
        key=how.anonymize_key,
    )
