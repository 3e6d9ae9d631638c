"""What the pump's event ids mean: their names, and where the fields of their payloads lie.

Offsets count from the first payload byte (byte 10 of the 26-byte event), big-endian throughout.
Field names are those of the JSON payloads; a field ending in `_raw` is an undecoded enum,
bit mask or scaled number.
"""

from typing import Final, Literal

import numpy as np
from numpy.typing import DTypeLike

PAYLOAD_BYTES: Final = 16

CGM_GXB: Final = 256
CGM_FSL2: Final = 372
CGM_G7: Final = 399
BASAL_DELIVERY: Final = 279
BASAL_RATE_CHANGE: Final = 3

NOT_SET: Final = 65535
"""A rate of a basal delivery that does not apply."""

Status = Literal["value", "high", "low", "hidden"]

STATUSES: Final[dict[int, Status]] = {0: "value", 1: "high", 2: "low", 6: "hidden"}
"""What the status code of a glucose reading says; any other code is treated as hidden."""

CGM_NAME_PREFIX: Final = "LID_CGM_DATA"
BASAL_NAME_PREFIX: Final = "LID_BASAL_DELIVERY"
UNKNOWN_NAME_PREFIX: Final = "UNKNOWN_"

EVENT_NAMES: Final[dict[int, str]] = {
    3: "LID_BASAL_RATE_CHANGE",
    4: "LID_ALERT_ACTIVATED",
    5: "LID_ALARM_ACTIVATED",
    6: "LID_MALFUNCTION_ACTIVATED",
    11: "LID_PUMPING_SUSPENDED",
    12: "LID_PUMPING_RESUMED",
    13: "LID_TIME_CHANGED",
    14: "LID_DATE_CHANGED",
    16: "LID_BG_READING_TAKEN",
    20: "LID_BOLUS_COMPLETED",
    21: "LID_BOLEX_COMPLETED",
    26: "LID_ALERT_CLEARED",
    28: "LID_ALARM_CLEARED",
    33: "LID_CARTRIDGE_FILLED",
    53: "LID_SHELF_MODE",
    55: "LID_BOLUS_ACTIVATED",
    59: "LID_BOLEX_ACTIVATED",
    60: "LID_DATA_LOG_CORRUPTION",
    61: "LID_CANNULA_FILLED",
    63: "LID_TUBING_FILLED",
    64: "LID_BOLUS_REQUESTED_MSG1",
    65: "LID_BOLUS_REQUESTED_MSG2",
    66: "LID_BOLUS_REQUESTED_MSG3",
    90: "LID_NEW_DAY",
    99: "LID_ARM_INIT",
    140: "LID_PLGS_PERIODIC",
    171: "LID_CGM_ALERT_ACTIVATED",
    172: "LID_CGM_ALERT_CLEARED",
    191: "LID_VERSION_INFO",
    203: "LID_UPDATE_STATUS",
    212: "LID_CGM_START_SESSION_GX",
    213: "LID_CGM_JOIN_SESSION_GX",
    214: "LID_CGM_STOP_SESSION_GX",
    229: "LID_AA_USER_MODE_CHANGE",
    230: "LID_AA_PCM_CHANGE",
    CGM_GXB: "LID_CGM_DATA_GXB",
    BASAL_DELIVERY: "LID_BASAL_DELIVERY",
    280: "LID_BOLUS_DELIVERY",
    307: "LID_VERSIONS_A",
    313: "LID_AA_DAILY_STATUS",
    369: "LID_CGM_ALERT_ACTIVATED_DEX",
    370: "LID_CGM_ALERT_CLEARED_DEX",
    371: "LID_CGM_ALERT_ACK_DEX",
    CGM_FSL2: "LID_CGM_DATA_FSL2",
    394: "LID_CGM_JOIN_SESSION_G7",
    CGM_G7: "LID_CGM_DATA_G7",
    404: "LID_CGM_START_SESSION_FSL2",
    405: "LID_CGM_STOP_SESSION_FSL2",
    406: "LID_CGM_JOIN_SESSION_FSL2",
    447: "LID_CGM_STOP_SESSION_G7",
    460: "LID_CGM_ALERT_ACTIVATED_FSL2",
    461: "LID_CGM_ALERT_CLEARED_FSL2",
}


def event_name(type_id: int) -> str:
    """Return the pump's own name of *type_id*, or `UNKNOWN_<id>`."""
    return EVENT_NAMES.get(type_id, f"{UNKNOWN_NAME_PREFIX}{type_id}")


def _layout(**fields: tuple[str, int]) -> np.dtype[np.void]:
    formats: list[DTypeLike] = [np.dtype(code).newbyteorder(">") for code, _ in fields.values()]
    return np.dtype(
        {
            "names": list(fields),
            "formats": formats,
            "offsets": [offset for _, offset in fields.values()],
            "itemsize": PAYLOAD_BYTES,
        }
    )


_DEXCOM = _layout(
    glucosevaluestatus_raw=("u2", 2),
    cgmDataType_raw=("u1", 1),
    rate_raw=("i1", 0),
    algorithmstate_raw=("u1", 7),
    RSSI=("i1", 6),
    currentglucosedisplayvalue=("u2", 4),
    egvTimestamp=("u4", 8),
    egvInfoBitmask_raw=("u2", 14),
    interval=("u1", 13),
)
_LIBRE = _layout(
    glucosevaluestatus_raw=("u1", 3),
    cgmDataType_raw=("u1", 2),
    rate_raw=("i2", 0),
    algorithmstate_raw=("u1", 7),
    RSSI=("i1", 6),
    currentglucosedisplayvalue=("u2", 4),
    egvTimestamp=("u4", 8),
    egvInfoBitmask_raw=("u2", 14),
    interval=("u1", 13),
)


def _fault(name: str) -> np.dtype[np.void]:
    fields = {name: ("u4", 0), "faultlocatordata": ("u4", 4)}
    return _layout(**fields, param1=("u4", 8), param2=("f4", 12))


PAYLOADS: Final[dict[int, np.dtype[np.void]]] = {
    BASAL_RATE_CHANGE: _layout(
        commandedbasalrate=("f4", 0),
        basebasalrate=("f4", 4),
        maxbasalrate=("f4", 8),
        IDP=("u2", 14),
        changetype_raw=("u1", 13),
    ),
    4: _fault("alertid_raw"),
    5: _fault("alarmid_raw"),
    6: _fault("malfid_raw"),
    11: _layout(
        presuspendstate=("u4", 0),
        insulinamount=("u2", 6),
        suspendreason_raw=("u1", 5),
        rpatimeout=("u1", 4),
    ),
    12: _layout(preresumestate=("u4", 0), insulinamount=("u2", 6)),
    16: _layout(
        BG=("u2", 2),
        cgmcalibration_raw=("u1", 1),
        bgentrytype_raw=("u1", 0),
        IOB=("f4", 4),
        targetBG=("u2", 10),
        ISF=("u2", 8),
    ),
    20: _layout(
        completionstatus_raw=("u2", 2),
        bolusid=("u2", 0),
        IOB=("f4", 4),
        insulindelivered=("f4", 8),
        insulinrequested=("f4", 12),
    ),
    26: _layout(alertid_raw=("u4", 0)),
    28: _layout(alarmid_raw=("u4", 0)),
    CGM_GXB: _DEXCOM,
    BASAL_DELIVERY: _layout(
        commandedRateSource_raw=("u2", 2),
        commandedRate=("u2", 6),
        profileBasalRate=("u2", 4),
        algorithmRate=("u2", 10),
        tempRate=("u2", 8),
    ),
    280: _layout(
        bolusID=("u2", 2),
        bolusDeliveryStatus_raw=("u1", 1),
        bolusType_raw=("u1", 0),
        bolusSource_raw=("u1", 7),
        requestedNow=("u2", 4),
        requestedLater=("u2", 10),
        correction=("u2", 8),
        deliveredTotal=("u2", 12),
    ),
    CGM_FSL2: _LIBRE,
    CGM_G7: _DEXCOM,
}
"""Payload fields by event id; the payload of every other id is carried as bytes only."""
