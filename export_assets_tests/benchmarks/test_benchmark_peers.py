"""A peer takes part in an environment of its own, or is left out with the reason."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import peer_tools
from benchmarks.contenders import Contender
from benchmarks.environments import COMPLETE, Unavailable, environment
from benchmarks.tables import CONTENDERS, available

URL = "postgresql://postgres@127.0.0.1:5432/postgres"
OWN_ENVIRONMENT: dict[str, Callable[[Path], Contender]] = {
    "duckdb": peer_tools.duckdb,
    "duckdb of postgres": lambda work: peer_tools.duckdb_of_postgres(work, lambda _: URL),
    "polars": peer_tools.polars,
    "dlt": peer_tools.dlt,
    "sqlite-utils": peer_tools.sqlite_utils,
    "rivet": lambda work: peer_tools.rivet(work, URL),
}
each_peer = pytest.mark.parametrize("make", OWN_ENVIRONMENT.values(), ids=OWN_ENVIRONMENT)


def installs(monkeypatch: pytest.MonkeyPatch, *, code: int, says: str = "") -> list[list[str]]:
    """Let no step really run; return those that were asked for."""
    steps: list[list[str]] = []

    def run(step: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        steps.append(step)
        Path(step[-1], "bin").mkdir(parents=True, exist_ok=True) if "venv" in step else None
        failed = code if "pip" in step else 0
        return subprocess.CompletedProcess(step, failed, stdout="", stderr=says)

    monkeypatch.setattr(subprocess, "run", run)
    return steps


@each_peer
def test_a_peer_that_cannot_be_installed_is_left_out_with_the_reason(
    make: Callable[[Path], Contender],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    installs(monkeypatch, code=1, says="Looking\nERROR: no wheel for this machine\nnote: bye\n")
    left_out: dict[str, str] = {}

    others = available({"stdlib": peer_tools.stdlib, "it": lambda: make(tmp_path)}, left_out)

    assert [one.name for one in others] == ["sqlite3 + pyarrow"]
    assert left_out["it"].endswith(": ERROR: no wheel for this machine")
    assert f"left out: {left_out['it']}" in capsys.readouterr().out
    assert not list(tmp_path.rglob(COMPLETE))


@each_peer
def test_a_peer_is_run_by_its_own_environment(
    make: Callable[[Path], Contender], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installs(monkeypatch, code=0)
    output = tmp_path / "output"
    output.mkdir()

    peer = make(tmp_path)
    fmt = "parquet" if peer.can(["parquet"]) else "csv"
    command = peer.command(tmp_path / "x.db", output, [fmt])

    assert any(word.startswith(str(tmp_path / "peers")) for word in command)
    assert all("==" not in part and " " in part for part in peer.version.split(", "))


def test_a_finished_environment_is_used_until_other_wheels_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    steps = installs(monkeypatch, code=0)

    first = environment("x", ["a==1"], work=tmp_path)
    again = environment("x", ["a==1"], work=tmp_path)
    assert (first, len(steps)) == (again, 2)
    environment("x", ["a==2"], work=tmp_path)

    assert [step[-1] for step in steps] == [str(first.parent), "a==1", str(first.parent), "a==2"]
    assert steps[0][0] == sys.executable
    assert steps[1][-3:-1] == ["--only-binary", ":all:"]


def test_a_program_that_this_machine_lacks_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Unavailable, match="sqlite3 program: no program sqlite3 on PATH"):
        peer_tools.sqlite_program(tmp_path)


def test_nobody_taking_part_is_an_error() -> None:
    with pytest.raises(SystemExit, match="no contender can take part"):
        available({}, {})


def test_what_each_leaves_out_is_said() -> None:
    peers = {name for name in CONTENDERS if not name.startswith("export-assets")}

    assert set(peer_tools.NOTES) == {*peers, "rivet"}
