"""Paths in configuration: refused where no file of that name can be."""

from pathlib import Path


def check_path(value: object) -> object:
    """Return *value* if it can be the text of a path; of anything else others judge.

    Raises:
        ValueError: It is empty, holds a NUL, or begins with the home of nobody here.
    """
    if value == "":
        # An empty path is the home itself, which nobody means.
        msg = "must not be empty"
        raise ValueError(msg)
    if not isinstance(value, str | Path):
        return value
    if "\0" in str(value):
        msg = "holds a NUL, as no path can"
        raise ValueError(msg)
    try:
        Path(value).expanduser()
    except RuntimeError as error:
        msg = "begins with ~ and nobody's name: there is no such user here"
        raise ValueError(msg) from error
    return value
