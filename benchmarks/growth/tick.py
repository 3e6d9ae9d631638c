"""Idle ticks of a source's sensor: python -m benchmarks.growth.tick settle|idle HOME SENSOR RECORD

`settle` ticks, and runs what is asked for, until nothing is, and writes the cursor to RECORD;
`idle` ticks with that cursor, as the daemon does every half minute, and writes the seconds there.
"""

import json
import logging
import os
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import dagster as dg

from export_assets.defs.build import build_definitions
from export_assets.systems.registry import load_workspace

TICKS = 5
_MOST = 8
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def settle(
    definitions: dg.Definitions, sensor: dg.SensorDefinition, instance: dg.DagsterInstance
) -> str:
    """Tick and run until nothing is asked for; return the cursor."""
    cursor = None
    for _ in range(_MOST):
        tick = _tick(definitions, sensor, instance, cursor)
        # A tick that is skipped leaves the cursor as it is.
        if not tick.run_requests and tick.cursor in {None, cursor}:
            return cursor or ""
        cursor = tick.cursor
        for request in tick.run_requests or ():
            keys = list(request.asset_selection or ())
            job = definitions.resolve_implicit_job_def_def_for_assets(keys) if keys else None
            if job is not None:
                job.execute_in_process(
                    instance=instance,
                    partition_key=request.partition_key,
                    tags=dict(request.tags),
                    run_config=_QUIET,
                    asset_selection=keys,
                )
    msg = f"{sensor.name}: still asks for runs after {_MOST} ticks"
    raise SystemExit(msg)


def idle(
    definitions: dg.Definitions,
    sensor: dg.SensorDefinition,
    instance: dg.DagsterInstance,
    cursor: str,
) -> float:
    """Return the seconds that one tick takes with nothing to do, the median of some."""
    seconds = []
    for _ in range(TICKS):
        started = time.perf_counter()
        tick = _tick(definitions, sensor, instance, cursor)
        seconds.append(time.perf_counter() - started)
        if tick.run_requests or not str(tick.skip_message).endswith("unchanged"):
            msg = f"{sensor.name}: not idle: {tick.skip_message}"
            raise SystemExit(msg)
    return float(median(seconds))


def _tick(
    definitions: dg.Definitions,
    sensor: dg.SensorDefinition,
    instance: dg.DagsterInstance,
    cursor: str | None,
) -> "dg._core.definitions.sensor_definition.SensorExecutionData":
    context = dg.build_sensor_context(instance, cursor=cursor, definitions=definitions)
    return sensor.evaluate_tick(context)


def main(step: str, home: str, name: str, record: str) -> None:
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    definitions = build_definitions(load_workspace(Path(home), environ=os.environ))
    sensor = definitions.resolve_sensor_def(name)
    path = Path(record)
    with (
        TemporaryDirectory() as directory,
        dg.DagsterInstance.ephemeral(tempdir=directory) as instance,
    ):
        if step == "settle":
            known = {"cursor": settle(definitions, sensor, instance)}
        else:
            known = json.loads(path.read_text(encoding="utf-8"))
            known["seconds"] = idle(definitions, sensor, instance, known["cursor"])
    path.write_text(json.dumps(known), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
