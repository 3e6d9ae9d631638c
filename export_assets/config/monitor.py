"""What a source's YAML says of following its changes."""

from pydantic import Field

from export_assets.config.base import Model
from export_assets.config.incremental import Seconds


class MonitorConfig(Model):
    """Whether and how often somebody looks for changes."""

    enabled: bool | None = None
    """`true`: Dagster's sensor is on from the start; `false`: nobody looks, and `watch` refuses;
    without it the sensor is there and waits to be switched on."""
    every: Seconds | None = Field(default=None)
    """Time between two looks: seconds, or `90s`, `5m`; 60 s for the sensor and 2 s for `watch`
    without it."""
    export: bool = True
    """Whether a change is exported; `false` only tells of it."""
    background: bool = True
    """Whether a program that follows the source itself exports beside its own work, in a thread."""
    verbose: bool = False
    """Whether looks that found nothing are told of, too."""
    reason: str = ""
    """Why nobody looks, for messages."""
