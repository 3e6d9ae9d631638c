"""Damage of a compressed log that lies beyond all that can be read of it: a record of its own.

Where there is something new to read, its segment tells of the damage after it. Where there is not,
as in a log that is spoilt from its beginning, a segment without a byte does.
"""

import hashlib
import os

import polars as pl

from export_assets.engine.ingest.look import Look
from export_assets.engine.ingest.publish import Target, publish_rows
from export_assets.engine.ingest.segments import DAMAGE
from export_assets.sources.logs.quarantine import Quarantined
from export_assets.store.manifest import Manifest, SegmentRecord
from export_assets.tables.schema import Column, LogicalType, TableSchema

_NOTHING = TableSchema(name="damage", columns=(Column(name="nothing", logical=LogicalType.TEXT),))
_CHUNK = 1 << 20


def tells_damage(look: Look) -> bool:
    """Whether a log is damaged for good and no segment was made, or will be, that says so."""
    told = look.is_new or (look.base is not None and look.base.sealed)
    return look.survey.damage is not None and look.sealed and not told


def damage_identity(look: Look) -> tuple[str, str]:
    """Return the identity of the record, and the fingerprint of the file as it is on disk."""
    digest = hashlib.sha256()
    for at in range(0, look.size, _CHUNK):
        digest.update(os.pread(look.descriptor, min(_CHUNK, look.size - at), at))
    prefix = f"{DAMAGE}{digest.hexdigest()}"
    return hashlib.sha256(prefix.encode("ascii")).hexdigest()[:32], prefix


def publish_damage(
    look: Look, identity: str, prefix: str, *, target: Target, version: str
) -> Manifest:
    """Publish the record of what cannot be read of *look*.

    Raises:
        DestinationError: The disk refused.
    """
    damage, line = look.survey.damage, look.base.next_line if look.base else 1
    refused = Quarantined(
        file=look.name,
        identity=identity,
        offset=look.survey.length,
        length=0,
        line=line,
        sha256=None,
        reason=damage.reason if damage else "damaged",
        detail=damage.detail if damage else "",
        head=b"",
    )
    record = SegmentRecord(
        identity=identity,
        file=look.name,
        start=0,
        end=0,
        sha256=hashlib.sha256(b"").hexdigest(),
        prefix=prefix,
        first_line=line,
        next_line=line,
        exported_bytes=0,
        quarantined_bytes=0,
        blank_bytes=0,
        pending_bytes=0,
        sealed=True,
    )
    nothing = pl.DataFrame(schema=_NOTHING.polars)
    return publish_rows(
        record,
        nothing,
        [refused],
        schema=_NOTHING,
        target=target,
        snapshot=prefix,
        version=version,
    )
