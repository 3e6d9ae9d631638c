"""Cutting a stream into records: what is a line, and what is passed without being held."""

import gzip
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.errors import SourceChanged
from export_assets.sources.logs.framing import Framer, Lines, Unread
from export_assets_tests.sources.logs.log_files import frame, opened

MIB = 1 << 20


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"a\nb\n", [b"a", b"b"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"a\rb\n", [b"a\rb"]),
        (b"a\xe2\x80\xa8b\x0cc\n", [b"a\xe2\x80\xa8b\x0cc"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", [b"a", b"\xef\xbb\xbfb"]),
        (b"\n\r\n\n", [b"", b"", b""]),
        (b"", []),
    ],
    ids=["lf", "crlf", "lone cr", "u+2028 and form feed", "bom", "blank", "empty"],
)
def test_only_line_feeds_part_lines(content: bytes, lines: list[bytes], tmp_path: Path) -> None:
    found, _ = frame(write(tmp_path / "x.log", content))

    assert [line for _, _, line in found] == lines


def test_a_byte_order_mark_counts_at_the_front_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", b"a\n\xef\xbb\xbfb\n")

    found, _ = frame(path, block=2)

    assert [line for _, _, line in found] == [b"a", b"\xef\xbb\xbfb"]


def test_a_line_that_is_cut_anywhere_stays_pending_until_it_is_whole(tmp_path: Path) -> None:
    content = b'{"a":1}\n{"b":"\xc3\xa9"}\r\n\n{"c":3}\n'
    path = tmp_path / "x.log"

    for cut in range(len(content) + 1):
        found, framer = frame(write(path, content[:cut]))

        whole = content[:cut].rfind(b"\n") + 1
        assert framer.offset == whole == sum(length for _, length, _ in found)
        assert framer.pending == cut - whole


def test_a_sealed_file_gives_out_its_last_line_without_terminator(tmp_path: Path) -> None:
    found, framer = frame(write(tmp_path / "x.log", b"a\nbc"), sealed=True)

    assert found == [(0, 2, b"a"), (2, 2, b"bc")]
    assert (framer.offset, framer.pending) == (4, 0)


def test_nul_bytes_before_a_line_are_one_record_and_the_line_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", b"a\n" + b"\0" * 700 + b"b\nc\0d\n")

    found, _ = frame(path, block=64)

    assert found == [(0, 2, b"a"), (2, 700, "nul_run"), (702, 2, b"b"), (704, 4, b"c\0d")]


def test_nul_bytes_at_the_end_wait_for_what_comes(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", b"a\n" + b"\0" * 700)

    found, framer = frame(path)

    assert found == [(0, 2, b"a")]
    assert (framer.offset, framer.pending) == (2, 700)


def test_gigabytes_of_nul_bytes_in_a_hole_are_passed_quickly(tmp_path: Path) -> None:
    path = tmp_path / "sparse.log"
    with path.open("wb") as file:
        file.write(b"a\n")
        file.seek(1 << 34)
        file.write(b"\0b\n")
    begin = time.perf_counter()

    found, framer = frame(path)

    assert found == [(0, 2, b"a"), (2, (1 << 34) - 1, "nul_run"), ((1 << 34) + 1, 2, b"b")]
    assert framer.offset == path.stat().st_size
    assert time.perf_counter() - begin < 5


def test_a_line_too_long_is_known_by_place_and_hash(tmp_path: Path) -> None:
    long = b"x" * 5_000 + b"\n"
    path = write(tmp_path / "x.log", b"a\n" + long + b"b\n")

    for block in (7, 100, 5_003, MIB):
        with opened(path) as stream:
            records = list(Framer(stream, max_line_bytes=1_000, block_bytes=block))

        (passed,) = [record for record in records if isinstance(record, Unread)]
        assert (passed.offset, passed.length, passed.reason) == (2, len(long), "too_long")
        assert passed.sha256 == hashlib.sha256(long).hexdigest()
        assert long.startswith(passed.head)
        text = b"".join(record.data for record in records if isinstance(record, Lines))
        assert text == b"a\nb\n"


PASS_A_LONG_LINE = """
import os, sys
from export_assets.sources.logs.framing import Framer
from export_assets.sources.logs.streams import open_stream
from export_assets_tests.peak_memory import peak_kilobytes
before = peak_kilobytes()
descriptor = os.open(sys.argv[1], os.O_RDONLY)
(record,) = Framer(open_stream(descriptor, end=os.fstat(descriptor).st_size))
print(record.length, peak_kilobytes() - before)
"""


def test_a_line_of_a_hundred_megabytes_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(b"x" * MIB)
        file.write(b"\n")

    shown = subprocess.run(
        [sys.executable, "-c", PASS_A_LONG_LINE, path], capture_output=True, check=True, text=True
    )

    length, kilobytes = map(int, shown.stdout.split())
    assert length == 100 * MIB + 1
    assert kilobytes < 100 * 1024


def test_a_file_cut_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", b"a\n" * 10)

    with opened(path, end=100) as stream, pytest.raises(SourceChanged, match="cut to 20 bytes"):
        list(Framer(stream))


def test_gzip_is_told_by_content_and_its_offsets_are_those_of_the_text(tmp_path: Path) -> None:
    text = b'{"n":%d}\n' * 1
    lines = b"".join(text % n for n in range(20_000))
    path = write(
        tmp_path / "x.log", gzip.compress(lines[:100_000]) + gzip.compress(lines[100_000:])
    )

    found, framer = frame(path, block=4_096)

    assert b"".join(line + b"\n" for _, _, line in found if isinstance(line, bytes)) == lines
    assert framer.offset == len(lines)


def test_gzip_is_read_on_from_an_offset_of_the_text(tmp_path: Path) -> None:
    path = write(tmp_path / "x.gz", gzip.compress(b"first\nsecond\n"))

    with opened(path, start=6) as stream:
        (lines,) = Framer(stream, offset=6)

    assert isinstance(lines, Lines)
    assert (lines.offset, lines.data) == (6, b"second\n")


@pytest.mark.parametrize("cut", [15, 200, 2_000, -1])
def test_a_truncated_gzip_gives_its_good_part_and_says_so(cut: int, tmp_path: Path) -> None:
    lines = b"".join(b'{"n":%d}\n' % (n * 7919) for n in range(2_000))
    path = write(tmp_path / "x.gz", gzip.compress(lines)[:cut])

    with opened(path) as stream:
        framer = Framer(stream)
        good = b"".join(record.data for record in framer if isinstance(record, Lines))

    assert lines.startswith(good)
    assert stream.damage is not None
    assert stream.damage.reason == "gzip_truncated"


def test_a_spoiled_gzip_is_told_from_a_truncated_one(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"".join(b"%d\n" % n for n in range(5_000))))
    packed[len(packed) // 2] ^= 0xFF
    path = write(tmp_path / "x.gz", bytes(packed))

    with opened(path) as stream:
        list(Framer(stream))

    assert stream.damage is not None
    assert stream.damage.reason == "gzip_corrupt"


pieces = st.lists(
    st.sampled_from(
        [b"\n", b"\r\n", b"\0", b"\0\0\0", b"a", b"{}", b"x" * 40, b"\xef\xbb\xbf", b"\r"]
    ),
    max_size=30,
).map(b"".join)


@settings(max_examples=60, deadline=None)
@given(content=pieces, block=st.integers(1, 50), sealed=st.booleans())
def test_records_do_not_depend_on_how_much_is_read_at_once(
    *, content: bytes, block: int, sealed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.mktemp("frame") / "x.log", content)

    whole, at_once = frame(path, longest=30, sealed=sealed)
    pieced, framer = frame(path, block=block, longest=30, sealed=sealed)

    assert pieced == whole
    assert (framer.offset, framer.pending) == (at_once.offset, at_once.pending)
    assert sum(length for _, length, _ in pieced) + framer.pending == len(content)
