"""Copying database files in a child process, whose locks and descriptors are its own."""

import errno
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import copyfile

from export_assets import errors
from export_assets.sources.files import check_space, no_space

_ROOT = Path(__file__).parents[2]
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# No site directory and no user settings: the child needs the standard library and this package.
_START = "import sys; sys.path.append(sys.argv[1]); from {module} import main; main(sys.argv[2])"


def copy_sqlite(name: str, path: Path, target: Path, *, busy_timeout: float) -> bool:
    """Copy one moment of the SQLite database at *path*; see `sqlite_copy.copy_moment`.

    Returns:
        Whether it was done. False means that the copy does not fit and that the database is in
        WAL mode, so that reading it in place would not block its writers.

    Raises:
        NoSpace: The copy does not fit and reading in place would block writers.
    """
    answer = _run(
        {
            "name": name,
            "sqlite": str(path),
            "target": str(target),
            "busy_timeout": busy_timeout,
        }
    )
    if answer.get("error") == "NoSpace" and answer.get("wal"):
        return False
    _raise(answer)
    return True


def copy_plain(name: str, pairs: Sequence[tuple[Path, Path]]) -> None:
    """Copy files byte for byte.

    Raises:
        SourceMissing: A file may not be read.
        NoSpace: The copy did not fit.
    """
    _raise(_run({"name": name, "pairs": [[str(one), str(other)] for one, other in pairs]}))


def main(request: str) -> None:
    """Serve one *request* of the functions above, and answer on standard output."""
    print(json.dumps(_serve(json.loads(request))))  # noqa: T201 - the answer is the output


def _run(request: Mapping[str, object]) -> Mapping[str, object]:
    import subprocess  # not for the child, which starts faster without it

    start = _START.format(module=__name__)
    command = [sys.executable, "-I", "-S", "-c", start, str(_ROOT), json.dumps(request)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own interpreter and module
    try:
        answer: Mapping[str, object] = json.loads(done.stdout)
    except ValueError as error:
        last = " ".join(done.stderr.split())[-500:] or f"exit {done.returncode}"
        msg = f"{request['name']}: the copying process failed: {last}"
        raise errors.InternalError(msg) from error
    return answer


def _raise(answer: Mapping[str, object]) -> None:
    if "error" in answer:
        kind: type[errors.ExportError] = getattr(errors, str(answer["error"]))
        raise kind(answer["message"])


def _serve(request: Mapping[str, object]) -> dict[str, object]:
    name = str(request["name"])
    wal = False
    try:
        if "sqlite" in request:
            from export_assets.sources.sqlite_copy import copy_moment, is_wal
            from export_assets.sources.sqlite_open import database_files

            path, target = Path(str(request["sqlite"])), Path(str(request["target"]))
            wal = is_wal(path)
            check_space(name, database_files(path), target.parent)
            copy_moment(name, path, target, busy_timeout=float(str(request["busy_timeout"])))
        pairs = request.get("pairs")
        for one, other in pairs if isinstance(pairs, list) else ():
            path, target = Path(one), Path(other)
            copyfile(path, target)
    except errors.ExportError as error:
        return {"error": type(error).__name__, "message": str(error), "wal": wal}
    except OSError as error:
        found = no_space(name, target) if error.errno in _FULL else _unreadable(name, path, error)
        return {"error": type(found).__name__, "message": str(found), "wal": wal}
    return {}


def _unreadable(name: str, path: Path, error: OSError) -> errors.ExportError:
    what = "permission denied" if isinstance(error, PermissionError) else error.strerror
    return errors.SourceMissing(f"{name}: {what}: {path}")
