"""Directories below a root that nothing leads out of, whatever they are called."""

import os
import re
import stat
from contextlib import ExitStack, suppress
from pathlib import Path

from export_assets.errors import DestConflict, UsageError
from export_assets.store.durable import make_directory
from export_assets.store.filesystem import DIRECTORY_FLAGS
from export_assets.store.staging import PRIVATE, SHARED
from export_assets.translate import translating

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHOWN = 80


def check_directory_name(name: str) -> str:
    """Return *name* where it can only be a directory's own name.

    Raises:
        UsageError: It is longer than 64 characters, or holds others than letters, digits, `.`,
            `_` and `-`, or begins with one of these.
    """
    if _NAME.fullmatch(name) is None:
        shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
        msg = f"name {shown!r}: up to 64 letters, digits, '.', '_' and '-', a letter or digit first"
        raise UsageError(msg)
    return name


def make_directory_below(root: Path, *names: str, private: bool = False) -> Path:
    """Return the directory `root/name/…`, made where it is missing; links are not followed.

    Raises:
        UsageError: One of *names* is no plain name.
        DestConflict: Something else is there under one of them, a link for example.
        DestPermission: It cannot be made.
    """
    path = root
    mode = (PRIVATE if private else SHARED).directory
    with translating(str(root)), ExitStack() as opened:
        make_directory(root)
        above = os.open(root, DIRECTORY_FLAGS & ~os.O_NOFOLLOW)
        opened.callback(os.close, above)
        for name in names:
            path = path / check_directory_name(name)
            with suppress(FileExistsError):
                os.mkdir(name, mode, dir_fd=above)
            if not stat.S_ISDIR(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
                msg = f"{path}: is no directory of its own; move it away"
                raise DestConflict(msg)
            above = os.open(name, DIRECTORY_FLAGS, dir_fd=above)
            opened.callback(os.close, above)
    return path
