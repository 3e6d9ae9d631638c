import pytest

from export_assets.formats.json_values import decode_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1e400, -1e400]", ["1e400", "-1e400"]),
        ("0.1", 0.1),
        ("1e5", 1e5),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ('{"a": null, "b": [true, "1e400"]}', {"a": None, "b": [True, "1e400"]}),
    ],
)
def test_numbers_that_no_float_holds_stay_text(text: str, value: object) -> None:
    assert decode_json(text.encode()) == value


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="malformed"):
        decode_json(b"[NaN]")
