"""The binary format, against vectors worked out by hand and against itself."""

import base64
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.errors import SourceCorrupt
from export_assets.systems.tandem.wire import (
    EventBlock,
    decode_base64,
    decode_events,
    encode_events,
    encode_payload,
)

# source 1, id 399 (0x18f); 506167200 s (0x1e2b7fa0); sequence 66051 (0x00010203)
G7 = bytes.fromhex("118f 1e2b7fa0 00010203 fb01 0000 0078 c420 1e2b7f9c 00 05 01e1")
# id 372 (0x174); status 2 in the byte at +3, rate -3 in the int16 at +0
FSL2 = bytes.fromhex("0174 1e2b80cc 00010204 fffd 01 02 0000 bb64 1e2b80c0 00 05 20e1")
# id 279 (0x117); source 3, then profile 850, commanded 1150, temp 65535, algorithm 1150
BASAL = bytes.fromhex("0117 1e2b7fa5 00010205 0000 0003 0352 047e ffff 047e 0000 0000")
# id 3; floats 0.85, 0.8 and 3.0 U/h, change type 2 at +13, profile 1 at +14
RATE_CHANGE = bytes.fromhex("0003 1e2b7fa5 00010206 3f59999a 3f4ccccd 40400000 00 02 0001")


def field_values(data: bytes) -> dict[str, int | float]:
    block = decode_events(data)
    fields = block.fields(int(block.type_id[0]), np.arange(1))
    return {name: values.tolist()[0] for name, values in fields.items()}


def test_the_head_is_source_id_seconds_and_sequence() -> None:
    block = decode_events(G7)

    assert (block.source[0], block.type_id[0]) == (1, 399)
    assert (block.seconds[0], block.sequence[0]) == (506_167_200, 66_051)
    assert bytes(block.payload[0]) == G7[10:]


def test_a_dexcom_reading_has_its_fields_where_the_contract_says() -> None:
    assert field_values(G7) == {
        "glucosevaluestatus_raw": 0,
        "cgmDataType_raw": 1,
        "rate_raw": -5,
        "algorithmstate_raw": 0x20,
        "RSSI": -60,
        "currentglucosedisplayvalue": 120,
        "egvTimestamp": 506_167_196,
        "egvInfoBitmask_raw": 0x01E1,
        "interval": 5,
    }


def test_a_libre_reading_has_its_status_in_one_byte_and_its_rate_in_two() -> None:
    fields = field_values(FSL2)

    assert fields["glucosevaluestatus_raw"] == 2
    assert fields["rate_raw"] == -3
    assert fields["currentglucosedisplayvalue"] == 0


def test_a_basal_delivery_has_its_rates_where_the_contract_says() -> None:
    assert field_values(BASAL) == {
        "commandedRateSource_raw": 3,
        "commandedRate": 1_150,
        "profileBasalRate": 850,
        "algorithmRate": 1_150,
        "tempRate": 65_535,
    }


def test_a_rate_change_carries_floats_in_units_per_hour() -> None:
    fields = field_values(RATE_CHANGE)

    assert fields["commandedbasalrate"] == pytest.approx(0.85)
    assert fields["basebasalrate"] == pytest.approx(0.8)
    assert (fields["maxbasalrate"], fields["IDP"], fields["changetype_raw"]) == (3.0, 1, 2)


def test_an_id_without_a_layout_has_no_fields() -> None:
    block = decode_events(bytes.fromhex("0fff") + bytes(24))

    assert block.type_id[0] == 4_095
    assert block.fields(4_095, np.arange(1)) == {}


@pytest.mark.parametrize("cut", [0, 1, 13, 25])
def test_bytes_that_are_no_whole_event_are_counted(cut: int) -> None:
    block = decode_events(G7 + BASAL + FSL2[:cut])

    assert len(block) == 2
    assert block.trailing_bytes == cut


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=26 * 12 + 25))
def test_encoding_gives_back_whatever_whole_events_were_decoded(data: bytes) -> None:
    block = decode_events(data)

    assert encode_events(block) == data[: len(data) - block.trailing_bytes]
    assert len(block) * 26 + block.trailing_bytes == len(data)


@settings(max_examples=40, deadline=None)
@given(
    status=st.integers(0, 2**16 - 1),
    value=st.integers(0, 2**16 - 1),
    rate=st.integers(-128, 127),
)
def test_fields_survive_the_bytes(status: int, value: int, rate: int) -> None:
    payload = encode_payload(
        256, glucosevaluestatus_raw=status, currentglucosedisplayvalue=value, rate_raw=rate
    )
    block = block_of(256, payload)

    fields = decode_events(encode_events(block)).fields(256, np.arange(1))

    assert fields["glucosevaluestatus_raw"].tolist() == [status]
    assert fields["currentglucosedisplayvalue"].tolist() == [value]
    assert fields["rate_raw"].tolist() == [rate]


def block_of(type_id: int, payload: np.ndarray[tuple[int], np.dtype[np.void]]) -> EventBlock:
    ones = np.ones(len(payload), dtype=np.uint32)
    ids = np.full(len(payload), type_id, dtype=np.uint16)
    return EventBlock(
        source=np.zeros_like(ids), type_id=ids, seconds=ones, sequence=ones, payload=payload
    )


def test_a_value_that_does_not_fit_its_field_is_refused() -> None:
    with pytest.raises(ValueError, match="event 279: a value of tempRate is no uint16"):
        encode_payload(279, tempRate=70_000)


def test_a_field_the_event_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="event 279: has no field glucose"):
        encode_payload(279, glucose=1)


def test_an_id_beyond_twelve_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="id exceeds 4095"):
        encode_events(block_of(4_096, encode_payload(279, tempRate=1)))


def test_base64_may_be_broken_into_lines() -> None:
    text = base64.encodebytes(G7 * 3).decode()

    assert decode_base64(text) == G7 * 3


@pytest.mark.parametrize("text", ["AAA", "not base64!", "AAAA=AAA", "Ä"])
def test_what_is_not_base64_is_one_clear_line(text: str) -> None:
    with pytest.raises(SourceCorrupt, match="pump payload: not base64"):
        decode_base64(text)


def test_two_hundred_thousand_events_decode_in_well_under_two_seconds() -> None:
    data = (G7 + BASAL) * 100_000

    begin = time.process_time()
    block = decode_events(data)
    fields = block.fields(399, np.flatnonzero(block.type_id == 399))
    seconds = time.process_time() - begin

    assert len(fields["currentglucosedisplayvalue"]) == 100_000
    assert seconds < 1
