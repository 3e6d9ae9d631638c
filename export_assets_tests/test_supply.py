"""What the package is made of: locked, audited, and without the calls that run what they read."""

import ast
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from export_assets_tests.proof.plugin import Proven

pytestmark = pytest.mark.suite("security")

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "export_assets"
LOCK = ROOT / "requirements" / "lock.txt"
AUDIT = ROOT / "requirements" / "audit.py"
SECONDS = 240

RUN_WHAT_THEY_READ = {
    *("eval", "exec", "compile", "__import__"),
    *("os.system", "os.popen", "os.execl", "os.spawnl", "pty.spawn", "subprocess.getoutput"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.unsafe_load_all"),
    *("polars.read_database_uri", "numpy.load", "tempfile.mktemp", "tarfile.open"),
}
UNSAFE_MODULES = {
    *("pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "jsonpickle", "joblib"),
    *("code", "codeop", "pty", "commands"),
}
SAFE_LOADERS = {"SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader"}

CONNECTIONS = {
    "engine/catalog/session.py": "asks what people write; locked by _lock before the first of it",
    "engine/catalog/building.py": "makes the catalogue of views; statements are all ours",
    "formats/duckdb_open.py": "of the formats; `opened` locks what reads a finished file",
    "sources/duckdb.py": "one locks its copy; the other holds a file and asks nothing of it",
    "systems/tandem/sample.py": "makes sample data, and reads its own mark",
    "systems/tandem/connection.py": "loads the rows of a system; statements are all ours, offline",
}


def blocks(lock: str) -> list[str]:
    """The requirements of a lock, each with the lines it goes over."""
    text = re.sub(r"^ *#.*\n", "", lock, flags=re.MULTILINE).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip()]


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def unsafe_calls(module: ast.Module) -> Iterator[str]:
    """What of *module* runs what it reads, or hands it to a shell."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import | ast.ImportFrom):
            first = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in first or [alias.name for alias in node.names]:
                if name.partition(".")[0] in UNSAFE_MODULES:
                    yield f"line {node.lineno}: import {name}"
        if not isinstance(node, ast.Call):
            continue
        name, values = called(node), {one.arg: ast.unparse(one.value) for one in node.keywords}
        if name in {"yaml.load", "yaml.load_all"}:
            given = values.get("Loader") or (ast.unparse(node.args[1]) if node.args[1:] else "")
            if given.rpartition(".")[2] in SAFE_LOADERS:
                continue
        if name in RUN_WHAT_THEY_READ or values.get("shell", "False") != "False":
            yield f"line {node.lineno}: {name}"


def test_nothing_runs_what_it_reads(proven: Proven) -> None:
    modules = [path for at in (PACKAGE, ROOT / "export_assets_defs") for path in at.rglob("*.py")]
    found = {
        str(path.relative_to(ROOT)): unsafe
        for path in modules
        if (unsafe := list(unsafe_calls(ast.parse(path.read_text(encoding="utf-8")))))
    }

    assert found == {}
    assert len(modules) > 100
    proven(len(modules), "modules", f"{len(found)} that run what they read")


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from cloudpickle import loads",
        "eval(x)",
        "yaml.load(x)",
        "yaml.load(x, Loader=yaml.Loader)",
        "subprocess.run(x, shell=True)",
        "subprocess.run(x, shell=asked)",
        "os.system(x)",
    ],
)
def test_the_scan_would_find_it(code: str) -> None:
    assert list(unsafe_calls(ast.parse(code)))


def test_every_connection_to_duckdb_is_known_and_downloads_nothing(proven: Proven) -> None:
    places = {}
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if any(
            isinstance(node, ast.Call) and called(node) == "duckdb.connect"
            for node in ast.walk(ast.parse(text))
        ):
            places[path.relative_to(PACKAGE).as_posix()] = text

    assert sorted(places) == sorted(CONNECTIONS), "say here why it is safe, or lock it"
    locked = [name for name, text in places.items() if "enable_external_access = false" in text]
    assert {"engine/catalog/session.py", "formats/duckdb_open.py", "sources/duckdb.py"} <= {*locked}
    proven(len(places), "modules that connect to DuckDB", f"{len(locked)} lock what others write")


def test_every_dependency_is_one_version_with_its_hashes(proven: Proven) -> None:
    locked = blocks(LOCK.read_text(encoding="utf-8"))
    loose = [
        line.split()[0]
        for line in locked
        if not re.match(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+ ", line)
        or not re.search(r"--hash=sha256:[0-9a-f]{64}(\s|$)", line)
    ]

    assert loose == []
    assert len(locked) > 150
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    installs = re.findall(r"pip install.*(?:\\\n.*)?-r \$\(LOCK\)", makefile)
    assert len(installs) == 2
    assert all("--require-hashes" in one and "--no-deps" in one for one in installs)
    proven(len(locked), "locked packages", f"{len(loose)} without version or hash")


@contextmanager
def vulnerability_service(known: dict[str, str]) -> Iterator[str]:
    """An OSV service that knows *known*, an id by package; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            answer = json.dumps({"vulns": [told(known[name], name)]} if name in known else {})
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    def told(name: str, package: str) -> dict[str, object]:
        ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9999"}]}]
        affected = {"package": {"name": package, "ecosystem": "PyPI"}, "ranges": ranges}
        days = {"modified": "2026-01-01T00:00:00Z", "published": "2026-01-01T00:00:00Z"}
        return {"id": name, "summary": "made up", **days, "affected": [affected]}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def audit(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, AUDIT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )


IGNORED = '[[ignored]]\nid = "PYSEC-1-1"\npackage = "polars"\nreason = "no"\nuntil = {until}\n'


@pytest.mark.parametrize(
    ("known", "ignored", "code"),
    [
        ({}, "", 0),
        ({"polars": "PYSEC-1-1"}, "", 1),
        ({"polars": "PYSEC-1-1"}, IGNORED.format(until="2999-01-01"), 0),
        ({"polars": "PYSEC-1-2"}, IGNORED.format(until="2999-01-01"), 1),
    ],
    ids=["none", "one", "ignored", "another"],
)
def test_a_known_vulnerability_fails_the_audit(
    tmp_path: Path, known: dict[str, str], ignored: str, code: int
) -> None:
    few = [
        line
        for line in blocks(LOCK.read_text(encoding="utf-8"))
        if re.match("(polars|pyyaml)==", line)
    ]
    assert len(few) == 2
    (tmp_path / "lock.txt").write_text("\n".join(few) + "\n", encoding="utf-8")
    (tmp_path / "audit.toml").write_text(ignored, encoding="utf-8")

    with vulnerability_service(known) as service:
        files = ("--lock", tmp_path / "lock.txt", "--ignored", tmp_path / "audit.toml")
        done = audit(*files, "--service", service)

    assert done.returncode == code, done.stdout + done.stderr
    if code:
        assert known["polars"] in done.stdout


@pytest.mark.parametrize(
    ("ignored", "line"),
    [
        (IGNORED.format(until="2026-01-01"), "PYSEC-1-1: was ignored until 2026-01-01"),
        (IGNORED.format(until='"later"'), "PYSEC-1-1: needs the day"),
        ('[[ignored]]\nid = "PYSEC-1-1"\nuntil = 2999-01-01\n', "needs id, package and reason"),
    ],
)
def test_what_is_ignored_has_a_reason_and_an_end(tmp_path: Path, ignored: str, line: str) -> None:
    (tmp_path / "audit.toml").write_text(ignored, encoding="utf-8")

    done = audit("--ignored", tmp_path / "audit.toml", "--service", "http://127.0.0.1:9/")

    assert (done.returncode, line in done.stderr) == (2, True), done.stderr


def test_nothing_locked_has_a_known_vulnerability(proven: Proven) -> None:
    done = audit()

    if done.returncode == 75:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    locked = len(blocks(LOCK.read_text(encoding="utf-8")))
    proven(locked, "locked packages audited", done.stderr.strip().splitlines()[0])
