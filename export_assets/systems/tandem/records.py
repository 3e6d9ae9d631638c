"""Decoded pump events as typed records, one class per kind of event that is exported."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from export_assets.systems.tandem.catalogue import (
    BASAL_DELIVERY,
    BASAL_RATE_CHANGE,
    CGM_FSL2,
    CGM_G7,
    CGM_GXB,
    EVENT_NAMES,
    NOT_SET,
    STATUSES,
    Status,
    event_name,
)
from export_assets.systems.tandem.clock import DEFAULT_PUMP_TIMEZONE, instants_of
from export_assets.systems.tandem.payloads import payload_fields
from export_assets.systems.tandem.wire import EventBlock

RateSource = Literal["suspended", "profile", "temp", "algorithm", "temp_and_algorithm", "unknown"]

_RATE_SOURCES: Final[dict[int, RateSource]] = {
    0: "suspended",
    1: "profile",
    2: "temp",
    3: "algorithm",
    4: "temp_and_algorithm",
}


@dataclass(frozen=True, kw_only=True)
class PumpEvent:
    """Any event; events of ids with no class of their own are exactly this."""

    type_id: int
    name: str
    """The pump's name, `UNKNOWN_<id>` for an id not in the catalogue."""
    sequence: int
    time: datetime
    """Aware, UTC."""
    payload: bytes
    """16 bytes."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Decoded payload fields, where the layout is known."""


@dataclass(frozen=True, kw_only=True)
class CgmReading(PumpEvent):
    """A glucose reading of a GXB, FSL2 or G7 sensor."""

    status: Status
    value: int | None
    """mg/dL; None where the status is not `value`."""
    stored_value: int
    """mg/dL, as the pump recorded it."""
    rate: float
    """mg/dL per minute, in steps of 0.1."""


@dataclass(frozen=True, kw_only=True)
class BasalDelivery(PumpEvent):
    """What the pump delivers now: rates in milliunits per hour, None where not set."""

    rate_source: RateSource
    commanded_rate: int | None
    profile_rate: int | None
    algorithm_rate: int | None
    temp_rate: int | None


@dataclass(frozen=True, kw_only=True)
class BasalRateChange(PumpEvent):
    """A change of the basal rate, in units per hour; it is no delivery. None: not a number."""

    commanded_rate: float | None
    base_rate: float | None
    max_rate: float | None


@dataclass(frozen=True, kw_only=True)
class Records:
    """The records of one block, with what was peculiar about it."""

    events: tuple[PumpEvent, ...]
    unknown: Mapping[int, int]
    """How many events of each id that the catalogue does not know."""
    trailing_bytes: int
    ambiguous: int
    nonexistent: int


def read_records(block: EventBlock, *, pump_timezone: str = DEFAULT_PUMP_TIMEZONE) -> Records:
    """Return the events of *block* as typed records, in the order of the log.

    Raises:
        ConfigError: There is no such zone.
    """
    instants = instants_of(block.seconds, pump_timezone=pump_timezone)
    type_ids = block.type_id.tolist()
    rows = zip(
        type_ids,
        block.sequence.tolist(),
        instants.utc_seconds.tolist(),
        block.payload.tolist(),
        payload_fields(block),
        strict=True,
    )
    events = tuple(
        _MAKERS.get(type_id, PumpEvent)(
            type_id=type_id,
            name=event_name(type_id),
            sequence=sequence,
            time=datetime.fromtimestamp(seconds, UTC),
            payload=bytes(payload),
            fields=fields,
        )
        for type_id, sequence, seconds, payload, fields in rows
    )
    return Records(
        events=events,
        unknown=Counter(type_id for type_id in type_ids if type_id not in EVENT_NAMES),
        trailing_bytes=block.trailing_bytes,
        ambiguous=instants.ambiguous,
        nonexistent=instants.nonexistent,
    )


def _cgm_reading(*, fields: Mapping[str, Any], **event: Any) -> CgmReading:  # noqa: ANN401 - passed on
    status = STATUSES.get(fields["glucosevaluestatus_raw"], "hidden")
    stored = fields["currentglucosedisplayvalue"]
    return CgmReading(
        **event,
        fields=fields,
        status=status,
        value=stored if status == "value" else None,
        stored_value=stored,
        rate=fields["rate_raw"] / 10,
    )


def _basal_delivery(*, fields: Mapping[str, Any], **event: Any) -> BasalDelivery:  # noqa: ANN401 - passed on
    return BasalDelivery(
        **event,
        fields=fields,
        rate_source=_RATE_SOURCES.get(fields["commandedRateSource_raw"], "unknown"),
        commanded_rate=_rate(fields["commandedRate"]),
        profile_rate=_rate(fields["profileBasalRate"]),
        algorithm_rate=_rate(fields["algorithmRate"]),
        temp_rate=_rate(fields["tempRate"]),
    )


def _basal_rate_change(*, fields: Mapping[str, Any], **event: Any) -> BasalRateChange:  # noqa: ANN401 - passed on
    return BasalRateChange(
        **event,
        fields=fields,
        commanded_rate=fields["commandedbasalrate"],
        base_rate=fields["basebasalrate"],
        max_rate=fields["maxbasalrate"],
    )


def _rate(stored: int) -> int | None:
    return None if stored == NOT_SET else stored


_MAKERS: Final[dict[int, Callable[..., PumpEvent]]] = {
    CGM_GXB: _cgm_reading,
    CGM_FSL2: _cgm_reading,
    CGM_G7: _cgm_reading,
    BASAL_DELIVERY: _basal_delivery,
    BASAL_RATE_CHANGE: _basal_rate_change,
}
