"""Every way a library says that something outside went wrong, and what we make of it."""

import errno
import json
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.errors import (
    DestConflict,
    DestLocked,
    DestPermission,
    ExportError,
    IntegrityError,
    InternalError,
    LimitReached,
    NoSpace,
    RemoteTransient,
    SourceBusy,
    SourceCorrupt,
    SourceMissing,
    UsageError,
)
from export_assets.translate import Side, mask_secrets, translate, translating, without_secrets

PROVOKE = Path(__file__).with_name("provoke_errors.py")

ERRNOS: list[tuple[int, type[ExportError], type[ExportError]]] = [
    (errno.ENOSPC, NoSpace, NoSpace),
    (errno.EDQUOT, NoSpace, NoSpace),
    (errno.EFBIG, NoSpace, NoSpace),
    (errno.EACCES, SourceMissing, DestPermission),
    (errno.EPERM, SourceMissing, DestPermission),
    (errno.EROFS, SourceMissing, DestPermission),
    (errno.ENOENT, SourceMissing, DestConflict),
    (errno.ENOTDIR, SourceMissing, DestPermission),
    (errno.EISDIR, SourceMissing, DestPermission),
    (errno.ELOOP, SourceMissing, DestPermission),
    (errno.ENAMETOOLONG, SourceMissing, DestPermission),
    (errno.EEXIST, SourceMissing, DestConflict),
    (errno.EIO, SourceCorrupt, IntegrityError),
    (errno.EAGAIN, SourceBusy, DestLocked),
    (errno.EMFILE, LimitReached, LimitReached),
    (errno.ENOMEM, LimitReached, LimitReached),
    (errno.ECONNREFUSED, RemoteTransient, RemoteTransient),
    (errno.ETIMEDOUT, RemoteTransient, RemoteTransient),
]

PROVOKED: dict[str, tuple[Side, type[ExportError]]] = {
    "file limit: polars parquet": ("destination", NoSpace),
    "file limit: polars parquet sink": ("destination", NoSpace),
    "file limit: polars csv": ("destination", NoSpace),
    "file limit: polars ndjson": ("destination", NoSpace),
    "file limit: pyarrow parquet": ("destination", NoSpace),
    "file limit: pyarrow csv": ("destination", NoSpace),
    "file limit: duckdb csv": ("destination", NoSpace),
    "file limit: duckdb parquet": ("destination", NoSpace),
    "file limit: duckdb database": ("destination", NoSpace),
    "file limit: sqlite": ("destination", NoSpace),
    "file limit: sqlite backup": ("destination", NoSpace),
    "file limit: python": ("destination", NoSpace),
    "disk full: polars parquet": ("destination", NoSpace),
    "disk full: polars csv": ("destination", NoSpace),
    "disk full: python": ("destination", NoSpace),
    "page limit: sqlite": ("destination", NoSpace),
    "directory missing: polars": ("destination", DestConflict),
    "missing: polars": ("source", SourceMissing),
    "missing: duckdb file": ("source", SourceMissing),
    "missing: duckdb database": ("source", SourceMissing),
    "missing: sqlite": ("source", SourceMissing),
    "missing: adbc": ("source", SourceMissing),
    "garbage: polars parquet": ("source", SourceCorrupt),
    "garbage: pyarrow parquet": ("source", SourceCorrupt),
    "garbage: duckdb parquet": ("source", SourceCorrupt),
    "garbage: duckdb database": ("source", SourceCorrupt),
    "garbage: sqlite": ("source", SourceCorrupt),
    "garbage: adbc": ("source", SourceCorrupt),
    "malformed: sqlite": ("source", SourceCorrupt),
    "malformed: adbc": ("source", SourceCorrupt),
    "corrupt: duckdb": ("source", SourceCorrupt),
    "locked: sqlite": ("source", SourceBusy),
    "locked: adbc": ("source", SourceBusy),
    "locked: duckdb": ("source", SourceBusy),
    "read-only: sqlite": ("destination", DestPermission),
    "panic: polars": ("destination", InternalError),
    "bug: python": ("destination", InternalError),
}


@pytest.fixture(scope="module")
def provoked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What a child process with a file-size limit made of every error it could provoke."""
    sides = json.dumps({name: side for name, (side, _) in PROVOKED.items()})
    done = subprocess.run(
        [sys.executable, str(PROVOKE), str(tmp_path_factory.mktemp("provoke")), sides],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, dict[str, str]] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("name", PROVOKED)
def test_a_real_error_of_a_library_has_its_class(
    provoked: dict[str, dict[str, str]], name: str
) -> None:
    result = provoked[name]

    assert result["class"] == PROVOKED[name][1].__name__, result
    assert result["message"].startswith("subject: ")
    assert "\n" not in result["message"]


def test_the_holder_of_a_duckdb_file_is_named(provoked: dict[str, dict[str, str]]) -> None:
    assert (
        f"(process {provoked['locked: duckdb']['holder']}, /"
        in provoked["locked: duckdb"]["message"]
    )


@pytest.mark.parametrize(("code", "source", "destination"), ERRNOS)
def test_each_errno_has_its_class_on_either_side(
    code: int, source: type[ExportError], destination: type[ExportError]
) -> None:
    error = OSError(code, "text", "/data/part")

    from_source = translate(error, subject="shop.db", side="source")
    from_destination = translate(error, subject="shop.db")

    assert (type(from_source), type(from_destination)) == (source, destination)
    assert str(from_destination).startswith("shop.db: ")
    assert str(from_destination).endswith(" (/data/part)")


@pytest.mark.parametrize(("code", "source", "destination"), ERRNOS)
@pytest.mark.parametrize("form", ["{text} (os error {code})", "[Errno {code}] {text}"])
def test_an_errno_that_is_only_in_the_text_counts_as_much(
    code: int, source: type[ExportError], destination: type[ExportError], form: str
) -> None:
    error = OSError(form.format(code=code, text="anything"))

    assert type(translate(error, subject="s", side="source")) is source
    assert type(translate(error, subject="s")) is destination


def foreign(
    module: str, name: str, text: str, base: type[BaseException] = Exception
) -> BaseException:
    kind: type[BaseException] = type(name, (base,), {"__module__": module})
    return kind(text)


RECORDED: list[tuple[BaseException, Side, type[ExportError]]] = [
    (foreign("sqlite3", "OperationalError", "disk I/O error"), "source", SourceCorrupt),
    (foreign("sqlite3", "OperationalError", "disk I/O error"), "destination", NoSpace),
    (foreign("sqlite3", "OperationalError", "database table is locked: t"), "source", SourceBusy),
    (
        foreign("adbc_driver_manager", "OperationalError", "IO: Failed: database is locked"),
        "source",
        SourceBusy,
    ),
    (
        foreign("_duckdb", "IOException", "IO Error: Async write failed for range [offset=4]: {}"),
        "destination",
        NoSpace,
    ),
    (
        foreign(
            "_duckdb",
            "IOException",
            'IO Error: {"exception_message":"Could not write file: x","errno":"28"}',
        ),
        "destination",
        NoSpace,
    ),
    (
        foreign("_duckdb", "IOException", 'Cannot open file "x": Permission denied'),
        "destination",
        DestPermission,
    ),
    (
        foreign("_duckdb", "OutOfMemoryException", "Out of Memory Error: failed to allocate"),
        "source",
        LimitReached,
    ),
    (foreign("pyo3_runtime", "PanicException", "boom", BaseException), "source", InternalError),
    (MemoryError(), "destination", LimitReached),
]


@pytest.mark.parametrize(("error", "side", "kind"), RECORDED)
def test_an_error_seen_elsewhere_has_its_class(
    error: BaseException, side: Side, kind: type[ExportError]
) -> None:
    assert type(translate(error, subject="s", side=side)) is kind


def test_what_nobody_knows_is_a_bug_of_ours_with_class_and_one_line() -> None:
    error = ValueError("first\n  second\tthird " + "x" * 500)

    told = translate(error, subject="shop/orders")

    assert type(told) is InternalError
    assert str(told).startswith("shop/orders: ValueError: first second third xxx")
    assert len(str(told)) < 350


def test_words_of_a_library_in_an_error_of_our_own_prove_nothing() -> None:
    assert type(translate(ValueError("database is locked"), subject="s")) is InternalError
    assert type(translate(KeyError("os error 28"), subject="s")) is InternalError


def test_an_error_of_ours_stays_as_it_is() -> None:
    error = UsageError("x: wrong")

    assert translate(error, subject="s") is error


def test_a_block_raises_ours_with_the_cause_kept() -> None:
    def fail() -> None:
        with translating("shop.db", side="source"):
            raise PermissionError(errno.EACCES, "denied")

    with pytest.raises(SourceMissing, match=r"shop\.db: permission denied") as caught:
        fail()

    assert isinstance(caught.value.__cause__, PermissionError)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_interrupts_pass_through_a_block(error: type[BaseException]) -> None:
    with pytest.raises(error), translating("s"):
        raise error


SECRETS = [
    "postgresql://me:CANARY@host/db",
    "mysql+pymysql://me:CAN@ARY@host:3306/db",
    "postgresql://me:CAN/ARY?x#y@host/db",
    "https://:CANARY@host/x",
    "connection to postgresql://me:CANARY@host/db failed: FATAL",
    "host=db user=me password=CANARY dbname=x",
    "password='CAN ARY' host=db",
    'PASSWORD="CANARY"',
    '{"secret_key": "CANARY"}',
    "s3://bucket?token=CANARY&region=eu",
    "api_key: CANARY",
    "'\ufeffAGE-SECRET-KEY-1CANARYQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L' and more",
    "age-secret-key-1canaryqpzry9x8: no such file".replace("canary", "CANARY"),
]


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_masked_in_subject_and_text(text: str) -> None:
    told = translate(ValueError(text), subject=text)

    assert "CAN" not in str(told)
    assert "ARY" not in str(told)
    assert "***" in str(told)


@settings(max_examples=60, deadline=None)
@given(st.from_regex(r"[A-Za-z0-9!$%^&*()_+=~;:,.?/@#-]{1,30}", fullmatch=True))
def test_no_password_survives_in_a_url(password: str) -> None:
    masked = mask_secrets(f"postgresql://me:{password}@host.example/db")

    assert masked == "postgresql://me:***@host.example/db"


@pytest.mark.parametrize(
    "text", ["sqlite:///data/shop.db", "postgresql://host:5432/db", "a: b@c", "user@host"]
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert mask_secrets(text) == text


def test_a_chain_that_quotes_a_secret_anywhere_says_the_rest_of_it() -> None:
    def raised(text: str, cause: BaseException | None) -> BaseException:
        try:
            raise RuntimeError(text) from cause  # noqa: TRY301 - for its traceback
        except RuntimeError as error:
            return error

    quoting = raised("cannot reach postgresql://me:CANARY@host/db", None)
    for error in (quoting, raised("above", quoting), raised("top", raised("above", quoting))):
        told = "".join(traceback.format_exception(without_secrets(error)))

        assert "CANARY" not in told
        assert "RuntimeError: cannot reach postgresql://me:***@host/db" in told
        assert told.count("in raised") == "".join(traceback.format_exception(error)).count(
            "in raised"
        )
    plain = raised("above", raised("nothing secret", None))
    assert without_secrets(plain) is plain


def test_notes_and_members_of_a_group_are_part_of_what_is_said() -> None:
    address = "postgresql://me:CANARY@host/db"
    noted = ValueError("no answer")
    noted.add_note(f"while reading {address}")
    both = ExceptionGroup("two failed", [ValueError("one"), ExceptionGroup("in", [noted])])

    for error in (noted, both):
        told = "".join(traceback.format_exception(without_secrets(error)))

        assert "CANARY" not in told
        assert "no answer; while reading postgresql://me:***@host/db" in told
