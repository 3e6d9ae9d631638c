"""A Chromium for the tests: one that is installed, else Debian's, unpacked for the tests alone.

Nothing is installed and no right is needed: apt works in directories of its own and is told what
the machine has, so that it downloads `chromium` and only those of its libraries that are missing;
what it downloaded, and checked as always, is unpacked into the virtual environment.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

CHOSEN = "EXPORT_ASSETS_CHROMIUM"
"""Environment variable that names the program; `no` leaves the tests of the browser out."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-dejavu-core")
PATIENCE = 300
"""Seconds that fetching may take in all."""

FLAGS = (
    "--no-sandbox",  # only pages of this machine are opened, and root is given no sandbox
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoChromium(Exception):
    """There is none and none can be had; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Chromium:
    """A program, and what must be in its environment for it to find its parts."""

    program: Path
    environment: Mapping[str, str] = field(default_factory=dict)


def find_chromium() -> Chromium:
    """Return the one that is named, installed or fetched before, else fetch it.

    Raises:
        NoChromium: None can be had.
    """
    chosen = os.environ.get(CHOSEN)
    for name in (chosen,) if chosen else NAMES:
        if found := shutil.which(name):
            return Chromium(program=Path(found))
    if chosen:
        msg = f"{CHOSEN}={chosen}: no such program"
        raise NoChromium(msg)
    directory = _place()
    with _alone(directory.with_name(f"{directory.name}.lock")):
        if not directory.exists():
            _fetch(directory)
    return _unpacked(directory)


def _place() -> Path:
    """Return where a fetched one is kept: in the virtual environment, else among caches."""
    if sys.prefix != sys.base_prefix:
        return Path(sys.prefix) / "chromium"
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "export_assets" / "chromium"


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Have tests that run side by side fetch once."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(directory: Path) -> None:
    missing = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if missing or not Path("/var/lib/dpkg/status").exists():
        msg = f"none of {', '.join(NAMES)} on PATH, and no apt to fetch Debian's with"
        raise NoChromium(msg)
    partial = directory.with_name(f"{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _download(partial / "apt")
        for package in sorted((partial / "apt").rglob("*.deb")):
            _run(["dpkg-deb", "--extract", str(package), str(partial)], {}, 60)
        shutil.rmtree(partial / "apt")
        if not _program(partial).exists():
            msg = "the package chromium holds no usr/lib/chromium/chromium"
            raise NoChromium(msg)
        _describe_fonts(partial, seen_at=directory)
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _download(directory: Path) -> None:
    for name in ("state/lists/partial", "cache/archives/partial"):
        (directory / name).mkdir(parents=True)
    settings = {
        "Dir::State": directory / "state",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": directory / "cache",
        # As root apt would download as another user, who may not write here.
        "APT::Sandbox::User": "root",
        # The package system is only read.
        "Debug::NoLocking": "true",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "20",
        "Acquire::https::Timeout": "20",
    }
    file = directory / "apt.conf"
    file.write_text("".join(f'{k} "{v}";\n' for k, v in settings.items()), encoding="utf-8")
    environment = {"APT_CONFIG": str(file), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    deadline = time.monotonic() + PATIENCE
    with suppress(NoChromium):  # some archive of the machine that has nothing to do with this one
        _run(["apt-get", "-qq", "update"], environment, PATIENCE / 2)
    install = ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", "--download-only"]
    _run([*install, *PACKAGES], environment, deadline - time.monotonic())


def _run(command: list[str], environment: Mapping[str, str], seconds: float) -> None:
    """Run *command*.

    Raises:
        NoChromium: It failed, or did not end in time.
    """
    try:
        done = subprocess.run(
            command,
            env=os.environ | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=max(seconds, 1),
        )
    except subprocess.TimeoutExpired as expired:
        msg = f"{' '.join(command[:3])}: not done after {PATIENCE} s"
        raise NoChromium(msg) from expired
    if done.returncode != 0:
        told = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        msg = f"{' '.join(command[:3])}: {(told or ['failed'])[-1]}"
        raise NoChromium(msg)


def _describe_fonts(directory: Path, *, seen_at: Path) -> None:
    """Write what tells the browser of the fonts of the machine and of those fetched."""
    (directory / "fonts.conf").write_text(
        f"""<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>/usr/share/fonts</dir>
  <dir>{seen_at}/usr/share/fonts</dir>
  <cachedir>{seen_at}/font-cache</cachedir>
</fontconfig>
""",
        encoding="utf-8",
    )


def _program(directory: Path) -> Path:
    return directory / "usr/lib/chromium/chromium"


def _unpacked(directory: Path) -> Chromium:
    libraries = sorted({str(path.parent) for path in directory.rglob("lib*.so*")})
    known = os.environ.get("LD_LIBRARY_PATH")
    return Chromium(
        program=_program(directory),
        environment={
            "LD_LIBRARY_PATH": ":".join([*libraries, *([known] if known else [])]),
            "FONTCONFIG_FILE": str(directory / "fonts.conf"),
        },
    )
