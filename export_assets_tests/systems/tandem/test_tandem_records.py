"""Typed records."""

from datetime import UTC, datetime

from export_assets.systems.tandem.records import (
    BasalDelivery,
    BasalRateChange,
    CgmReading,
    PumpEvent,
    read_records,
)
from export_assets.systems.tandem.wire import decode_events
from export_assets_tests.systems.tandem.tandem_events import delivery, event, reading


def records(*events: bytes) -> tuple[PumpEvent, ...]:
    return read_records(decode_events(b"".join(events))).events


def test_a_reading_has_its_value_and_its_rate() -> None:
    (record,) = records(event(399, payload="f6010000007b"))

    assert isinstance(record, CgmReading)
    assert (record.value, record.stored_value, record.status) == (123, 123, "value")
    assert record.rate == -1.0
    assert record.time == datetime(2024, 1, 15, 18, tzinfo=UTC)
    assert record.name == "LID_CGM_DATA_G7"


def test_a_reading_with_a_status_has_no_value() -> None:
    found = records(*(reading(401, status=status) for status in (1, 2, 6, 9)))

    assert [r.status for r in found if isinstance(r, CgmReading)] == [
        "high",
        "low",
        "hidden",
        "hidden",
    ]
    assert {(r.value, r.stored_value) for r in found if isinstance(r, CgmReading)} == {(None, 401)}


def test_a_delivery_has_no_rate_where_it_is_not_set() -> None:
    (record,) = records(delivery(850, 1_150, 65_535))

    assert isinstance(record, BasalDelivery)
    assert record.rate_source == "algorithm"
    assert (record.profile_rate, record.algorithm_rate, record.temp_rate) == (850, 1_150, None)


def test_a_rate_change_is_no_delivery_and_may_hold_no_number() -> None:
    (record,) = records(event(3, payload="3f59999a7fc0000040400000"))

    assert isinstance(record, BasalRateChange)
    assert (record.commanded_rate, record.base_rate, record.max_rate) == (0.85, None, 3.0)


def test_an_unknown_id_is_an_event_with_its_bytes_and_is_counted() -> None:
    found = read_records(decode_events(event(4001, payload="abcd") * 2 + b"xyz"))

    assert [e.name for e in found.events] == ["UNKNOWN_4001"] * 2
    assert found.events[0].payload == b"\xab\xcd" + bytes(14)
    assert found.unknown == {4001: 2}
    assert found.trailing_bytes == 3
