"""How the loggers write what happens: one line of text per event, in each dialect."""

import json
from datetime import datetime, timedelta

from export_assets.systems.leadville.sample_strings import Line


def logger_time(moment: datetime) -> str:
    """Write a time as the event logger does: `9/14/25 8:44:01.22am`."""
    hour, half = moment.hour % 12 or 12, "am" if moment.hour < 12 else "pm"  # noqa: PLR2004 - noon
    clock = f"{hour}:{moment.minute:02d}:{moment.second:02d}.{moment.microsecond // 10_000:02d}"
    return f"{moment.month}/{moment.day}/{moment.year % 100:02d} {clock}{half}"


def csv_line(line: Line) -> bytes:
    """Write an event as the event logger's CSV."""
    details = f'"{line.details}"' if "," in line.details else line.details
    fields = (logger_time(line.at), line.kind, *line.device, details)
    return ",".join(fields).encode() + b"\r\n"


def ndjson_line(line: Line, *, seq: int, lag: int) -> bytes:
    """Write an event as the event logger's NDJSON, *lag* microseconds later."""
    device, device_id, position = line.device
    return _json(
        {
            "datetime": logger_time(line.at),
            "type": line.kind,
            "device": device,
            "device_id": device_id,
            "device_position": position,
            "details": line.details,
            "timestamp_iso": _iso(line.at + timedelta(microseconds=lag)),
            "seq": seq,
        }
    )


def debug_line(line: Line, *, seq: int) -> bytes:
    """Write what the device sent, as the debug log does."""
    device, device_id, _ = line.device
    sent: dict[str, object] = (
        {"event": line.details, "parsed": {"frame": seq % 256, "empty": {}}}
        if device == "Timer"
        else {
            "impact_magnitude": 100 + seq % 57,
            "threshold": 90.5,
            "raw_values": [seq % 7, -3, 12],
            "corrected_values": [],
            "timestamp_ns": 1_757_865_600_000_000_000 + seq,
        }
    )
    return _json(
        {
            "timestamp_iso": _iso(line.at),
            "device": device,
            "device_id": device_id,
            "type": "amg_parsed" if device == "Timer" else "bt50_raw",
            "data": sent,
            "seq": seq,
        }
    )


def bridge_line(moment: datetime, *, seq: int, epoch_ms: int, message: str) -> bytes:
    """Write a line of the bridge."""
    return _json(
        {
            "seq": seq,
            "type": "status",
            "ts_ms": epoch_ms,
            "msg": message,
            "data": {},
            "hms": f"{moment:%H:%M:%S}.{moment.microsecond // 1_000:03d}",
        }
    )


def api_lines(moment: datetime, *, path: str) -> list[bytes]:
    """Write a request to the API: its start and its end."""
    later = moment + timedelta(milliseconds=12)
    return [
        _json(
            {"seq": 1, "type": "request_start", "hms": f"{moment:%H:%M:%S}", "msg": f"GET {path}"}
        ),
        _json(
            {
                "seq": 2,
                "type": "request_complete",
                "hms": f"{later:%H:%M:%S}",
                "msg": f"GET {path} 200",
                "data": {},
            }
        ),
    ]


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _json(record: dict[str, object]) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
