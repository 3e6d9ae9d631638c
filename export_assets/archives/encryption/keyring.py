"""Who can read new archives, and what opens those that are there."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from export_assets.archives.encryption.age import need_crypto
from export_assets.config.age_keys import check_recipient, is_identity, lines_of
from export_assets.config.key_file import read_private_file
from export_assets.config.log_archives import EncryptionConfig
from export_assets.config.settings import Settings
from export_assets.errors import ConfigError
from export_assets.translate import mask_identities

_LONGEST = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """The keys of one project, and of one of its sources where archives are made."""

    recipients: tuple[str, ...] = ()
    """For whom new archives are encrypted; plain ones are made where there are none."""
    identity: SecretStr | None = field(default=None, repr=False)
    identity_file: Path | None = None
    temp_dir: Path | None = None
    """Where plain zips lie, under no name, while they are made or read."""

    @property
    def seals(self) -> bool:
        """Whether new archives are encrypted."""
        return bool(self.recipients)

    @property
    def has_identity(self) -> bool:
        """Whether there is anything that may open an archive."""
        return self.identity is not None or self.identity_file is not None

    @property
    def place(self) -> Path:
        """The directory of plain zips."""
        return self.temp_dir or Path(tempfile.gettempdir())

    def identities(self) -> tuple[str, ...]:
        """Return the identities, read now.

        Raises:
            ConfigError: What is configured holds none, or others could have read it.
        """
        name, text = "archive_identity", ""
        if self.identity is not None:
            text = self.identity.get_secret_value()
        elif self.identity_file is not None:
            setting, name = "archive_identity_file", f"archive_identity_file: {self.identity_file}"
            data = read_private_file(self.identity_file, setting=setting, longest=_LONGEST)
            text = data.decode("utf-8-sig", "replace")
        else:
            return ()
        found = []
        for number, line in lines_of(text):
            if not is_identity(line):
                # Never the line itself: it may be one with a slip of the keyboard.
                msg = f"{name}: line {number} is no identity of age (AGE-SECRET-KEY-1…)"
                raise ConfigError(msg)
            found.append(line)
        if not found:
            msg = f"{name}: holds no identity of age (AGE-SECRET-KEY-1…)"
            raise ConfigError(msg)
        return tuple(found)

    def check(self) -> None:
        """Refuse to begin what would fail at its end.

        Raises:
            ConfigError: Archives are to be encrypted without the extra `crypto`, or the identity
                is not to be trusted.
        """
        if self.seals:
            need_crypto()
        self.identities()


NO_KEYS = Keyring()


def load_keyring(settings: Settings, encryption: EncryptionConfig | None = None) -> Keyring:
    """Return the keys that *settings* and, of a source, *encryption* name.

    Raises:
        ConfigError: The file of recipients cannot be read, or holds something else.
    """
    recipients: list[str] = []
    if encryption is not None:
        recipients += encryption.recipients
        if encryption.recipients_file is not None:
            file = settings.home / Path(encryption.recipients_file).expanduser()
            recipients += _recipients_in(file)
    return Keyring(
        recipients=tuple(dict.fromkeys(recipients)),
        identity=settings.archive_identity,
        identity_file=settings.archive_identity_file,
        temp_dir=settings.temp_dir,
    )


def _recipients_in(file: Path) -> list[str]:
    name = f"encryption.recipients_file: {mask_identities(str(file))}"
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{name}: {getattr(error, 'strerror', None) or 'is no text'}"
        raise ConfigError(msg) from error
    found = []
    for number, line in lines_of(text):
        try:
            found.append(check_recipient(line))
        except ValueError as error:
            msg = f"{name}: line {number}: {error}"
            raise ConfigError(msg) from error
    if not found:
        msg = f"{name}: names nobody"
        raise ConfigError(msg)
    return found
