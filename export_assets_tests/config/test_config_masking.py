"""Text for people holds no secret."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.config.masking import is_secret_name, masked, masked_url

SAFE = "abcXYZ019._~-"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:p@h/db", "postgresql://u:***@h/db"),
        ("postgresql+psycopg://u:p%40/w@h:5432/db", "postgresql+psycopg://u:***@h:5432/db"),
        ("postgresql://u:p@ss/w?rd@h/db", "postgresql://u:***@h/db"),
        ("mysql://:p@h/db", "mysql://:***@h/db"),
        (
            "cannot reach 'postgresql://u:p@h/db' today",
            "cannot reach 'postgresql://u:***@h/db' today",
        ),
        ("https://h/x?api_key=1&page=2&Token=3", "https://h/x?api_key=***&page=2&Token=***"),
        ("postgresql://h/db?sslpassword=x#y", "postgresql://h/db?sslpassword=***#y"),
        ("host=h password=x dbname=d", "host=h password=*** dbname=d"),
        ("s3://b/k?X-Amz-Signature=abc&x=1", "s3://b/k?X-Amz-Signature=***&x=1"),
    ],
)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////data/a:b@c.db",
        "postgresql://u@h:5432/db",
        "postgresql://h:5432/db",
        "data/shop.db",
        "https://h/x?page=2&keyboard=qwerty",
        "mail me@example.org at 10:30",
    ],
)
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(SAFE, min_size=1))
def test_no_password_comes_through(password: str, user: str) -> None:
    secret = f"pw{password}"

    assert masked_url(f"postgresql://{user}:{secret}@host/db") == f"postgresql://{user}:***@host/db"


@pytest.mark.parametrize(
    "name",
    ["password", "Password_Hash", "my_secret", "TOKEN", "x_api_key", "apiKey", "APIKEY", "API-Key"],
)
def test_secret_names_are_known_whatever_their_case(name: str) -> None:
    assert is_secret_name(name)
    assert not is_secret_name("name")
