"""Addresses of databases as a file may hold them: relative where they can be, without passwords."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from export_assets.config.masking import has_secret
from export_assets.config.urls import SourceUrl, check_writable, parse_url
from export_assets.engine.workspace import source_name
from export_assets.errors import UsageError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a database lies, for connecting and for writing down."""

    url: SourceUrl
    text: str = field(repr=False)
    """As a file of the project may hold it, where no variable stands for it."""
    variable: str | None = None
    """Environment variable that holds the address, as the address holds a secret."""
    variable_is_set: bool = False

    @property
    def shown(self) -> str:
        """The address for people."""
        if self.variable is not None and self.variable_is_set:
            return f"${{{self.variable}}}"  # whoever keeps it there may not want it written at all
        return str(self.url) if self.url.path is None else self.text


def read_address(
    given: str, *, name: str | None, home: Path, base: Path, environ: Mapping[str, str]
) -> tuple[str, Address]:
    """Return the name of a source, and its address.

    Args:
        given: A URL or path, or `${NAME}` for the one in an environment variable.
        name: The source's name; None for one made of the address.
        home: The project's home, where relative addresses in its files start.
        base: Where a relative path in *given* starts.
        environ: The environment.

    Raises:
        UsageError: It is no address, or the variable is not set.
    """
    match = _REFERENCE.fullmatch(given.strip())
    variable = match[1] if match else None
    if variable is not None and not environ.get(variable):
        msg = f"{given}: environment variable {variable} is not set"
        raise UsageError(msg)
    url = parse_url(check_writable(environ[variable] if variable else given), base=base)
    name = name or source_name(url)
    hides = variable is None and has_secret(url.text)
    return name, Address(
        url=url,
        text=_written(url, home),
        variable=f"{name.upper()}_URL" if hides else variable,
        variable_is_set=variable is not None,
    )


def _written(url: SourceUrl, home: Path) -> str:
    if url.path is None:
        return url.text
    # The last link is followed anew each time: it may be that to the current database.
    path = url.path.parent.resolve() / url.path.name
    home = home.resolve()
    inside = path.relative_to(home) if path.is_relative_to(home) else path
    return f"{url.kind}:///{''.join(map(_encoded, str(inside)))}"


def _encoded(char: str) -> str:
    """Return *char* as it may stand in a URL that YAML holds and variables are expanded in."""
    return (
        char if char.isprintable() and char not in "%?#$" else quote(char, errors="surrogateescape")
    )
