"""How Dagster deletes published partitions that no `keep` rule keeps."""

from typing import Annotated

from pydantic import AfterValidator

from export_assets.config.base import Model
from export_assets.config.cron import check_cron


class PruneConfig(Model):
    """What Dagster's job `prune_<source>` may do, and when it does it by itself."""

    delete: bool = False
    """Whether it deletes what it planned; needs `allow_delete` in the project's settings, too.
    Otherwise it only says what no rule keeps."""
    schedule: Annotated[str, AfterValidator(check_cron)] | None = None
    """Cron line, in UTC, by which Dagster prunes; without it weekly, once it is switched on."""
