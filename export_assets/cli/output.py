"""What a command prints, and the boundary where everything raised becomes an exit code."""

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from export_assets.cli.signals import answer, raise_if_asked, was_asked
from export_assets.cli.text import printable, to_stderr
from export_assets.errors import ConfigError, ExportError, InternalError
from export_assets.translate import mask_secrets, translate

BROKEN_PIPE = 128 + 13
BUG = " (a bug of export-assets; please report it, with what -v shows)"


class Output:
    """Text for people on stdout, or one JSON document; problems always on stderr."""

    def __init__(self, *, json: bool = False, quiet: bool = False, verbose: bool = False) -> None:
        self.json = json
        self.quiet = quiet
        self.verbose = verbose
        self.one_line = False
        """Whether each JSON document is one line, of which there may be several."""

    @property
    def for_people(self) -> bool:
        """Whether stdout takes text rather than JSON or nothing."""
        return not (self.json or self.quiet)

    def line(self, text: str = "") -> None:
        """Print one line for people."""
        if self.for_people:
            print(printable(text))  # noqa: T201 - this is where the command line prints

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()
    ) -> None:
        """Print a table for people."""
        if self.for_people:
            from export_assets.cli.tables import print_table

            print_table(columns, rows, right=right)

    def document(self, document: Mapping[str, Any]) -> None:
        """Print the JSON document, where one was asked for.

        Raises:
            Terminated: A signal came; what it asked for goes first.
        """
        raise_if_asked()
        self._print(document)

    def _print(self, document: Mapping[str, Any]) -> None:
        if self.json:
            indent = None if self.one_line else 2
            text = json.dumps(document, ensure_ascii=False, indent=indent, default=_plain)
            # A name that is not UTF-8 holds lone surrogates, which JSON can only escape.
            data = text.encode("utf-8", "backslashreplace")
            sys.stdout.flush()
            sys.stdout.buffer.write(data + b"\n")
            sys.stdout.buffer.flush()

    def note(self, text: str) -> None:
        """Tell a person something beside the result."""
        if not self.quiet:
            to_stderr(text)

    def problem(self, text: str) -> None:
        """Say what is wrong, whatever else was asked for."""
        to_stderr(f"error: {text}")

    def detail(self, text: str) -> None:
        """Tell a person who asked for more."""
        if self.verbose:
            to_stderr(text)

    def guard(self, action: Callable[[], int]) -> int:
        """Return the exit code of *action*, whatever it raises."""
        try:
            code = action()
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_stdout()
            return BROKEN_PIPE
        except KeyboardInterrupt:
            return self._interrupted(answer())
        except BaseException as error:
            if isinstance(error, SystemExit | GeneratorExit):
                raise
            # A library may have made an error of its own of the exception.
            return self._interrupted(answer()) if was_asked() else self.failed(error)
        # All was done and told, yet whoever sent a signal waits for its exit code.
        return answer() if was_asked() else code

    def failed(self, error: BaseException) -> int:
        """Report *error*, one line for each thing that is wrong; return its exit code."""
        told = translate(error, subject="export-assets")
        if self.verbose and isinstance(told, InternalError):
            # Libraries quote the address they were given.
            told_whole = mask_secrets("".join(traceback.format_exception(error)))
            for line in told_whole.rstrip().splitlines():
                to_stderr(line)
        return self.refused(told)

    def refused(self, error: ExportError) -> int:
        """Report an error of ours; return its exit code."""
        hint = BUG if isinstance(error, InternalError) else ""
        text = str(error) or type(error).__name__
        # Only a configuration has several things wrong at once; in all else it is a name's own line
        # end, which must not begin a line that looks like ours.
        for line in text.splitlines() if isinstance(error, ConfigError) else [text]:
            to_stderr(f"error: {line}{hint}")
        try:
            self._print({"error": str(error), "exit_code": error.exit_code})
            sys.stdout.flush()
        except OSError:
            _discard_stdout()
        return error.exit_code

    def _interrupted(self, code: int) -> int:
        to_stderr("interrupted; what was not complete was removed")
        try:
            self._print({"error": "interrupted", "exit_code": code})
            sys.stdout.flush()
        except OSError:
            _discard_stdout()
        return code


def _discard_stdout() -> None:
    """Let nothing fail again when Python flushes stdout at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _plain(value: object) -> object:
    """Return what JSON can hold of paths and moments."""
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)
