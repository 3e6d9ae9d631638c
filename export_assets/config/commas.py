"""Names and values given in one text, separated by commas."""

import re

_VALUE = re.compile(r'\s*"(?P<quoted>(?:[^"]|"")*)"\s*(?=,|\Z)|(?P<plain>[^,]*)')


def separated(text: str) -> list[str]:
    """Return the values in *text*, of which those that hold a comma stand in double quotes.

    A double quote within quotes is written twice; line breaks are part of a value, as all else.
    """
    found, at = list[str](), 0
    while match := _VALUE.match(text, at):
        quoted = match["quoted"]
        found.append(match["plain"] if quoted is None else quoted.replace('""', '"'))
        at = match.end() + 1
        if at > len(text):
            break
    return found
