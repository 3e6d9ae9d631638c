"""What is peculiar to `leadville` beyond its YAML, as the engine's seam wants it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from export_assets.config.models import SourceConfig
from export_assets.config.project import Project
from export_assets.config.rules import FORMAT_NAMES
from export_assets.config.urls import SourceUrl
from export_assets.engine.system import System
from export_assets.errors import ConfigError, UsageError
from export_assets.systems.settled import CONFIG_FILE

if TYPE_CHECKING:
    from export_assets.engine.logs.kind import LogKind

IDLE_TIMEOUT = "idle_timeout"
OPTIONS = (IDLE_TIMEOUT, CONFIG_FILE)
_DEFAULT_IDLE = 300


class LeadvilleSystem(System):
    """Event logs of shooting-range timers and impact sensors."""

    name = "leadville"

    @property
    def yaml(self) -> Path:
        """The system's configuration file."""
        return Path(__file__).with_name("leadville.yaml")

    def make_sample(self, url: SourceUrl, config: SourceConfig) -> str:
        """Write 14 days of logs of all dialects into the directory; see `leadville.sample`."""
        from export_assets.systems.leadville.sample import DATABASE, make_logs

        if url.kind != "logs" or url.path is None:
            msg = f"leadville: {url} is no directory of event logs"
            raise UsageError(msg)
        if (url.path / DATABASE).exists():
            return f"logs of before in {url.path.name}"
        found = make_logs(url.path, zone=config.assume_timezone)
        events = sum(found.events.values())
        return f"{events:,} events, {len(found.runs) + len(found.timer_runs):,} runs in logs"

    def tables(self) -> Sequence[str]:
        """Return the tables that are made of the logs."""
        return ("events", "runs", "session_statistics", "match_statistics", "quarantine")

    def event_types(self, name: str) -> Sequence[str]:
        """Return the canonical types that *name* means, one of them or of the dialects' own names.

        Raises:
            UsageError: No event is called so.
        """
        from export_assets.systems.leadville.event_texts import NATIVE_NAMES, canonical_types
        from export_assets.systems.leadville.model import EVENT_TYPES

        found = canonical_types(name)
        if not found:
            msg = f"{name!r}: no event is called so; types are {', '.join(EVENT_TYPES)}; the logs' "
            msg += f"own names are {', '.join(NATIVE_NAMES)}"
            raise UsageError(msg)
        return found

    def lineage(self) -> Mapping[str, Mapping[str, Sequence[tuple[str, str]]]]:
        """Return what derived columns are made of."""
        from export_assets.systems.leadville.lineage import LINEAGE

        return LINEAGE

    def settle(self, project: Project, environ: Mapping[str, str]) -> Project:
        """Return *project* with the block `data_export` of the application's JSON files.

        Raises:
            ConfigError: A file is wrong; one line for each thing that is.
        """
        from export_assets.systems.leadville.settling import settle

        return settle(project, environ, system=self.name, yaml=self.yaml)

    def logs(self, config: SourceConfig) -> "LogKind | None":
        """Return what the logs are.

        Raises:
            ConfigError: An option is unknown or has a value it cannot have.
        """
        from export_assets.systems.leadville.logs import LeadvilleLogs

        for name in config.options:
            if name not in OPTIONS:
                msg = f"{config.source}: options.{name}: unknown; leadville has "
                msg += ", ".join(OPTIONS)
                raise ConfigError(msg)
        _check_choices(config)
        seconds = config.options.get(IDLE_TIMEOUT, _DEFAULT_IDLE)
        if isinstance(seconds, bool | str) or not seconds > 0:
            msg = f"{config.source}: options.{IDLE_TIMEOUT}: must be seconds, not {seconds!r}"
            raise ConfigError(msg)
        return LeadvilleLogs(config, idle_timeout=timedelta(seconds=seconds))


def _check_choices(config: SourceConfig) -> None:
    """Refuse event types by which formats choose rows, and that no event has.

    Raises:
        ConfigError: There is such a type.
    """
    from export_assets.systems.leadville.model import EVENT_TYPES

    for table in ("*", "events"):
        for fmt in FORMAT_NAMES:
            options = config.format_options_of(table, fmt)
            for option, choice in (("only", options.only), ("without", options.without)):
                for value in (choice or {}).get("event_type", ()):
                    if value not in EVENT_TYPES:
                        msg = (
                            f"{config.source}: format_options.{fmt}.{option}.event_type: no event "
                        )
                        msg += f"is {value!r}; types are {', '.join(EVENT_TYPES)}"
                        raise ConfigError(msg)
