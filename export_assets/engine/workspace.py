"""Everything a command or a definition works with: configuration, sources, systems, the store."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from export_assets.archives.encryption.keyring import Keyring, load_keyring
from export_assets.config.key_file import read_key_file
from export_assets.config.load import LoadedSource
from export_assets.config.models import SourceConfig
from export_assets.config.project import Project
from export_assets.config.urls import SourceUrl, address_of, check_writable, parse_url
from export_assets.engine.system import System
from export_assets.errors import UsageError
from export_assets.sources.base import Source
from export_assets.sources.registry import Opening, open_source
from export_assets.store.layout import ARCHIVES
from export_assets.store.local import LocalStore
from export_assets.tables.redaction import key_id

if TYPE_CHECKING:
    from export_assets.engine.logs.source import LogSource


@dataclass(frozen=True, kw_only=True)
class ConfiguredSource:
    """A source with what the configuration and its system say about it."""

    config: SourceConfig
    url: SourceUrl
    system: System | None
    temp_dir: Path | None
    ad_hoc: bool = False
    """Made of an address on the spot, without any configuration."""
    exports: Path = Path("exports")
    """The root of the store."""
    private: bool = False
    """Whether nothing is kept of what is read: of event logs, how far they were read."""
    replacing: bool = False
    """Whether it may take the place of another one whose logs were read before."""

    home: Path = Path()
    """Where relative paths of the configuration start."""
    path: Path | None = None
    """The file that describes it, where one does."""
    only_logs: tuple[str, ...] = ()
    """Patterns of the paths of the only event logs that are read, privately; empty for all."""

    @property
    def origin(self) -> str:
        """Hash of the address, as manifests carry it."""
        text = self.url.text.encode("utf-8", "surrogatepass")
        return hashlib.sha256(text).hexdigest()[:16]

    def set_directory(self, name: str) -> Path | None:
        """Return where the copy of the set called *name* is kept, None where there is none."""
        rules = self.config.sets.get(name)
        if rules is None or rules.directory is None:
            return None
        return self.home / Path(rules.directory).expanduser()

    @property
    def name(self) -> str:
        """The source's name."""
        return self.config.source

    @cached_property
    def source(self) -> Source:
        """The place itself.

        Raises:
            UsageError: There is no reader for this kind of address.
        """
        if self.config.kind == "event_log":
            return self.logs
        if self.config.kind == "state_files":
            return self._states()
        how = Opening(
            busy_timeout=self.config.busy_timeout,
            read_timeout=self.config.read_timeout,
            temp_dir=self.temp_dir,
            schemas=self.config.schemas,
        )
        return open_source(self.name, self.url, how=how)

    @cached_property
    def logs(self) -> "LogSource":
        """The place itself, of a source of event logs.

        Raises:
            UsageError: It is none.
        """
        from export_assets.engine.logs.general.kind import GeneralLogs
        from export_assets.engine.logs.source import LogPlace, LogSource

        if self.config.kind != "event_log" or self.url.path is None:
            msg = f"{self.name}: is no source of event logs"
            raise UsageError(msg)
        place = LogPlace(
            directory=self.url.path,
            exports=self.exports,
            temp_dir=self.temp_dir,
            origin=self.origin,
            private=self.private,
            only=self.only_logs,
            replacing=self.replacing,
        )
        kind = self.system.logs(self.config) if self.system is not None else None
        return LogSource(
            self.name,
            place,
            kind or GeneralLogs(self.config, exports=self.exports),
            self.config.log,
            busy_timeout=self.config.busy_timeout,
        )

    def _states(self) -> Source:
        from export_assets.sources.states.source import StateSource

        directory = self.url.path
        kind = None
        if self.system is not None and directory is not None:
            kind = self.system.states(self.config, directory)
        if kind is None or directory is None:
            msg = f"{self.name}: kind: state_files needs a system that knows such files"
            raise UsageError(msg)
        return StateSource(
            self.name,
            directory,
            kind,
            temp_dir=self.temp_dir,
            max_file_bytes=self.config.states.max_file_bytes,
            quarantine_max=self.config.states.quarantine_max,
        )

    def privately(self) -> "ConfiguredSource":
        """Return the same, of which nothing is kept; of a database nothing is in any case."""
        return replace(self, private=True) if self.config.kind == "event_log" else self

    def replacing_another(self) -> "ConfiguredSource":
        """Return the same, which may take the place of another directory of logs."""
        return replace(self, replacing=True) if self.config.kind == "event_log" else self


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A loaded project with its systems."""

    project: Project
    systems: Mapping[str, System]

    @cached_property
    def store(self) -> LocalStore:
        """The store of published partitions."""
        sources = self.project.sources
        private = frozenset(name for name, one in sources.items() if one.config.private)
        return LocalStore(self.project.settings.exports_dir, private=private)

    @property
    def archives(self) -> Path:
        """The directory of archives."""
        return self.project.settings.exports_dir / ARCHIVES

    @cached_property
    def anonymize_key(self) -> bytes | None:
        """Key of the pseudonyms, None where there is none.

        Raises:
            ConfigError: It is in a file that is not to be trusted.
        """
        settings = self.project.settings
        if settings.anonymize_key is not None:
            return settings.anonymize_key.get_secret_value().encode()
        file = settings.anonymize_key_file
        return read_key_file(file) if file is not None else None

    @property
    def keyring(self) -> Keyring:
        """What opens encrypted archives.

        Raises:
            ConfigError: See `keyring_of`.
        """
        return load_keyring(self.project.settings)

    def keyring_of(self, source: ConfiguredSource) -> Keyring:
        """Return the keys for archives of *source*, once it is known that they can be used.

        Raises:
            ConfigError: The recipients or the identity are not what they should be, or the extra
                for encryption is not installed.
        """
        keyring = load_keyring(self.project.settings, source.config.log.encryption)
        keyring.check()
        return keyring

    def source(
        self, name: str, *, url: str | None = None, base: Path | None = None
    ) -> ConfiguredSource:
        """Return a configured source by name, or make one of a database's URL or path.

        Args:
            name: A configured source, a database URL, or the path of a database file.
            url: Address to read a configured source from, instead of its own.
            base: Where relative paths in *name* and *url* start; the project's home by default.

        Raises:
            UsageError: *name* is neither; the message names the nearest source.
            ConfigError: The address cannot be understood.
        """
        base = base or self.project.settings.home
        if name in self.project.sources:
            loaded = self.project.sources[name]
            if url is None:
                return self._configured(loaded, self.project.url_of(name))
            return self._configured(loaded, address_of(url, kind=loaded.config.kind, base=base))
        if _looks_like_address(name, base):
            return self._ad_hoc(name, base, url)
        self.project.source(name)
        raise AssertionError

    def configured(self) -> list[ConfiguredSource]:
        """Return every source of the configuration."""
        return [self.source(name) for name in self.project.sources]

    def _configured(self, loaded: LoadedSource, url: SourceUrl) -> ConfiguredSource:
        config, system = loaded.config, loaded.config.system
        if config.anonymizes and self.anonymize_key is not None:
            config = config.keyed(key_id(self.anonymize_key))
        return ConfiguredSource(
            config=config,
            url=url,
            system=self.systems[system] if system else None,
            temp_dir=self.project.settings.temp_dir,
            exports=self.project.settings.exports_dir,
            home=self.project.settings.home,
            path=loaded.path,
        )

    def _ad_hoc(self, address: str, base: Path, other: str | None) -> ConfiguredSource:
        url = parse_url(check_writable(address), base=base)
        name = source_name(url)
        if other is not None:
            msg = f"{url}: is an address itself; another one can only be given for a source"
            raise UsageError(msg)
        if name in self.project.sources:
            # Published partitions carry the name: rows of another file would replace them.
            msg = f"{url}: would be published as the configured source {name!r}; "
            msg += f"export {name} from this address instead"
            raise UsageError(msg)
        config = SourceConfig(source=name, url=address)
        return ConfiguredSource(
            config=config,
            url=url,
            system=None,
            temp_dir=self.project.settings.temp_dir,
            ad_hoc=True,
        )


def source_name(url: SourceUrl) -> str:
    """Return a valid source name for an address: file stem or database, in snake case."""
    # Of a server's address the part before the parameters, as these may hold a password.
    server = str(url).partition("?")[0].rstrip("/")
    stem = url.path.stem if url.path is not None else server.rpartition("/")[2]
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    return name if re.match(r"[a-z]", name) else f"db_{name}".rstrip("_")


def _looks_like_address(text: str, home: Path) -> bool:
    if "://" in text or "/" in text or "." in text:
        return True
    try:
        return (home / text).is_file()
    except OSError:
        return False  # too long for a name


def need_system(source: ConfiguredSource) -> System:
    """Return the system of *source*.

    Raises:
        UsageError: It has none.
    """
    if source.system is None:
        msg = f"{source.name}: is no built-in system"
        raise UsageError(msg)
    return source.system
