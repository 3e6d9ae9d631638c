"""No secret in what Dagster keeps: events, logs, metadata, ticks, of runs that succeed and fail."""

import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg
import psycopg
import pytest
from dagster._utils.error import serializable_error_info_from_exc_info

from export_assets.defs.build import build_definitions
from export_assets.sources.postgres import PostgresSource
from export_assets.systems.registry import load_workspace
from export_assets_tests.canaries import Canary, found_in, leaks
from export_assets_tests.postgres_server import Database, postgres, postgres_server
from export_assets_tests.proof.plugin import Proven

__all__ = ["postgres", "postgres_server"]

pytestmark = [pytest.mark.suite("security"), pytest.mark.promise("no-secrets")]

ROOT = Path(__file__).parents[2]
PG, FAR, HOOK, KEY, PRIVATE = map(Canary, ("pg", "far", "hook", "key", "private"))
EVERY = [PG, FAR, HOOK, KEY, PRIVATE]

FILES = {
    "export_assets.yaml": 'anonymize_key: ${KEY}\nnotify: [{kind: webhook, url: "${HOOK}"}]\n',
    "sources/pg.yaml": """\
source: pg
url: ${PG_URL}
formats: [parquet, csv]
tables:
  people: {redact: [note], anonymize: [name], partition_by: {column: seen, every: day}}
""",
    "sources/far.yaml": "source: far\nurl: ${FAR_URL}\nformats: [csv]\ntables: {people: {}}\n",
}
TABLE = "create table people (id integer primary key, seen timestamp, name text, note text)"


class Project:
    """Dagster over a server with a password, on an instance with our own settings."""

    def __init__(self, tmp_path: Path, postgres: Database, instance: dg.DagsterInstance) -> None:
        self.home, self.instance = tmp_path / "project", instance
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(TABLE.encode())
            for number in range(6):
                row = (number, f"2026-02-0{1 + number % 3} 10:00:00", PRIVATE.value, PRIVATE.value)
                connection.execute("insert into people values (%s, %s, %s, %s)", row)
        for name, text in FILES.items():
            (self.home / name).parent.mkdir(parents=True, exist_ok=True)
            (self.home / name).write_text(text, encoding="utf-8")
        self.address = postgres.server.url(postgres.name, password=f"{PG.value}/p@ss:w%rd")
        environ = {
            "PG_URL": self.address,
            "FAR_URL": f"postgresql://me:{FAR.value}@127.0.0.1:1/shop?connect_timeout=2",
            "HOOK": f"http://127.0.0.1:1/{HOOK.value}",
            "KEY": KEY.value,
        }
        workspace = load_workspace(self.home, environ=environ)
        self.definitions = build_definitions(workspace, retry_seconds=0.0)
        self.said: list[str] = []

    def run(self, job: dg.JobDefinition, **more: Any) -> bool:
        result = job.execute_in_process(instance=self.instance, raise_on_error=False, **more)
        self.said.append(repr(result.all_events))
        return result.success

    def export(self, source: str, **more: Any) -> bool:
        keys = [one for one in self.keys if one.path[0] == source and len(one.path) == 3]
        assert keys
        job = self.definitions.resolve_implicit_job_def_def_for_assets(keys)
        assert job is not None
        return self.run(job, asset_selection=keys, **more)

    @property
    def keys(self) -> list[dg.AssetKey]:
        return list(self.definitions.resolve_asset_graph().executable_asset_keys)

    def tick(self) -> int:
        """Evaluate every sensor as the daemon does, and keep what it would keep; count them."""
        every = [
            one for one in self.definitions.sensors or () if isinstance(one, dg.SensorDefinition)
        ]
        for sensor in every:
            context = dg.build_sensor_context(
                instance=self.instance,
                repository_def=self.definitions.get_repository_def(),
                sensor_name=sensor.name,
            )
            try:
                self.said.append(repr(sensor.evaluate_tick(context)))
            except Exception:  # noqa: BLE001 - the daemon keeps it, whatever it is
                self.said.append(str(serializable_error_info_from_exc_info(sys.exc_info())))
        return len(every)


@pytest.fixture
def project(
    tmp_path: Path, postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    instance_home = tmp_path / "dagster"
    instance_home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", instance_home)
    monkeypatch.setenv("DAGSTER_HOME", str(instance_home))
    with dg.DagsterInstance.from_config(str(instance_home)) as instance:
        yield Project(tmp_path, postgres, instance)


def test_nothing_that_dagster_keeps_holds_a_secret(
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    proven: Proven,
) -> None:
    caplog.set_level(logging.DEBUG)

    ended = [project.export("pg"), project.export("far")]
    ended.append(project.run(project.definitions.resolve_job_def("extract_pg")))
    ticks = project.tick()

    def quotes(self: PostgresSource) -> NoReturn:
        below = OSError(f"no answer from {self._url.text}")
        msg = f"driver: cannot connect to {self._url.text} (password={PG.value})"
        raise RuntimeError(msg) from below

    monkeypatch.setattr(PostgresSource, "_connect", quotes)
    observed = project.definitions.resolve_implicit_job_def_def_for_assets(
        [one for one in project.keys if one.path == ["pg", "people"]]
    )
    ended += [project.export("pg"), project.run(project.definitions.resolve_job_def("extract_pg"))]
    if observed is not None:
        ended.append(project.run(observed))
    ticks += project.tick()

    assert ended[:3] == [True, False, True]
    assert not any(ended[3:])
    assert ticks > 4
    assert "driver: cannot connect to postgresql://postgres:***@" in "".join(project.said)
    told = found_in(EVERY, "\n".join([*project.said, caplog.text]))
    assert told == [], [one[-3000:] for one in project.said if found_in(EVERY, one)]
    written = leaks(EVERY, tmp_path)
    assert written == []
    assert list((tmp_path / "dagster").rglob("*.db"))
    proven(len(ended) + ticks, "runs and ticks amid secrets", f"{len(told) + len(written)} leaks")
