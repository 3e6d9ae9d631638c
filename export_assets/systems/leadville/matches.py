"""The matches that the configuration names, as stretches of time."""

from datetime import UTC, date, datetime, timedelta

from export_assets.config.models import SourceConfig
from export_assets.systems.leadville.statistics_tables import Matches


def matches_of(config: SourceConfig) -> Matches:
    """Return begin and end of every match that has days; others are told by their logs alone."""
    return {
        name: (_midnight(match.start), _midnight(match.end or match.start) + timedelta(days=1))
        for name, match in config.log.matches.items()
        if match.start is not None
    }


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
