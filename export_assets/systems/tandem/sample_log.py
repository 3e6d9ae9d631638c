"""A believable pump log, invented from a seed: what one person's pump writes down in some days.

Everything is a stream of events: the seconds they happen at, their ids and their payloads. The
streams are merged, numbered in the order of time and read off the pump's wall clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from export_assets.systems.tandem.catalogue import (
    BASAL_DELIVERY,
    BASAL_RATE_CHANGE,
    CGM_FSL2,
    CGM_G7,
    CGM_GXB,
    NOT_SET,
    PAYLOAD_BYTES,
    PAYLOADS,
)
from export_assets.systems.tandem.clock import PUMP_EPOCH, zone_of
from export_assets.systems.tandem.wire import EventBlock, encode_payload

_DAY: Final = 86_400
_BEAT: Final = 300
_BEATS_A_DAY: Final = _DAY // _BEAT
_FIRST_SEQUENCE: Final = 1_204_500
_SENSOR_DAYS: Final = 10
_SENSORS: Final = (CGM_G7, CGM_GXB, CGM_FSL2)
_WARM_UP_BEATS: Final = 24
_HIGH, _LOW = 400, 40
_SUSPEND_BELOW: Final = 75
_MISJUDGED: Final = 260.0
_HIDDEN_SHARE: Final = 0.002
_SKIPPED_SHARE: Final = 0.03
_SUSPENDED, _BY_PROFILE, _BY_TEMP, _BY_ALGORITHM = range(4)
_PROFILE_SHARE, _TEMP_SHARE = 0.04, 0.03
_NOTABLE_CHANGE: Final = 120
"""Milliunits per hour from which on a new rate is an event of its own."""
_PROFILE: Final = np.repeat([650, 900, 800, 950, 850, 700], 4)
"""Basal profile in milliunits per hour, by hour of the day."""

# Events a pump writes for its own reasons, with the seconds between two of them.
_PERIODIC: Final = {140: 300, 203: 70, 4001: 4_800, 2748: 9_000}
# Events that come in groups now and then: ids, seconds between them, groups a day.
_GROUPS: Final = (
    ((64, 65, 66, 55), 1, 6.0),
    ((369, 371, 370), 240, 3.0),
    ((4, 26), 600, 4.0),
    ((5, 28), 300, 0.2),
    ((11, 12), 1_200, 0.7),
    ((229,), 0, 2.0),
    ((230,), 0, 1.5),
    ((16,), 0, 2.0),
    ((33, 63, 61), 180, 0.34),
)
_DAILY: Final = (90, 313)

Seconds = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Stream:
    """Events of one or more ids: seconds since the start, ids, 16-byte payloads."""

    at: Seconds
    type_id: NDArray[np.int64]
    payload: NDArray[np.void]


def invent_log(*, days: int, seed: int, start: date, pump_timezone: str) -> EventBlock:
    """Return *days* of events from midnight of *start* in *pump_timezone*, in order of time.

    The same arguments give the same events.
    """
    rng = np.random.default_rng(seed)
    glucose = _glucose(rng, days)
    streams = [
        *_readings(rng, glucose),
        *_basal(rng, glucose),
        *_boluses(rng, days),
        *_housekeeping(rng, days),
    ]
    at = np.concatenate([stream.at for stream in streams])
    order = np.argsort(at, kind="stable")
    payload = np.concatenate([stream.payload for stream in streams])
    # The pump writes some entries that its log service never hands out.
    steps = 1 + (rng.random(len(at)) < _SKIPPED_SHARE)
    return EventBlock(
        source=np.zeros(len(at), dtype=np.uint16),
        type_id=np.concatenate([stream.type_id for stream in streams])[order].astype(np.uint16),
        seconds=_wall_clock(at[order], start=start, pump_timezone=pump_timezone),
        sequence=(_FIRST_SEQUENCE + np.cumsum(steps)).astype(np.uint32),
        payload=payload[order],
    )


def _wall_clock(at: Seconds, *, start: date, pump_timezone: str) -> NDArray[np.uint32]:
    zone = zone_of(pump_timezone)
    midnight = datetime.combine(start, time(), tzinfo=zone).astimezone(UTC)
    moments = pl.Series(at + int(midnight.timestamp())).cast(pl.Int64) * 1_000
    wall = moments.cast(pl.Datetime("ms", "UTC")).dt.convert_time_zone(zone.key)
    since_1970 = wall.dt.replace_time_zone(None).dt.epoch("s").to_numpy()
    return (since_1970 - PUMP_EPOCH).astype(np.uint32)


def _glucose(rng: np.random.Generator, days: int) -> NDArray[np.float64]:
    """Return the true glucose at every beat, in mg/dL: a daily rhythm, meals and drift."""
    beats = np.arange(days * _BEATS_A_DAY)
    hour = beats % _BEATS_A_DAY / 12
    curve = 125 + 14 * np.cos((hour - 5) / 24 * 2 * np.pi)
    for day in range(days):
        for meal_hour in (7.5, 12.5, 19.0):
            begin = int((day * 24 + meal_hour + rng.normal(0, 0.5)) * 12)
            since = np.arange(72)
            # Now and then a meal is misjudged: too little insulin one day, too much the next.
            high = _MISJUDGED if (day % 4, meal_hour) == (1, 19.0) else 0.0
            low = _MISJUDGED / 2 if (day % 4, meal_hour) == (2, 12.5) else 0.0
            rise = (rng.gamma(4.0, 26.0) + high) * (since / 9) * np.exp(1 - since / 9)
            dip = (rng.gamma(2.0, 14.0) + low) * np.exp(-(((since - 40) / 10) ** 2))
            end = min(len(curve), begin + len(since))
            curve[begin:end] += (rise - dip)[: end - begin]
    drift = np.empty(len(beats))
    level = 0.0
    for beat, push in enumerate(rng.normal(0, 3.2, len(beats)).tolist()):
        level = level * 0.985 + push
        drift[beat] = level
    return curve + drift


def _readings(rng: np.random.Generator, glucose: NDArray[np.float64]) -> Iterator[_Stream]:
    """Yield the sensor's readings: none while it warms up or is out of range of the pump."""
    beats = np.arange(len(glucose))
    in_session = beats % (_SENSOR_DAYS * _BEATS_A_DAY)
    seen = in_session >= _WARM_UP_BEATS
    for begin in np.flatnonzero(rng.random(len(beats)) < 0.7 / _BEATS_A_DAY).tolist():
        seen[begin : begin + int(rng.integers(3, 20))] = False
    status = np.where(glucose > _HIGH, 1, np.where(glucose < _LOW, 2, 0))
    session = beats // (_SENSOR_DAYS * _BEATS_A_DAY)
    trend = np.clip(np.gradient(glucose) * 2, -80, 80)
    for turn, type_id in enumerate(_SENSORS):
        rows = beats[seen & (session % len(_SENSORS) == turn)]
        if not len(rows):
            continue
        # Libre has no code for readings that must not be shown.
        hidden = (rng.random(len(rows)) < _HIDDEN_SHARE) & (type_id != CGM_FSL2)
        codes = np.where(hidden, 6, status[rows])
        at = rows * _BEAT + rng.integers(0, 3, len(rows))
        payload = encode_payload(
            type_id,
            glucosevaluestatus_raw=codes,
            cgmDataType_raw=np.ones(len(rows), dtype=np.int64),
            rate_raw=np.round(trend[rows]),
            algorithmstate_raw=100 if type_id == CGM_FSL2 else 32,
            RSSI=rng.integers(-90, -50, len(rows)),
            currentglucosedisplayvalue=np.where(codes == 0, np.round(glucose[rows]), 0),
            egvTimestamp=at,
            egvInfoBitmask_raw=0x1E1,
            interval=5,
        )
        yield _Stream(at=at, type_id=np.full(len(rows), type_id), payload=payload)


def _basal(rng: np.random.Generator, glucose: NDArray[np.float64]) -> Iterator[_Stream]:
    """Yield what is delivered at every beat, and the changes of the rate."""
    beats = np.arange(len(glucose))
    profile = _PROFILE[beats // 12 % 24]
    wanted = np.clip(profile * (1 + (glucose - 115) / 120), 0, 3_000).round().astype(np.int64)
    half_days = rng.random(len(beats) // (_BEATS_A_DAY // 2) + 1)
    mode = half_days[beats // (_BEATS_A_DAY // 2)]
    by_profile, by_temp = mode < _PROFILE_SHARE, mode < _PROFILE_SHARE + _TEMP_SHARE
    source = np.select(
        [glucose < _SUSPEND_BELOW, by_profile, by_temp],
        [_SUSPENDED, _BY_PROFILE, _BY_TEMP],
        _BY_ALGORITHM,
    )
    temp = profile // 2
    commanded = np.choose(source, [np.zeros_like(wanted), profile, temp, wanted])
    algorithm = np.choose(source, [0, NOT_SET, NOT_SET, wanted])
    at = beats * _BEAT + 137
    payload = encode_payload(
        BASAL_DELIVERY,
        commandedRateSource_raw=source,
        commandedRate=commanded,
        profileBasalRate=profile,
        algorithmRate=algorithm,
        tempRate=np.where(source == _BY_TEMP, temp, NOT_SET),
    )
    yield _Stream(at=at, type_id=np.full(len(beats), BASAL_DELIVERY), payload=payload)
    changed = np.flatnonzero(np.abs(np.diff(commanded, prepend=commanded[:1])) > _NOTABLE_CHANGE)
    rates = encode_payload(
        BASAL_RATE_CHANGE,
        commandedbasalrate=commanded[changed] / 1_000,
        basebasalrate=profile[changed] / 1_000,
        maxbasalrate=3.0,
        IDP=1,
        changetype_raw=np.where(source[changed] == _SUSPENDED, 16, 1),
    )
    if len(changed):
        ids = np.full(len(changed), BASAL_RATE_CHANGE)
        yield _Stream(at=at[changed] - 1, type_id=ids, payload=rates)


def _boluses(rng: np.random.Generator, days: int) -> Iterator[_Stream]:
    """Yield the start and end of deliveries of boluses, and their completion."""
    count = days * 6
    begin = np.sort(rng.integers(0, days * _DAY - 1_200, count))
    milliunits = np.round(rng.gamma(3.0, 1.1, count) * 100 + 10).astype(np.int64) * 10
    units = milliunits / 1_000
    number = 4_000 + np.arange(count)
    for status, delay in ((1, 4), (0, 150)):
        payload = encode_payload(
            280,
            bolusID=number,
            bolusDeliveryStatus_raw=status,
            bolusType_raw=17,
            bolusSource_raw=rng.choice([1, 7, 8], count),
            requestedNow=milliunits,
            deliveredTotal=milliunits * (status == 0),
        )
        yield _Stream(at=begin + delay, type_id=np.full(count, 280), payload=payload)
    completed = encode_payload(
        20,
        completionstatus_raw=3,
        bolusid=number,
        IOB=np.round(units * rng.uniform(0.8, 1.4, count), 2),
        insulindelivered=units,
        insulinrequested=units,
    )
    yield _Stream(at=begin + 151, type_id=np.full(count, 20), payload=completed)


def _housekeeping(rng: np.random.Generator, days: int) -> Iterator[_Stream]:
    """Yield everything else, whose payloads nobody reads: periodic, daily and in groups."""
    for type_id, every in _PERIODIC.items():
        at = np.arange(int(rng.integers(0, every)), days * _DAY, every)
        yield _opaque(rng, at, type_id)
    for type_id in _DAILY:
        at = np.arange(days) * _DAY
        yield _opaque(rng, at, type_id)
    for ids, apart, per_day in _GROUPS:
        begin = rng.integers(0, days * _DAY - 1_200, max(1, round(days * per_day)))
        for place, type_id in enumerate(ids):
            yield _opaque(rng, begin + place * apart, type_id)


def _opaque(rng: np.random.Generator, at: Seconds, type_id: int) -> _Stream:
    """Return events whose payload means little: small numbers where it has known fields."""
    ids = np.full(len(at), type_id)
    layout = PAYLOADS.get(type_id)
    if layout is None:
        noise = rng.integers(0, 256, (len(at), PAYLOAD_BYTES), dtype=np.uint8)
        return _Stream(at=at, type_id=ids, payload=noise.view(f"V{PAYLOAD_BYTES}").ravel())
    fields = {name: rng.integers(0, 40, len(at)) for name in layout.names or ()}
    if "BG" in fields:
        fields["BG"] = rng.integers(70, 260, len(at))
    return _Stream(at=at, type_id=ids, payload=encode_payload(type_id, **fields))
