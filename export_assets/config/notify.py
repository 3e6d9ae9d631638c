"""Who is told when exports fail and when they go well again; secrets come from the environment."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from export_assets.config.base import Model
from export_assets.config.incremental import Seconds
from export_assets.config.keypath import KeyPath
from export_assets.config.problems import Problem
from export_assets.config.references import without_references

TargetKind = Literal["log", "email", "webhook", "slack"]
Occasion = Literal["failure", "recovery", "check"]

_SECRETS = ("url", "password")
_LITERAL_DEFAULT = re.compile(r"(?<!\$)\$\{[A-Za-z_][A-Za-z0-9_]*:-[^}]+\}")
_NEEDED: dict[TargetKind, tuple[str, ...]] = {
    "log": (),
    "email": ("host", "sender", "to"),
    "webhook": ("url",),
    "slack": ("url",),
}
_TAKEN: dict[TargetKind, tuple[str, ...]] = {
    "log": (),
    "email": ("host", "port", "tls", "user", "password", "sender", "to", "timeout"),
    "webhook": ("url", "timeout"),
    "slack": ("url", "timeout"),
}
_ALIASES = {"sender": "from"}


def _one_line(text: str) -> str:
    if any(ord(character) < ord(" ") for character in text):
        msg = "must be one line"
        raise ValueError(msg)
    return text


Line = Annotated[str, Field(min_length=1), AfterValidator(_one_line)]


class NotifyTarget(Model):
    """One place that is told."""

    kind: TargetKind
    """A line of the log, a mail, a JSON document sent by POST, or a message to Slack and what
    understands its webhooks."""
    on: tuple[Occasion, ...] = Field(default=("failure", "recovery", "check"), min_length=1)
    """What is told: an export failed, one went well again, a check of severity error failed."""
    url: SecretStr | None = None
    """Where webhook and slack send to, `http` or `https`; by `${NAME}` only. With `${NAME:-}`
    nobody is told while the variable is not set."""
    host: str | None = None
    """Mail server."""
    port: int | None = Field(default=None, ge=1, le=65_535)
    """Its port; 587, with `tls: implicit` 465, with `tls: none` 25 without it."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """How the way to the mail server is secured; with `none`, for a relay on the same host, no
    password is sent."""
    user: Line | None = None
    """Name to log in to the mail server with; without it nobody logs in."""
    password: SecretStr | None = None
    """Password of this user; by `${NAME}` only."""
    sender: Line | None = Field(default=None, alias="from")
    """Address that mails come from."""
    to: tuple[Line, ...] = ()
    """Addresses that mails go to."""
    timeout: Seconds = Field(default=5.0, gt=0, le=30)
    """Seconds, 30 at most, that an attempt may take; there are two."""

    @property
    def is_active(self) -> bool:
        """Whether it has an address: one left empty by the environment is told nothing."""
        if self.kind == "email":
            return bool(self.host and self.sender and self.to)
        return self.kind == "log" or bool(self.url and self.url.get_secret_value())

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        given = self.model_fields_set - {"kind", "on"}
        for name in _NEEDED[self.kind]:
            if name not in given:
                msg = f"kind {self.kind} needs {_ALIASES.get(name, name)}"
                raise ValueError(msg)
        for name in sorted(given - set(_TAKEN[self.kind])):
            msg = f"{_ALIASES.get(name, name)} means nothing for kind {self.kind}"
            raise ValueError(msg)
        address = self.url.get_secret_value() if self.url is not None else ""
        if address and not re.match(r"https?://[^\s/]", address, re.IGNORECASE):
            msg = "url must be an address that starts with https:// or http://"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _keeps_its_password(self) -> Self:
        if (self.user is None) != (self.password is None):
            msg = "user and password: give both, or none"
            raise ValueError(msg)
        if self.password is not None and self.tls == "none":
            msg = "a password is not sent over tls: none"
            raise ValueError(msg)
        return self


def literal_secrets(raw: object) -> list[Problem]:
    """Return what *raw*, the `notify` of a file as written, says that only the environment may."""
    text = "holds a secret; put it into an environment variable and write ${NAME} for it"
    return [
        Problem(path=path, text=text)
        for path, value in _secrets_of(raw)
        if without_references(value).strip() or _LITERAL_DEFAULT.search(value)
    ]


def _secrets_of(raw: object) -> list[tuple[KeyPath, str]]:
    targets = raw if isinstance(raw, list) else []
    return [
        (("notify", at, key), str(target[key]))
        for at, target in enumerate(targets)
        if isinstance(target, dict)
        for key in _SECRETS
        if target.get(key) is not None
    ]
