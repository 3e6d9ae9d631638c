"""How remarks count things."""


def counted(number: int, noun: str) -> str:
    """Return how many of a thing there are: `1 file`, `2,000 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
