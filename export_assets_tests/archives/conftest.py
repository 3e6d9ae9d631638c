"""A directory for the harnesses of archives."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")  # where it exists, as a file system that syncs at once


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: what kills leave behind needs no disk."""
    if not _MEMORY.is_dir():
        yield tmp_path
        return
    root = Path(tempfile.mkdtemp(prefix="archives-", dir=_MEMORY))
    yield root
    shutil.rmtree(root)
