"""What a file is that is no regular one, in words."""

import stat


def kind_of(mode: int) -> str:
    """Return what kind of file has the mode *mode*."""
    for test, kind in (
        (stat.S_ISFIFO, "named pipe"),
        (stat.S_ISDIR, "directory"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISCHR, "device"),
        (stat.S_ISBLK, "device"),
    ):
        if test(mode):
            return kind
    return "no regular file"
