"""The manifest's JSON form, its checksum, and what a changed one is worth."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.errors import IntegrityError
from export_assets.store.contents import ColumnRecord
from export_assets.store.manifest import (
    Counters,
    FileRecord,
    Manifest,
    decode_manifest,
    document_checksum,
    encode_manifest,
    json_schema,
    parse_manifest,
    read_manifest,
    seal_manifest,
)
from export_assets_tests.proof.plugin import Proven
from export_assets_tests.store.publishing import manifest_for

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "manifest.schema.json"
FILE = FileRecord(path="part-00000.csv", bytes=3, rows=1, sha256="ab" * 32)

texts = st.text(st.characters(codec="utf-8"), max_size=20)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    return msgspec.structs.replace(
        manifest_for((FILE,), run_id=draw(texts)),
        partition=draw(texts),
        columns=tuple(
            ColumnRecord(name=draw(texts), logical_type="text", physical_type="x", min=draw(texts))
            for _ in range(draw(st.integers(0, 3)))
        ),
        dialect=draw(st.dictionaries(texts, texts, max_size=4)),
        counters=Counters(quarantined=draw(st.dictionaries(texts, st.integers(0, 2**62)))),
        created_at=draw(st.datetimes(datetime(1, 1, 2), timezones=st.just(UTC))),  # noqa: DTZ001 - hypothesis wants naive bounds
    )


@settings(max_examples=60, deadline=None)
@given(manifests())
def test_what_is_encoded_is_decoded(manifest: Manifest) -> None:
    assert decode_manifest(encode_manifest(manifest)) == seal_manifest(manifest)


@settings(max_examples=60, deadline=None)
@given(manifests())
def test_the_checksum_is_what_the_format_says_in_plain_python(manifest: Manifest) -> None:
    document = json.loads(encode_manifest(manifest))

    claimed = document.pop("checksum")

    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == claimed


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("nothing-changed-silently")
def test_every_bit_flip_of_a_manifest_is_found(proven: Proven) -> None:
    data = encode_manifest(manifest_for((FILE,), run_id="r1"))
    missed = []

    for number in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[number // 8] ^= 1 << number % 8
        try:
            parse_manifest(bytes(flipped), Path("m"))
        except IntegrityError:
            continue
        missed.append(number)

    assert missed == []
    tried = 8 * len(data)
    proven(tried, "bits of a manifest, every one", f"{tried - len(missed)} found")


@pytest.mark.parametrize("cut", [0, 1, 10, -2])
def test_a_cut_manifest_is_an_integrity_error_that_names_the_file(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "_manifest.json"
    path.write_bytes(encode_manifest(manifest_for((FILE,), run_id="r1"))[:cut])

    with pytest.raises(IntegrityError, match=r"_manifest\.json: not a valid manifest"):
        read_manifest(path)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../b", "", "a//b", "a\\b", ".", "a\0b"])
def test_a_part_outside_the_partition_is_refused(path: str) -> None:
    document = json.loads(encode_manifest(manifest_for((FILE,), run_id="r1")))
    document["files"][0]["path"] = path
    document["checksum"] = document_checksum(document)

    with pytest.raises(IntegrityError, match="not a relative path inside the partition"):
        parse_manifest(json.dumps(document).encode(), Path("m"))


def changed(**fields: Any) -> bytes:
    document = json.loads(encode_manifest(manifest_for((FILE,), run_id="r1"))) | fields
    document["checksum"] = document_checksum(document)
    return json.dumps(document).encode()


def test_a_newer_format_is_refused_with_its_version() -> None:
    with pytest.raises(IntegrityError, match="format version 2; this program reads up to 1"):
        parse_manifest(changed(format_version=2), Path("m"))


def test_fields_of_later_programs_are_ignored_but_covered_by_the_checksum() -> None:
    data = changed(invented="later")

    assert decode_manifest(data).run_id == "r1"
    with pytest.raises(msgspec.ValidationError, match="checksum does not match"):
        decode_manifest(data.replace(b"later", b"Later"))


def test_a_field_of_the_wrong_type_is_named() -> None:
    with pytest.raises(IntegrityError, match=r"Expected `str`, got `int` - at `\$.table`"):
        parse_manifest(changed(table=5), Path("m"))


def test_the_published_schema_is_the_one_of_the_code() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == json_schema()


def test_a_manifest_satisfies_its_schema() -> None:
    document = json.loads(encode_manifest(manifest_for((FILE,), run_id="r1")))

    jsonschema.validate(document, json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "files": "none"}, json_schema())


def test_the_format_page_names_every_field() -> None:
    page = (SCHEMA.parents[1] / "on-disk-format.md").read_text(encoding="utf-8")

    for field in (*Manifest.__struct_fields__, *ColumnRecord.__struct_fields__):
        assert f"`{field}`" in page, field
