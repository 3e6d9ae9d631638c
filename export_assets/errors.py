"""Every error this package raises on purpose, grouped by what to do next.

    ExportError
    ├── UsageError               exit 2   the request is wrong
    │   └── ConfigError          exit 2   the YAML or the environment is wrong
    ├── SourceError
    │   ├── SourceMissing        exit 10  nothing there, or not permitted
    │   ├── SourceBusy           exit 11  held by another process; a retry may help
    │   ├── SourceCorrupt        exit 12  not a database, truncated, damaged
    │   └── SourceChanged        exit 13  it changed while it had to stand still; a retry may help
    ├── DestinationError
    │   ├── DestPermission       exit 20  not writable
    │   ├── NoSpace              exit 21  disk, quota or file-size limit reached
    │   ├── DestLocked           exit 22  another run holds the partition; a retry may help
    │   └── DestConflict         exit 23  somebody else published meanwhile, or the file exists
    ├── IntegrityError           exit 24  a file is not what its manifest says
    ├── ContractViolation        exit 30  rows break the table's contract; nothing was published
    ├── WrongKey                 exit 40  the key does not open it
    ├── Tampered                 exit 41  the ciphertext was changed
    ├── UnsafeArchive            exit 50  an archive that must not be unpacked
    ├── RemoteTransient          exit 60  a remote store failed; retry later
    ├── RemotePermanent          exit 61  a remote store refused
    ├── LimitReached             exit 70  out of open files or of memory; a retry may help
    └── InternalError            exit 70  a bug of ours

Exit 3 (done with warnings) and 4 (partial) are verdicts over a whole command, not exceptions:
see `export_assets.engine.report`. A command ended by signal N exits 128+N.
"""

from collections.abc import Collection
from typing import ClassVar, Final

EXIT_WARNINGS: Final = 3
EXIT_PARTIAL: Final = 4


class ExportError(Exception):
    """Base of every error raised on purpose: one line for people, an exit code, a retry hint."""

    exit_code: ClassVar[int] = 70
    retriable: ClassVar[bool] = False


class UsageError(ExportError):
    """The request names something that does not exist or cannot be."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file or environment variable is wrong."""


class SourceError(ExportError):
    """Something about the place the rows come from."""


class SourceMissing(SourceError):
    """The source does not exist or may not be read."""

    exit_code = 10


class SourceBusy(SourceError):
    """The source is held by somebody else for longer than the timeout."""

    exit_code = 11
    retriable = True


class SourceCorrupt(SourceError):
    """The source is not a database, or is damaged."""

    exit_code = 12


class SourceChanged(SourceError):
    """The source changed during a read that needs it to stand still."""

    exit_code = 13
    retriable = True


class DestinationError(ExportError):
    """Something about the place the files go to."""


class DestPermission(DestinationError):
    """The destination cannot be written."""

    exit_code = 20


class NoSpace(DestinationError):
    """The disk, the quota or a file-size limit is exhausted."""

    exit_code = 21
    retriable = True


class DestLocked(DestinationError):
    """Another run is publishing the same partition."""

    exit_code = 22
    retriable = True


class DestConflict(DestinationError):
    """The destination is not in the state this run was planned for."""

    exit_code = 23


class IntegrityError(ExportError):
    """Content does not match what was recorded or promised about it."""

    exit_code = 24


class ContractViolation(ExportError):
    """Rows break the contract of their table."""

    exit_code = 30


class WrongKey(ExportError):
    """The key given does not open the content."""

    exit_code = 40


class Tampered(ExportError):
    """Encrypted content was changed after it was written."""

    exit_code = 41


class UnsafeArchive(ExportError):
    """An archive holds members that must not be unpacked."""

    exit_code = 50


class RemoteTransient(ExportError):
    """A remote store failed in a way that may pass."""

    exit_code = 60
    retriable = True


class RemotePermanent(ExportError):
    """A remote store refused for good."""

    exit_code = 61


class LimitReached(ExportError):
    """The process, or the machine, may not open more files, or has no memory left."""

    exit_code = 70
    retriable = True


class InternalError(ExportError):
    """A bug of this package."""

    exit_code = 70


def class_of(exit_code: int) -> type[ExportError]:
    """Return the class of errors that ends a command with *exit_code*; a bug where there is none.

    For what was noted as an exit code and a line, and is to be raised after all.
    """
    kinds: list[type[ExportError]] = [ExportError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        if kind is not ExportError and kind.exit_code == exit_code:
            return kind
    return InternalError


def code_of_failures(codes: Collection[int], *, alone: bool = True) -> int:
    """Return the one exit code of failures that are alike; partial where anything else is as well.

    Args:
        codes: Their exit codes, one at least.
        alone: Whether nothing went well beside them.
    """
    first, *others = set(codes)
    return EXIT_PARTIAL if others or not alone else first
