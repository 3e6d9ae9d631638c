"""Values of secret keys become null inside logged objects, however the key is written."""

import json

import polars as pl
import pytest

from export_assets.config.models import SourceConfig
from export_assets.engine.logs.redacting import KeyRedactor

PLAIN = '{"type": "String", "details": "a token of love", "n": [1, {"password": null}]}'


def redactor(**keys: object) -> KeyRedactor:
    config = SourceConfig.model_validate(
        {"source": "range", "kind": "event_log", "url": "/logs", **keys}
    )
    return KeyRedactor(config, "events")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"password": "s3cret"}', id="as it is"),
        pytest.param('{"a": [{"DB_Password_2" : "s3cret"}]}', id="inside, with more around it"),
        pytest.param('{"pa\\u0073\\u0073word": "s3cret"}', id="with escapes"),
        pytest.param('{"Pa\u017f\u017fword": "s3cret"}', id="with letters that fold"),
        pytest.param('{"api key": "s3cret"}', id="with a blank"),
    ],
)
def test_values_of_secret_keys_become_null(text: str) -> None:
    hides = redactor()

    found = hides.texts(pl.Series("raw", [PLAIN, text, None, PLAIN]))

    assert found[0] == found[3] == PLAIN
    assert found[2] is None
    assert "s3cret" not in found[1]
    assert json.loads(found[1]).keys() == json.loads(text).keys()
    assert hides.hides


@pytest.mark.parametrize("name", ["pin*", "*p?n", "pin", "*", "[op]in", "p[!a-h]n", "[p]?[n]"])
def test_keys_are_hidden_by_the_globs_of_the_source(name: str) -> None:
    found = redactor(redact=[name]).texts(pl.Series("raw", ['{"pin": "1234"}', '{"sum": 5}']))

    assert found.to_list() == ['{"pin":null}', '{"sum":null}' if name == "*" else '{"sum": 5}']


def test_keys_of_other_scripts_are_found_when_they_are_written_with_escapes() -> None:
    text = json.dumps({"пароль": "s3cret", "имя": "x"})

    found = redactor(redact=["пароль"]).texts(pl.Series("raw", [text]))

    assert json.loads(found[0]) == {"пароль": None, "имя": "x"}


def test_a_column_of_a_table_is_hidden_by_its_exact_name() -> None:
    hides = redactor(tables={"events": {"redact": ["pin[0]"]}})

    found = hides.texts(pl.Series("raw", ['{"pin[0]": "1234", "pin0": 5}']))

    assert found.to_list() == ['{"pin[0]":null,"pin0":5}']


def test_texts_without_secret_keys_stay_as_they_are() -> None:
    hides, texts = redactor(), pl.Series("raw", [PLAIN, '{"details": "my password: x"}', None])

    assert hides.texts(texts).to_list() == texts.to_list()
    assert not hides.hides
