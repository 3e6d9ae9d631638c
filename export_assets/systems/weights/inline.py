"""The dump at the end of a processing run, in the processing program itself.

    parser = argparse.ArgumentParser()
    add_arguments(parser)                                   --no-db-dump, --db-dump FILE
    options = parser.parse_args()
    ...                                                     the run
    dump_after_run(states, options.db_dump, no_db_dump=options.no_db_dump)

Whatever happens to the dump, the run has succeeded: it is logged in one line and goes no further.
"""

import argparse
import logging
import tomllib
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from export_assets.errors import DestConflict
from export_assets.systems.weights.dump import Dump, Dumped, Profile, default_name, dump
from export_assets.systems.weights.taken import States
from export_assets.translate import one_line, translate

CONFIG_NAME = "config.toml"
_MOST_ATTEMPTS = 100

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the dump to a program's own."""
    group = parser.add_argument_group("database dump")
    group.add_argument(
        "--no-db-dump", action="store_true", help="do not dump the state store after the run"
    )
    group.add_argument(
        "--db-dump",
        type=Path,
        metavar="FILE",
        help="where to dump it, db_dump_<time>.csv in the working directory where not given",
    )


def dump_after_run(
    store: States,
    output: str | Path | None = None,
    *,
    no_db_dump: bool = False,
    profile: Profile = "default",
    config_dir: str | Path | None = None,
) -> Dumped | None:
    """Dump *store* unless that is switched off; return what was written, None where nothing was.

    `[data] export_database = false` in a `config.toml` switches it off: in *config_dir*, else in
    the store's directory or the one above. Never raises: a dump that fails is logged.

    Args:
        store: The states by user id, or the directory of their files: the store of the run itself.
        output: A file, or a directory to put `db_dump_<time>.csv` in; the working directory else.
        no_db_dump: What `--no-db-dump` said.
        profile: `default` or `legacy`.
        config_dir: Where the program's `config.toml` is.
    """
    try:
        if no_db_dump or not is_wanted(store, config_dir):
            log.info("database dump: switched off")
            return None
        dumped = _dumped(store, Path(output) if output is not None else Path.cwd(), profile)
    except BaseException as error:  # the run is done; only who ends the program is heard
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        log.error("database dump failed: %s", one_line(translate(error, subject="database dump")))  # noqa: TRY400 - one line
        return None
    log.info("Database dump saved to %s (%s users)", dumped.path, dumped.users)
    if dumped.refused:
        log.warning(
            "database dump: %s states could not be read, see %s", dumped.refused, dumped.quarantine
        )
    return dumped


def is_wanted(store: States, config_dir: str | Path | None = None) -> bool:
    """Whether no `config.toml` says `export_database = false`.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no TOML.
    """
    for place in _places(store, config_dir):
        file = place / CONFIG_NAME
        if file.is_file():
            data = tomllib.loads(file.read_text(encoding="utf-8")).get("data")
            return not isinstance(data, Mapping) or data.get("export_database") is not False
    return True


def _places(store: States, config_dir: str | Path | None) -> list[Path]:
    if config_dir is not None:
        return [Path(config_dir)]
    if isinstance(store, Mapping):
        return []
    directory = Path(store).absolute()
    return [directory, directory.parent]


def _dumped(store: States, output: Path, profile: Profile) -> Dumped:
    if not output.is_dir():
        return dump(store, output, Dump(profile=profile))
    stem = Path(default_name()).stem
    for number in count(1):
        own = f"_{number}" if number > 1 else ""
        try:
            return dump(store, output / f"{stem}{own}.csv", Dump(profile=profile))
        except DestConflict:
            if number == _MOST_ATTEMPTS:
                raise
    raise AssertionError
