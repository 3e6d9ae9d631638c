"""The hash of the password leaves only where the configuration exposes that very column."""

import logging
from pathlib import Path
from typing import Any

import pytest

from export_assets.errors import UsageError
from export_assets_tests.systems.theprogram.theprogram_world import FORMATS, Project, read_records

CANARY = "$2b$12$CANARYcanaryCANARYcanary"


@pytest.fixture
def guarded(earlier: Project) -> Project:
    earlier.sql(f"update app_config set password_hash = '{CANARY}';")
    return earlier


def everything(root: Path) -> bytes:
    return b"\0".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


@pytest.mark.suite("security")
@pytest.mark.promise("no-secrets")
def test_the_hash_is_in_no_byte_of_what_is_written(
    guarded: Project, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    report = guarded.export(formats=FORMATS, computed=True, include=("location_cache",))
    guarded.export(tables=("app_config",), formats=FORMATS, output_dir=guarded.home / "out")

    for written in (everything(guarded.exports), everything(guarded.home / "out")):
        assert b"canary" not in written.lower()
        assert b"password_hash" not in written
    assert "canary" not in (caplog.text + repr(report)).lower()
    assert read_records(guarded.part("app_config", "json"), "json")[0]["has_password"] is True


def test_it_stays_without_the_default_redaction(guarded: Project) -> None:
    guarded.configure("redact_defaults: false\n")

    guarded.export(formats=FORMATS)

    assert b"canary" not in everything(guarded.exports).lower()


def test_a_column_of_another_case_stays_too(guarded: Project) -> None:
    guarded.configure("redact_defaults: false\n")
    guarded.sql("alter table app_config rename column password_hash to Password_HASH;")

    guarded.export(formats=FORMATS)

    assert b"canary" not in everything(guarded.exports).lower()
    assert read_records(guarded.part("app_config", "json"), "json")[0]["has_password"] is True


def test_exposing_the_column_by_name_exports_it(guarded: Project) -> None:
    guarded.configure("tables: {app_config: {expose: [password_hash]}}\n")

    report = guarded.export(tables=("app_config",), formats=("json",))

    (row,) = read_records(guarded.part("app_config", "json"), "json")
    assert row["password_hash"] == CANARY
    assert "has_password" not in row
    assert not report.warnings


@pytest.mark.parametrize(
    ("stored", "found"), [("null", False), ("''", False), ("x''", False), ("'x'", True)]
)
@pytest.mark.parametrize("generation", ["earlier", "later"])
def test_nothing_and_the_empty_text_are_no_password(
    generation: str,
    stored: str,
    found: object,
    request: pytest.FixtureRequest,
) -> None:
    project: Project = request.getfixturevalue(generation)
    project.sql(f"update app_config set password_hash = {stored};")

    project.export(tables=("app_config",), formats=("json",))

    assert read_records(project.part("app_config", "json"), "json")[0]["has_password"] is found


@pytest.mark.parametrize(
    "asked", [{"columns": ("password_hash",)}, {"where": {"password_hash": CANARY}}]
)
def test_it_can_be_neither_asked_for_nor_guessed(guarded: Project, asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="app_config: source has no column password_hash"):
        guarded.export(tables=("app_config",), output_dir=guarded.home / "out", **asked)

    assert not (guarded.home / "out").exists()


@pytest.mark.parametrize("generation", ["earlier", "later"])
def test_every_personal_column_was_decided_upon(
    generation: str, request: pytest.FixtureRequest
) -> None:
    project: Project = request.getfixturevalue(generation)
    project.configure(
        f"unclassified: refuse\noptions: {{generation: {'12'[generation == 'later']}}}\n"
    )

    report = project.export(formats=("csv",), include=("location_cache",), computed=True)

    assert report.exit_code == 0
    assert report.warnings == []
