"""How a directory of state files is read: `kind: state_files` and the key `states` of a source.

source: weights
kind: state_files
system: weights
url: /var/lib/weights/states
states: {max_file_bytes: 1048576}
"""

from pydantic import Field, PositiveInt

from export_assets.config.base import Model

MEBIBYTE = 1_048_576


class StatesConfig(Model):
    """What is read of state files, and what is too much."""

    max_file_bytes: PositiveInt = 16 * MEBIBYTE
    """Longest file that is read; a longer one is quarantined by its name and size."""
    quarantine_max: float | None = Field(default=None, ge=0, le=1)
    """Share of the files that may be unreadable; where more are, nothing is published."""
