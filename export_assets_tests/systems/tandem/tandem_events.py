"""Events and databases that the tests of this directory are written with."""

import base64
import json
import struct
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from export_assets.systems.tandem.schema import create_missing_tables, read_layout
from export_assets.systems.tandem.views import tandem_views

EPOCH = 1_199_145_600
# 2024-01-15 10:00:00 on the pump's wall clock, 18:00 UTC in Los Angeles.
MORNING = 506_167_200


def event(
    type_id: int, *, seconds: int = MORNING, sequence: int = 1, payload: str = "", source: int = 0
) -> bytes:
    """Return one event, built without the code under test; *payload* is hex, padded with 00."""
    head = struct.pack(">HII", source << 12 | type_id, seconds, sequence)
    return head + bytes.fromhex(payload).ljust(16, b"\0")


def reading(value: int, *, status: int = 0, seconds: int = MORNING, sequence: int = 1) -> bytes:
    """Return a G7 reading."""
    return event(399, seconds=seconds, sequence=sequence, payload=f"0001{status:04x}{value:04x}")


def delivery(
    profile: int, algorithm: int, temp: int, *, seconds: int = MORNING, sequence: int = 2
) -> bytes:
    """Return a basal delivery commanded by the algorithm."""
    payload = f"00000003{profile:04x}{algorithm:04x}{temp:04x}{algorithm:04x}"
    return event(279, seconds=seconds, sequence=sequence, payload=payload)


def base64_of(*events: bytes) -> str:
    return base64.b64encode(b"".join(events)).decode("ascii")


def document(
    type_id: int = 399,
    *,
    sequence: int = 1,
    time: str | None = "2024-01-15T10:00:00-08:00",
    **more: Any,
) -> dict[str, Any]:
    """Return a document of the first dialect, without the event's bytes."""
    written = {"event_timestamp": time} if time is not None else {}
    return {
        "raw_event": {"id": type_id, "seqNum": sequence},
        **written,
        "event_id": sequence,
        **more,
    }


def named_document(
    type_id: int,
    name: str,
    *,
    sequence: int = 1,
    time: str = "2024-01-15T10:00:00-08:00",
    **more: Any,
) -> dict[str, Any]:
    """Return a document of the second dialect."""
    raw_event = {"event_len": 26, "timestamp": time, "eventParams": "AAA="}
    return {
        "ID": type_id,
        "NAME": name,
        "raw_event": raw_event,
        "event_timestamp": time,
        "event_id": sequence,
        **more,
    }


def database(path: Path, documents: Iterable[object] = ()) -> Path:
    """Create a pump database whose raw events are *documents*."""
    with closing(duckdb.connect(path)) as con:
        create_missing_tables(con)
        for row in documents:
            con.execute(
                "INSERT INTO raw_events (created, raw_event_data) VALUES ('2024-01-16', ?)",
                [json.dumps(row)],
            )
    return path


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(duckdb.connect(path, read_only=True)) as con:
        return con.execute(query).fetchall()


def counts(path: Path) -> dict[str, int]:
    tables = ("raw_events", "events", "cgm_readings", "basal_deliveries")
    return {table: rows(path, f"SELECT count(*) FROM {table}")[0][0] for table in tables}


def exported(path: Path, table: str, columns: str = "*", **zones: str) -> list[tuple[Any, ...]]:
    """Return the rows of *table* in the exported shape, in the order of their ids."""
    with closing(duckdb.connect(path, read_only=True)) as con:
        layout = {name: list(columns_of) for name, columns_of in read_layout(con).items()}
        view = tandem_views(layout, **zones)[table]
        return con.execute(f"SELECT {columns} FROM ({view}) AS v ORDER BY id").fetchall()
