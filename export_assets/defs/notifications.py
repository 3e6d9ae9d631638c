"""The sensors that tell people how runs ended; they exist only where somebody is to be told."""

import dagster as dg

from export_assets.config.notify import NotifyTarget
from export_assets.defs.run_news import news_of_failure, news_of_success
from export_assets.defs.switches import sensor_status
from export_assets.engine.notifying.notice import Notice
from export_assets.engine.notifying.notifier import Notifier

FAILURES = "export_assets_notifications"
RECOVERIES = "export_assets_recoveries"
SECONDS = 30


def build_notification_sensors(
    targets: tuple[NotifyTarget, ...], *, on: bool = True
) -> list[dg.SensorDefinition]:
    """Return the sensors that tell *targets*; none where nobody is to be told.

    Dagster keeps for each the last run it told of: one that failed while the daemon was down is
    told of later, and none twice.
    """
    notifier = Notifier(targets=targets)
    if not notifier.has_targets:
        return []

    @dg.run_failure_sensor(
        name=FAILURES,
        minimum_interval_seconds=SECONDS,
        default_status=sensor_status(on=on),
        description="Tells of runs that failed, and of the checks that failed in them.",
    )
    def failures(context: dg.RunFailureSensorContext) -> None:
        said = context.failure_event.message or ""
        notices = news_of_failure(context.instance, context.dagster_run, said)
        _tell(context, notifier, notices)

    wanted = {occasion for target in targets if target.is_active for occasion in target.on}
    if wanted <= {"failure"}:
        return [failures]

    @dg.run_status_sensor(
        name=RECOVERIES,
        run_status=dg.DagsterRunStatus.SUCCESS,
        minimum_interval_seconds=SECONDS,
        default_status=sensor_status(on=on),
        description="Tells of runs that went well after failures, and of checks that failed in "
        "them.",
    )
    def recoveries(context: dg.RunStatusSensorContext) -> None:
        _tell(context, notifier, news_of_success(context.instance, context.dagster_run))

    return [failures, recoveries]


def _tell(context: dg.RunStatusSensorContext, notifier: Notifier, notices: list[Notice]) -> None:
    for undelivered in notifier.tell(*notices):
        context.log.warning(str(undelivered))
