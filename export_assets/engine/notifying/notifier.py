"""Telling everybody who asked for it, without ever failing what is told about.

    Notifier(settings.notify).tell(notice)

Targets are told side by side, each in a thread that is waited for no longer than its two attempts
may take: name resolution knows no timeout. What goes wrong is logged, and changes nothing.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Thread

from export_assets.config.notify import NotifyTarget
from export_assets.engine.notifying.mailing import send
from export_assets.engine.notifying.notice import Notice
from export_assets.engine.notifying.posting import post
from export_assets.engine.notifying.reasons import may_pass, reason

log = logging.getLogger("export_assets.notify")

PAUSE = 1.0
"""Seconds between the two attempts."""


@dataclass(frozen=True, kw_only=True)
class Undelivered:
    """A target that was not told, and why."""

    target: str
    """Which: `notify.0 (slack)`."""
    reason: str

    def __str__(self) -> str:
        return f"{self.target}: not told: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Notifier:
    """The targets of a project."""

    targets: Sequence[NotifyTarget]
    pause: float = field(default=PAUSE)

    @property
    def has_targets(self) -> bool:
        """Whether there is anybody to tell."""
        return any(target.is_active for target in self.targets)

    def tell(self, *notices: Notice) -> list[Undelivered]:
        """Tell each target the first of *notices* it asks for; return, and log, who was not told.

        Raises nothing.
        """
        undelivered = self.reach(*notices)
        for one in undelivered:
            log.error("%s", one)
        return undelivered

    def reach(self, *notices: Notice) -> list[Undelivered]:
        """Do as `tell` does, and leave it to the caller to say who was not told."""
        found: dict[str, str] = {}
        threads: list[tuple[Thread, float, str]] = []
        for at, target in enumerate(self.targets):
            notice = next((one for one in notices if one.occasion in target.on), None)
            if notice is None or not target.is_active:
                continue
            name = name_of(at, target)
            thread = Thread(
                target=self._tell, args=(target, notice, name, found), name=name, daemon=True
            )
            thread.start()
            threads.append((thread, 2 * target.timeout + self.pause, name))
        started = time.monotonic()
        for thread, seconds, name in threads:
            thread.join(max(0.0, started + seconds - time.monotonic()))
            if thread.is_alive():
                found.setdefault(name, "timed out")
        return [Undelivered(target=name, reason=why) for name, why in sorted(found.items())]

    def _tell(self, target: NotifyTarget, notice: Notice, name: str, found: dict[str, str]) -> None:
        try:
            deliver(target, notice)
        except Exception as error:  # noqa: BLE001 - whatever it is, the export it is about stands
            if not may_pass(error):
                found[name] = reason(error)
                return
            time.sleep(self.pause)
            try:
                deliver(target, notice)
            except Exception as again:  # noqa: BLE001 - as above
                found[name] = reason(again)


def name_of(at: int, target: NotifyTarget) -> str:
    """Return what messages call the target at index *at*: `notify.0 (slack)`."""
    return f"notify.{at} ({target.kind})"


def deliver(target: NotifyTarget, notice: Notice) -> None:
    """Tell *target* once.

    Raises:
        Exception: Whatever the library raises; `reason` says it without secrets.
    """
    url = target.url.get_secret_value() if target.url is not None else ""
    match target.kind:
        case "log":
            level = logging.WARNING if notice.occasion == "recovery" else logging.ERROR
            log.log(level, "%s", notice.text.replace("\n", "; "))
        case "email":
            send(target, notice)
        case "webhook":
            post(url, notice.document(), timeout=target.timeout)
        case "slack":
            post(url, {"text": _for_slack(notice.text)}, timeout=target.timeout)


def _for_slack(text: str) -> str:
    # The three characters that Slack reads as markup.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
