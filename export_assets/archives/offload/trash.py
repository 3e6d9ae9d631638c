"""The trash of a source directory: `.trash/<archive>/<path>`."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def files_below(trash: Path) -> Iterator[str]:
    """Yield the relative paths of everything below *trash* that is no directory."""
    for here, _, names in os.walk(trash):
        for name in names:
            yield (Path(here) / name).relative_to(trash).as_posix()


def remove_empty(trash: Path, archive: str) -> None:
    """Remove the empty directories of *archive* in *trash*, and *trash* itself if it is empty."""
    places = [Path(here) for here, _, _ in os.walk(trash / archive, topdown=False)]
    for place in (*places, trash):
        with suppress(OSError):
            place.rmdir()
