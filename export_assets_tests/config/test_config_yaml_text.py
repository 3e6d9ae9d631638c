"""YAML without its surprises."""

from pathlib import Path

import pytest

from export_assets.config.yaml_text import parse_yaml, read_yaml
from export_assets.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("12:30", "12:30"),
        ("0123", "0123"),
        ("-7", -7),
        ("1e3", 1000.0),
        ("1.50", 1.5),
        (".5", 0.5),
        ("2024-01-01", "2024-01-01"),
        ("~", None),
        ("", None),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("'12'", "12"),
    ],
)
def test_scalars_mean_what_people_read(text: str, value: object) -> None:
    assert parse_yaml(f"key: {text}", shown="x") == {"key": value}


def test_keys_are_always_text() -> None:
    assert parse_yaml("{no: 1, 12: 2, null: 3, 2024-01-01: 4}", shown="x") == {
        "no": 1,
        "12": 2,
        "null": 3,
        "2024-01-01": 4,
    }


def test_merge_keys_and_anchors_work() -> None:
    text = "base: &b {formats: [csv], keep: 1}\norders: {<<: *b, keep: 2}\nagain: {<<: *b}\n"

    value = parse_yaml(text, shown="x")

    assert value == {
        "base": {"formats": ["csv"], "keep": 1},
        "orders": {"formats": ["csv"], "keep": 2},
        "again": {"formats": ["csv"], "keep": 1},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "x: line 3, column 1: key 'a' is already given in line 1"),
        ("t: {o: {}, o: {}}", "x: line 1, column 12: key 'o' is already given in line 1"),
        ("a: [1, 2\n", "x: line 2, column 1: "),
        ("a:\n\tb: 1", "x: line 2, column 1: "),
        ("a: {b: ${C}}", "within braces or brackets write '${NAME}' in quotes"),
        ("a: !!python/object:os.system x", "x: line 1, column 4: tag !!python/object:os.system is"),
        ("a: !!binary aGk=", "x: line 1, column 4: tag !!binary is not accepted"),
        ("? [a]\n: 1", "x: line 1, column 3: a key must be a single word or text"),
        ("a: &x [*x]", "aliases make this too large or endless"),
        ("a: *nowhere", "undefined alias"),
        ("--- 1\n--- 2\n", "expected a single document"),
        ("a: " + "[" * 100, "nested too deeply"),
        ("a: " + "{a: " * 20_000, "nested too deeply"),
        ("a: \x01", "not YAML"),
        ("a: " + "9" * 5000, "not YAML"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, shown="x")

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_aliases_cannot_explode() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 9)]

    with pytest.raises(ConfigError, match="aliases make this too large"):
        parse_yaml("\n".join(lines), shown="x")


def test_a_byte_order_mark_and_crlf_are_no_part_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")

    assert read_yaml(path, shown="a.yaml") == {"a": 1, "b": 2}


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: \xff")

    with pytest.raises(ConfigError, match=r"^a\.yaml: not UTF-8 at byte 3$"):
        read_yaml(path, shown="a.yaml")


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^b\.yaml: no such file$"):
        read_yaml(tmp_path / "b.yaml", shown="b.yaml")
    with pytest.raises(ConfigError, match=r"^d: cannot be read: "):
        read_yaml(tmp_path, shown="d")
