"""Cron lines as Dagster takes them."""


def five_fields(cron: str) -> str:
    """Return a cron line for one of the names that stand for some."""
    names = {
        "@hourly": "0 * * * *",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *",
        "@yearly": "0 0 1 1 *",
    }
    return names.get(cron, cron)
