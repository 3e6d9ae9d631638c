"""Forks processes that export one table at the same moment, by one clock that stands still.

python parallel_exports.py HOME ROUNDS PROCESSES HOW

Imports only before it forks: Polars must not have run. Prints one JSON document: of each round
what every process says of its one export. HOW is `published`, `overwritten` or `beside`: into one
output directory.
"""

import json
import os
import sys
from itertools import count
from pathlib import Path
from typing import Any

from export_assets_tests.engine import engine_world
from export_assets_tests.engine.engine_world import CREATE_SHOP, World

YAML = "source: shop\nurl: shop.db\nformats: [csv]\ntables: {orders: {}}\n"
WAYS: dict[str, dict[str, Any]] = {
    "published": {},
    "overwritten": {"overwrite": True},
    "beside": {"output_dir": "out"},
}


def main(home: Path, rounds: int, processes: int, how: str) -> None:
    """Change a row, let all export at once, and again; every second round nobody waits."""
    world = World(home)
    world.config(YAML)
    world.sql(CREATE_SHOP)
    told = []
    for number in range(rounds):
        world.sql(f"update orders set note = 'round {number}' where id = 1")
        options = {"lock_timeout": 0.0 if number % 2 else 60.0, **WAYS[how]}
        if "output_dir" in options:
            options["output_dir"] = home / options["output_dir"]
        told.append(_round(world, number, processes, options))
    print(json.dumps(told))  # noqa: T201 - the answer


def _round(
    world: World, number: int, processes: int, options: dict[str, Any]
) -> list[dict[str, Any]]:
    ready, go = os.pipe()
    answers = []
    for child in range(processes):
        answer, tell = os.pipe()
        if os.fork() == 0:
            try:
                os.close(go)
                engine_world._runs = count(1_000 * (number + 1) + child)
                os.read(ready, 1)
                os.write(tell, json.dumps(_export(world, options)).encode())
            finally:
                os._exit(0)
        os.close(tell)
        answers.append(answer)
    os.close(ready)
    os.close(go)  # all of them start now
    told = []
    for answer in answers:
        with open(answer, "rb") as pipe:  # noqa: PTH123 - a descriptor
            told.append(json.loads(pipe.read() or b'{"status": "died"}'))
    for _ in answers:
        os.wait()
    return told


def _export(world: World, options: dict[str, Any]) -> dict[str, Any]:
    try:
        [record] = world.export(tables=("orders",), **options).records
    except Exception as error:  # noqa: BLE001 - told to the test
        return {"status": f"{type(error).__name__}: {error}"}
    manifest = record.manifest
    return {
        "status": record.status,
        "exit_code": record.exit_code,
        "error": record.error,
        "generation": manifest.generation if manifest else None,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
