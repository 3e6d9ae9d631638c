"""A real MariaDB server for tests: found on the machine, or unpacked from Debian's packages.

Nothing is installed. Packages are downloaded once into the user's cache directory and unpacked
there; without `apt-get`, or without network, tests that need a server are skipped.
"""

import atexit
import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql
import pytest

_PACKAGE = "mariadb-server-core"
_QUICK = ("-o", "Acquire::http::Timeout=5", "-o", "Acquire::https::Timeout=5")
_ONCE = ("-o", "Acquire::Retries=0")
_DOWNLOAD_SECONDS = 60
_START_SECONDS = 30
_PR_SET_PDEATHSIG = 1
_USER, _PASSWORD = "exporter", "s3cr:t/w@rd"
_SETUP = f"""
create database mysql;
use mysql;
source system_tables
flush privileges;
create database test;
create user '{_USER}'@'localhost' identified by '{_PASSWORD}';
grant all privileges on *.* to '{_USER}'@'localhost' with grant option;
"""


@dataclass(frozen=True, kw_only=True)
class MariaDb:
    """A running server, reached through a socket file only."""

    socket: Path
    process: "subprocess.Popen[bytes]"
    user: str = _USER
    password: str = _PASSWORD

    def url(self, database: str = "test", *, password: str | None = None) -> str:
        """Return the address of *database*, as a person would write it."""
        secret = quote(self.password if password is None else password, safe="")
        return f"mysql://{self.user}:{secret}@localhost/{database}?unix_socket={self.socket}"

    def connect(self, database: str | None = None) -> "pymysql.Connection[Any]":
        """Open a connection that commits every statement."""
        return pymysql.connect(
            unix_socket=str(self.socket),
            user=self.user,
            password=self.password,
            database=database,
            charset="utf8mb4",
            autocommit=True,
        )

    def execute(self, *statements: str, database: str | None = None) -> None:
        """Run *statements* one after the other."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    @contextmanager
    def database(self, *statements: str, name: str) -> Iterator[str]:
        """Make a database called *name* of *statements*, drop it afterwards, and give its URL."""
        self.execute(
            f"drop database if exists `{name}`",
            f"create database `{name}` character set utf8mb4 collate utf8mb4_general_ci",
        )
        self.execute("set session sql_mode = ''", *statements, database=name)
        try:
            yield self.url(name)
        finally:
            self.execute(f"drop database if exists `{name}`")


@dataclass(frozen=True, kw_only=True)
class _Program:
    """Where the server's program and what it needs lie."""

    path: Path
    share: Path
    libraries: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """The environment to run it in."""
        known = os.environ.get("LD_LIBRARY_PATH", "")
        both = ":".join(part for part in (self.libraries, known) if part)
        return {**os.environ, "LD_LIBRARY_PATH": both} if both else dict(os.environ)


@pytest.fixture(scope="session")
def mariadb() -> MariaDb:
    """The server of this test process."""
    return running_server()


class NoServerError(Exception):
    """Why there is no server."""


def start_server() -> MariaDb:
    """Return the server of this process, which starts with the first call.

    Raises:
        NoServerError: That is not possible.
    """
    found = _server_or_reason()
    if isinstance(found, str):
        raise NoServerError(found)
    return found


def running_server() -> MariaDb:
    """Return the server of this process, started by the first who asks; skip without one."""
    try:
        return start_server()
    except NoServerError as error:
        pytest.skip(str(error))


@cache
def _server_or_reason() -> MariaDb | str:
    # The name of a socket must be short, shorter than many a test directory.
    directory = Path(tempfile.mkdtemp(prefix="ea-mariadb-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    try:
        program = _installed() or _unpacked()
        _bootstrap(program, directory)
        server = _start(program, directory)
        atexit.register(_stop, server)
        _await(server, directory)
    except (NoServerError, subprocess.SubprocessError, OSError) as error:
        return f"no MariaDB server: {error}"
    return server


def _stop(server: MariaDb) -> None:
    server.process.terminate()
    try:
        server.process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()


def _installed() -> _Program | None:
    for name in ("mariadbd", "mysqld"):
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/libexec")
        if found is None:
            continue
        path = Path(found).resolve()
        for share in ("share/mysql", "share/mariadb"):
            if (path.parent.parent / share / "mysql_system_tables.sql").is_file():
                return _Program(path=path, share=path.parent.parent / share)
    return None


def _unpacked() -> _Program:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        msg = "none on the PATH, and no apt-get to download one with"
        raise NoServerError(msg)
    base = os.environ.get("XDG_CACHE_HOME")
    cache = (Path(base) if base else Path.home() / ".cache") / "export-assets-tests"
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / "mariadb"
    with (cache / "mariadb.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes, the first downloads
        if not (root / "usr/sbin/mariadbd").is_file():
            _download(cache, root)
    program = root / "usr/sbin/mariadbd"
    libraries = ":".join(str(path) for path in sorted((root / "usr/lib").glob("*-linux-*")))
    return _Program(path=program, share=root / "usr/share/mysql", libraries=libraries)


def _download(cache: Path, root: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as name:
        directory = Path(name)
        try:
            wanted = [_PACKAGE, *_missing_packages()]
            subprocess.run(
                ["apt-get", *_QUICK, *_ONCE, "download", *wanted],
                cwd=directory,
                check=True,
                capture_output=True,
                timeout=_DOWNLOAD_SECONDS,
            )
            for package in directory.glob("*.deb"):
                subprocess.run(
                    ["dpkg", "-x", str(package), str(directory / "root")], check=True, timeout=60
                )
        except subprocess.SubprocessError as error:
            said = getattr(error, "stderr", None) or b""
            last = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
            msg = f"none on the PATH, and apt-get cannot download one: {last}"
            raise NoServerError(msg) from error
        (directory / "root").rename(root)


def _missing_packages() -> list[str]:
    """Return what the server's package depends on and this machine has not."""
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    command = ["apt-cache", "depends", *(f"--no-{kind}" for kind in kinds), _PACKAGE]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout
    names = [line.partition("Depends:")[2].strip() for line in said.splitlines()]
    return [name for name in names if name and not name.startswith("<") and not _has(name)]


def _has(package: str) -> bool:
    command = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", package]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20).stdout
    return said.startswith("ii")


def _common(program: _Program, directory: Path) -> list[str]:
    return [
        str(program.path),
        "--no-defaults",
        f"--datadir={directory / 'data'}",
        f"--tmpdir={directory}",
        f"--lc-messages-dir={program.share}",
        f"--character-sets-dir={program.share / 'charsets'}",
        f"--plugin-dir={directory}",
        "--innodb-buffer-pool-size=32M",
        "--innodb-log-file-size=8M",
        "--innodb-flush-method=fsync",
        "--innodb-flush-log-at-trx-commit=0",
        *(["--user=root"] if os.getuid() == 0 else []),
    ]


def _bootstrap(program: _Program, directory: Path) -> None:
    """Make the system tables, as `mariadb-install-db` does."""
    (directory / "data").mkdir()
    parts = ("system_tables", "performance_tables", "system_tables_data")
    names = [f"mysql_{part}.sql" for part in parts]
    tables = "\n".join((program.share / name).read_text(encoding="utf-8") for name in names)
    script = _SETUP.replace("source system_tables", tables)
    done = subprocess.run(
        [*_common(program, directory), "--bootstrap", "--log-warnings=0"],
        input=script.encode(),
        env=program.environment,
        capture_output=True,
        timeout=_START_SECONDS,
        check=False,
    )
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip()[-500:]
        msg = f"{program.path} makes no system tables: {last}"
        raise NoServerError(msg)


def _end_with_parent() -> None:
    """Have the server end when the tests are killed."""
    with suppress(OSError, AttributeError):  # where the system knows no such thing
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _start(program: _Program, directory: Path) -> MariaDb:
    socket = directory / "s"
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *_common(program, directory),
                "--skip-networking",
                f"--socket={socket}",
                f"--pid-file={directory / 'pid'}",
            ],
            env=program.environment,
            stdout=log,
            stderr=log,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - it only tells the kernel
        )
    return MariaDb(socket=socket, process=process)


def _await(server: MariaDb, directory: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.socket.exists():
            with suppress(pymysql.MySQLError):
                server.connect().close()
                return
        if server.process.poll() is not None:
            break
        time.sleep(0.05)
    last = (directory / "log").read_text(encoding="utf-8", errors="replace").strip()[-500:]
    msg = f"mariadbd does not start: {last}"
    raise NoServerError(msg)
