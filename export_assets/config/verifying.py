"""When published files are read again and compared with their manifests."""

from typing import Annotated

from pydantic import AfterValidator, PositiveInt

from export_assets.config.base import Model
from export_assets.config.cron import check_cron


class VerifyConfig(Model):
    """What Dagster's job `verify_<source>` reads, and when it does it by itself."""

    schedule: Annotated[str, AfterValidator(check_cron)] | None = None
    """Cron line, in UTC, by which Dagster verifies; without it weekly, once it is switched on."""
    parts: PositiveInt = 4
    """Runs of the schedule in which every partition is read once, each a share of them."""
