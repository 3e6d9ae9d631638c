"""The tables of event logs: `events`, one row per event, and `runs`, one row per shooting run."""

from typing import Final, Literal, get_args

from export_assets.tables.schema import Column, LogicalType, TableSchema

EventType = Literal[
    "timer_start_button",
    "timer_start_beep",
    "timer_started",
    "shot_detected",
    "impact_detected",
    "timer_stopped",
    "run_summary",
    "status",
    "debug",
    "api_request",
    "unknown",
]
"""What happened, whatever the dialect calls it."""

EVENT_TYPES: Final[tuple[EventType, ...]] = get_args(EventType)

DialectName = Literal[
    "event_csv", "event_ndjson", "debug_ndjson", "timer_jsonl", "timer_sqlite", "bridge_ndjson"
]

Family = Literal["event", "timer", "debug", "bridge"]
"""Dialects of one family may hold the same events: the CSV and NDJSON of the event logger, the
JSONL and SQLite of the timer."""

FAMILY_OF: Final[dict[str, Family]] = {
    "event_csv": "event",
    "event_ndjson": "event",
    "timer_jsonl": "timer",
    "timer_sqlite": "timer",
    "debug_ndjson": "debug",
    "bridge_ndjson": "bridge",
}

RunStatus = Literal["completed", "incomplete", "active"]
EndReason = Literal["summary", "stopped", "superseded", "idle"]

_INTEGER, _FLOAT, _TEXT = LogicalType.INTEGER, LogicalType.FLOAT, LogicalType.TEXT
_MOMENT, _JSON = LogicalType.TIMESTAMP, LogicalType.JSON


def _column(name: str, logical: LogicalType, description: str, *, nullable: bool = True) -> Column:
    return Column(name=name, logical=logical, description=description, nullable=nullable)


EVENTS: Final = TableSchema(
    name="events",
    description="Everything the timers, sensors and bridges logged.",
    primary_key=("event_id",),
    columns=(
        _column(
            "event_id", _TEXT, "Hash of what was logged, the same in both twins.", nullable=False
        ),
        _column("occurred_at", _MOMENT, "When.", nullable=False),
        _column("event_type", _TEXT, "What happened, in canonical words.", nullable=False),
        _column("dialect", _TEXT, "How the log writes it.", nullable=False),
        _column("device", _TEXT, "Kind of device: Timer, Sensor, Bridge."),
        _column("device_id", _TEXT, "Which device."),
        _column("device_position", _TEXT, "Where it stands."),
        _column("details", _TEXT, "What the log says about it."),
        _column("shot_number", _INTEGER, "Number of the shot within its string, from 1."),
        _column("split_seconds", _FLOAT, "Seconds since the shot before."),
        _column("elapsed_seconds", _FLOAT, "Seconds since the start of the string."),
        _column("session_id", _TEXT, "Session of the timer."),
        _column("seq", _INTEGER, "Number given by the logging process; restarts with it."),
        _column("raw", _JSON, "The original object.", nullable=False),
        _column("source_file", _TEXT, "Log file, below the log directory.", nullable=False),
        _column("source_offset", _INTEGER, "Where in the file, in bytes.", nullable=False),
        _column("source_line", _INTEGER, "Number of the line, from 1.", nullable=False),
    ),
)

RUNS: Final = TableSchema(
    name="runs",
    description="Shooting runs: from a start signal to a summary, a stop or silence.",
    primary_key=("run_id",),
    columns=(
        _column("run_id", _TEXT, "Name of the run, for good.", nullable=False),
        _column("start_time", _MOMENT, "First start signal.", nullable=False),
        _column("end_time", _MOMENT, "Summary, stop or last event; none while active."),
        _column("duration_seconds", _FLOAT, "The summary's time, else end less start."),
        _column("shots_detected", _INTEGER, "Shots counted.", nullable=False),
        _column("impacts_detected", _INTEGER, "Impacts counted; none where nothing senses them."),
        _column("correlation_success_rate", _FLOAT, "Impacts by shots; none without shots."),
        _column("start_device", _TEXT, "Kind of device that gave the start."),
        _column("start_device_id", _TEXT, "Which device gave the start."),
        _column("beep_time", _MOMENT, "The beep after the button."),
        _column("last_shot_time", _MOMENT, "Last shot."),
        _column("last_impact_time", _MOMENT, "Last impact."),
        _column("status", _TEXT, "completed, incomplete or active.", nullable=False),
        _column("end_reason", _TEXT, "summary, stopped, superseded or idle; none while active."),
        _column("summary_shots", _INTEGER, "Shots as the summary counts them."),
        _column("summary_impacts", _INTEGER, "Impacts as the summary counts them."),
        _column("summary_mismatch", LogicalType.BOOLEAN, "The summary counts otherwise than we."),
        _column("duplicate_events", _INTEGER, "Repeated events, counted once.", nullable=False),
        _column("session_id", _TEXT, "Session of the timer."),
        _column("source_files", _JSON, "Log files with events of the run.", nullable=False),
        _column("first_event_id", _TEXT, "The event that started it.", nullable=False),
    ),
)
