"""A part of what is published or archived, so that a schedule reads all of it in several runs."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

SUBSET = "export_assets/read_data_subset"
"""Tag of a run of checks: `k/n`, the share that is read; everything without it."""

_SHARE = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
"""Anybody may tag a run: no digits of other scripts, and no more than are numbers."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """One of several parts."""

    part: int
    """From 1."""
    parts: int

    @property
    def tag(self) -> str:
        """The share as a tag's value."""
        return f"{self.part}/{self.parts}"

    def holds(self, *names: str) -> bool:
        """Whether what *names* name is of this share; it is of the same one every time."""
        text = "/".join(names).encode("utf-8", "surrogatepass")
        return zlib.crc32(text) % self.parts == self.part - 1


def share_of(tags: Mapping[str, str]) -> Share | None:
    """Return the share that the *tags* of a run name, None for everything."""
    found = _SHARE.fullmatch(tags.get(SUBSET, ""))
    if found is None:
        return None
    part, parts = int(found[1]), int(found[2])
    return Share(part=part, parts=parts) if 1 <= part <= parts else None


def next_share(instance: dg.DagsterInstance, job: str, *, parts: int) -> Share:
    """Return the share after the one that *job* read last.

    One that was cancelled, or is not read to its end, comes again. Where Dagster has forgotten,
    it begins anew.
    """
    for record in instance.get_run_records(dg.RunsFilter(job_name=job), limit=parts):
        run = record.dagster_run
        before = share_of(run.tags)
        if before is None or before.parts != parts:
            continue  # somebody read everything, or it was cut otherwise then
        read = run.status in {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}
        return Share(part=before.part % parts + 1, parts=parts) if read else before
    return Share(part=1, parts=parts)
