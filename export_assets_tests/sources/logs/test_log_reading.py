"""A file read record by record: where every byte went, and what is kept of what is refused."""

import base64
import gzip
import hashlib
from pathlib import Path

from export_assets.sources.logs.csv_judge import csv_fields, csv_judge
from export_assets.sources.logs.judge import Rejected
from export_assets.sources.logs.quarantine_rows import QUARANTINE, quarantine_frame
from export_assets.sources.logs.reading import LogFile, LogReader
from export_assets_tests.sources.logs.log_files import opened, read

LONG = b'{"x":"' + b"y" * 6_000 + b'"}\n'


def test_what_is_refused_is_kept_with_place_hash_and_beginning(tmp_path: Path) -> None:
    bad = b'{"a":"' + b"z" * 5_000 + b"\r\n"
    path = tmp_path / "x.log"
    path.write_bytes(b'{"a":1}\n\n' + bad + b"\0" * 300 + b'{"a":2}\n' + LONG + b'{"a":')

    records, quarantined, account = read(path, longest=5_500)

    assert records == [{"a": 1}, {"a": 2}]
    places = [(one.offset, one.length, one.line, one.reason) for one in quarantined]
    end = 9 + len(bad)
    assert places == [
        (9, len(bad), 3, "malformed"),
        (end, 300, 4, "nul_run"),
        (end + 308, len(LONG), 5, "too_long"),
    ]
    row = quarantine_frame(quarantined).row(0, named=True)
    assert row["sha256"] == hashlib.sha256(bad).hexdigest()
    assert base64.b64decode(row["content_base64"]) == bad[:4096]
    assert (account.blank, account.blank_bytes, account.pending_bytes) == (1, 1, 5)
    assert account.bytes_seen == path.stat().st_size


def test_the_quarantine_is_a_table_even_when_nothing_is_in_it() -> None:
    assert quarantine_frame([]).schema == QUARANTINE.polars


def test_a_record_refused_by_its_reader_counts_as_quarantined(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"a":1}\r\n{"a":2}\n{"a":3}'
    path = tmp_path / "x.log"
    path.write_bytes(content)

    with opened(path) as stream:
        reader = LogReader(stream, LogFile(name="x"), sealed=True)
        for batch in reader:
            reader.refuse(
                batch, [Rejected(index=i, reason="time", detail="") for i in range(len(batch))]
            )

    lines = content.splitlines(keepends=True)
    assert [one.sha256 for one in reader.take_quarantine()] == [
        hashlib.sha256(line).hexdigest() for line in lines
    ]
    assert (reader.account.exported, reader.account.exported_bytes) == (0, 0)
    assert reader.account.bytes_seen == len(content)


def test_line_numbers_and_offsets_go_on_where_the_last_range_ended(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b'{"a":1}\n{"a":2}\n{"a":3}\n')
    places = []

    with opened(path, end=12) as stream:
        first = LogReader(stream, LogFile(name="x"))
        places += [(batch.numbers.tolist(), batch.offsets.tolist()) for batch in first]
    with opened(path, start=first.end) as stream:
        second = LogReader(stream, LogFile(name="x"), offset=first.end, line=first.next_line)
        places += [(batch.numbers.tolist(), batch.offsets.tolist()) for batch in second]

    assert places == [([1], [0]), ([2, 3], [8, 16])]


def test_damage_of_a_gzip_is_in_the_quarantine(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(b'{"n":%d}\n' % (n * 7919) for n in range(2_000)))
    path = tmp_path / "x.gz"
    path.write_bytes(packed[: len(packed) // 2])

    records, quarantined, account = read(path)

    assert 0 < len(records) < 2_000
    assert [(one.reason, one.length) for one in quarantined] == [("gzip_truncated", 0)]
    assert account.exported == len(records)


def test_csv_is_judged_by_the_header(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(
        b'a,b\r\n1,"x, ""y"""\r\na,b\r\n1\r\n1,2,3\r\n\r\n"1,2\r\n1,"2"3\r\n\xff,1\r\n1,\0\r\n,\r\n'
    )

    records, quarantined, account = read(path, judge=csv_judge(["a", "b"]))

    assert records == [["1", 'x, "y"'], ["", ""]]
    assert [one.reason for one in quarantined] == [
        "columns",
        "columns",
        "malformed",
        "malformed",
        "bad_utf8",
        "nul",
    ]
    assert account.blank == 3
    assert account.bytes_seen == path.stat().st_size


def test_fields_of_a_line_that_is_no_csv_are_none() -> None:
    assert csv_fields(b'a,"b') is None
    assert csv_fields(b"a;b", delimiter=";") == ["a", "b"]
