"""Addresses of PostgreSQL, in every spelling, as libpq takes them."""

from pathlib import Path

import pytest

from export_assets.config.urls import parse_url
from export_assets.errors import UsageError
from export_assets.sources.postgres_url import Address, address_of


def address(text: str, busy_timeout: float = 30.0) -> Address:
    return address_of(parse_url(text, base=Path("/")), busy_timeout=busy_timeout)


@pytest.mark.parametrize(
    ("text", "before_parameters"),
    [
        ("postgresql://h/db", "postgresql://h/db"),
        ("postgres://h:5433/db", "postgresql://h:5433/db"),
        ("postgresql+psycopg://me@h/db", "postgresql://me@h/db"),
        ("postgresql+asyncpg://me:pw@h/db", "postgresql://me:pw@h/db"),
        ("postgresql://me:@h/db", "postgresql://me@h/db"),
        ("postgresql://me:p@ss:w/rd@h/db", "postgresql://me:p%40ss%3Aw%2Frd@h/db"),
        ("postgresql://me:p%40ss%3Aw%2Frd@h/db", "postgresql://me:p%40ss%3Aw%2Frd@h/db"),
        ("postgresql://me:p?s#s@h/db", "postgresql://me:p%3Fs%23s@h/db"),
        ("postgresql://me:50%@h/db", "postgresql://me:50%25@h/db"),
        ("postgresql://me:pw@[::1]:5432/db", "postgresql://me:pw@[::1]:5432/db"),
        ("postgresql://h1:5432,h2:5433/db?options=a@b", "postgresql://h1:5432,h2:5433/db"),
        ("postgresql://h:5432/db?user=me@x", "postgresql://h:5432/db"),
        ("postgresql:///db?host=/var/run", "postgresql:///db"),
    ],
)
def test_every_spelling_comes_to_the_same(text: str, before_parameters: str) -> None:
    assert address(text).uri.partition("?")[0] == before_parameters


def test_a_connection_that_hangs_is_given_up() -> None:
    assert "connect_timeout=10&" in address("postgresql://h/db", 9.5).uri
    assert "connect_timeout=2&" in address("postgresql://h/db", 0).uri
    assert "connect_timeout=7" in address("postgresql://h/db?connect_timeout=7").uri
    assert "connect_timeout=10" not in address("postgresql://h/db?connect_timeout=7", 10).uri


def test_words_of_other_drivers_are_understood() -> None:
    assert "sslmode=require" in address("postgresql+asyncpg://h/db?ssl=true").uri
    assert "sslmode=verify-full" in address("postgresql+asyncpg://h/db?ssl=verify-full").uri


def test_a_blank_in_a_parameter_stays_a_blank() -> None:
    uri = address("postgresql://h/db?options=-c%20statement_timeout%3D5min").uri

    assert uri.endswith("options=-c%20statement_timeout%3D5min")
    assert address("postgresql://h/db?options=-c+statement_timeout%3D5s").limits_statements
    assert not address("postgresql://h/db").limits_statements


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:k4n4ry%40@h/db",
        "postgresql://me@h/db?password=k4n4ry%40&sslpassword=k4n4ry",
    ],
)
def test_what_is_secret_is_in_no_text_for_people(text: str) -> None:
    found = address(text)

    assert "k4n4ry" in found.uri
    assert "k4n4ry" not in repr(found)
    assert found.masked('FATAL: k4n4ry@ is wrong, and so is "k4n4ry%40"') == (
        'FATAL: *** is wrong, and so is "***"'
    )


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1"])
def test_a_port_that_is_none_is_refused_without_the_password(port: str) -> None:
    with pytest.raises(UsageError, match="the port is no number") as told:
        address(f"postgresql://me:k4n4ry@h:{port}/db")

    assert "k4n4ry" not in str(told.value)
