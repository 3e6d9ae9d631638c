"""From which columns derived tables are made, by the pipeline and by the exported shape."""

from collections.abc import Mapping, Sequence
from typing import Final

from export_assets.systems.tandem.schema import BASAL_DELIVERIES, CGM_READINGS, EVENTS, RAW_EVENTS

_DATA = ((RAW_EVENTS, "raw_event_data"),)
_PAYLOAD = ((EVENTS, "event_data"),)
_DERIVED: Final = {"events_id": ((EVENTS, "id"),), "timestamp": ((EVENTS, "timestamp"),)}
_RATES = ("profile_basal_rate", "algorithm_basal_rate", "temp_basal_rate")

LINEAGE: Final[Mapping[str, Mapping[str, Sequence[tuple[str, str]]]]] = {
    EVENTS: {
        "raw_events_id": ((RAW_EVENTS, "id"),),
        "timestamp": _DATA,
        "event_id": _DATA,
        "event_type_id": _DATA,
        "seq_num": _DATA,
        "event_name": _DATA,
        "event_data": _DATA,
    },
    CGM_READINGS: {
        **_DERIVED,
        "cgm_reading": _PAYLOAD,
        # Where the payload does not tell, the bytes of the raw event do.
        "status": (*_PAYLOAD, *_DATA),
        "cgm_reading_raw": _PAYLOAD,
    },
    BASAL_DELIVERIES: {
        **_DERIVED,
        **{name: _PAYLOAD for rate in _RATES for name in (rate, f"{rate}_raw")},
    },
}
