"""Reading a partition as one generation, whatever is published meanwhile."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from export_assets.errors import IntegrityError
from export_assets.store.filesystem import open_directory
from export_assets.store.manifest import MANIFEST_NAME, Manifest, parse_manifest

_ATTEMPTS = 100


@dataclass(frozen=True, kw_only=True)
class PartitionView:
    """One generation of a partition, all of it open."""

    manifest: Manifest
    files: Mapping[str, BinaryIO]
    """Open parts by the manifest's path; they stay readable when the partition is replaced."""


@contextmanager
def open_partition(path: Path) -> Iterator[PartitionView]:
    """Open the manifest and every part of the partition at *path* as one generation.

    Raises:
        FileNotFoundError: There is no such partition.
        IntegrityError: Its manifest is damaged, or a part it lists is missing.
    """
    for _ in range(_ATTEMPTS):
        with ExitStack() as stack:
            dir_fd = open_directory(path)
            stack.callback(os.close, dir_fd)
            try:
                view = _open_all(dir_fd, path, stack)
            except FileNotFoundError as error:
                if not _was_replaced(dir_fd, path):
                    if error.filename == MANIFEST_NAME:
                        raise
                    msg = f"{path}: {error.filename} is listed in the manifest but missing"
                    raise IntegrityError(msg) from error
                continue
            yield view
            return
    msg = f"{path}: replaced {_ATTEMPTS} times while it was opened"
    raise IntegrityError(msg)


def _open_all(dir_fd: int, path: Path, stack: ExitStack) -> PartitionView:
    with _open_below(dir_fd, MANIFEST_NAME) as file:
        manifest = parse_manifest(file.read(), path / MANIFEST_NAME)
    files = {
        record.path: stack.enter_context(_open_below(dir_fd, record.path))
        for record in manifest.files
    }
    return PartitionView(manifest=manifest, files=files)


def _open_below(dir_fd: int, name: str) -> BinaryIO:
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    return os.fdopen(fd, "rb")


def _was_replaced(dir_fd: int, path: Path) -> bool:
    try:
        return not os.path.samestat(os.fstat(dir_fd), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return True
