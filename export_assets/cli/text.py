"""Text that is safe to print: no name found in a database may move a terminal's cursor."""

import sys


def printable(text: str) -> str:
    """Return *text* on one line, everything that is no printable character spelt out."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def to_stderr(text: str) -> None:
    """Write one line to stderr; nobody listening there is no reason to fail."""
    try:
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return
