"""How messages of checks and sensors count things, and what descriptions begin with."""

import re

_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def counted(number: int, noun: str) -> str:
    """Return how many of a thing there are: `1 row`, `2 rows`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def agreed(number: int, noun: str, verb: str) -> str:
    """Return how many do something, *verb* as one does not say it of one: `1 row breaks`."""
    return f"{counted(number, noun)} {verb}{'s' if number == 1 else ''}"


def plain_summary(description: str) -> str:
    """Return *description* with a first line that needs no Markdown: the catalogue shows it raw."""
    first, newline, rest = description.partition("\n")
    return _CODE.sub(r"\1", first) + newline + rest
