"""Settings of a project: flags over environment over file over defaults."""

from pathlib import Path

import pytest

from export_assets.config.settings import LoadedSettings, load_settings
from export_assets.errors import ConfigError


def write(home: Path, text: str) -> Path:
    (home / "export_assets.yaml").write_text(text, encoding="utf-8")
    return home


def mistakes(home: Path, **given: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(home, **given)
    return str(caught.value).splitlines()


def load(home: Path | None, **given: object) -> LoadedSettings:
    environ = {name: str(value) for name, value in given.items() if name.isupper()}
    flags = {name: value for name, value in given.items() if not name.isupper()}
    return load_settings(home, environ=environ, flags=flags)


def test_an_empty_directory_is_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    loaded = load(None)

    settings = loaded.settings
    assert settings.home == tmp_path
    assert settings.exports_dir == tmp_path / "exports"
    assert settings.sources_dir == tmp_path / "sources"
    assert (settings.temp_dir, settings.keep_runs_days, settings.allow_delete) == (None, 90, False)
    assert set(loaded.origins.values()) == {"default"}


def test_each_layer_wins_over_the_one_below(tmp_path: Path) -> None:
    home = write(tmp_path, "exports_dir: f\nsources_dir: f\ntemp_dir: f\nkeep_runs_days: 7\n")

    loaded = load(
        home,
        EXPORT_ASSETS_EXPORTS_DIR="e",
        EXPORT_ASSETS_SOURCES_DIR="/e",
        EXPORT_ASSETS_ALLOW_DELETE="true",
        EXPORT_ASSETS_ALLOW_HOSTS="[a.example, b.example:8443]",
        exports_dir=Path("flag"),
        keep_runs_days=None,
    )

    settings = loaded.settings
    assert settings.exports_dir == home / "flag"
    assert settings.sources_dir == Path("/e")
    assert settings.temp_dir == home / "f"
    assert settings.keep_runs_days == 7
    assert settings.allow_delete is True
    assert settings.allow_hosts == ("a.example", "b.example:8443")
    assert loaded.origins == {
        "allow_hosts": "environment",
        "home": "flag",
        "exports_dir": "flag",
        "catalog": "default",
        "sources_dir": "environment",
        "temp_dir": "file",
        "allow_delete": "environment",
        "anonymize_key": "default",
        "anonymize_key_file": "default",
        "archive_identity": "default",
        "archive_identity_file": "default",
        "keep_runs_days": "file",
        "notify": "default",
        "automation": "default",
        "extracts_dir": "default",
        "systems": "default",
    }


def test_the_home_may_come_from_the_environment(tmp_path: Path) -> None:
    write(tmp_path, "exports_dir: elsewhere\n")

    loaded = load(None, EXPORT_ASSETS_HOME=tmp_path)

    assert loaded.settings.exports_dir == tmp_path / "elsewhere"
    assert loaded.origins["home"] == "environment"


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert load(write(tmp_path, "# nothing\n")).settings.keep_runs_days == 90


def test_text_of_variables_is_taken_as_it_is(tmp_path: Path) -> None:
    loaded = load(
        tmp_path, EXPORT_ASSETS_ANONYMIZE_KEY="0123 # key", EXPORT_ASSETS_EXPORTS_DIR="a: [b"
    )

    settings = loaded.settings
    assert settings.anonymize_key is not None
    assert settings.anonymize_key.get_secret_value() == "0123 # key"
    assert settings.exports_dir == tmp_path / "a: [b"


def test_the_key_is_never_shown(tmp_path: Path) -> None:
    home = write(tmp_path, "anonymize_key: ${KEY}\n")

    settings = load(home, KEY="hunter2").settings

    assert settings.anonymize_key is not None
    assert settings.anonymize_key.get_secret_value() == "hunter2"
    assert "hunter2" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exprots_dir: x\n", "export_assets.yaml: exprots_dir: unknown key, did you mean "),
        ("home: x\n", "export_assets.yaml: home: unknown key"),
        (
            "automation: {conditions: maybe}\n",
            "export_assets.yaml: automation.conditions: must be ",
        ),
        (
            "extracts_dir: exports/own\n",
            "export_assets.yaml: extracts_dir and exports_dir: neither",
        ),
        ("extracts_dir: ./\n", "export_assets.yaml: extracts_dir and exports_dir: neither"),
        ("allow_delete: often\n", "export_assets.yaml: allow_delete: must be true or false, not "),
        ("exports_dir: [a]\n", "export_assets.yaml: exports_dir: must be a path, not a list"),
        ("exports_dir: ${UNSET}\n", "export_assets.yaml: exports_dir: environment variable UNSET"),
        ("anonymize_key: hunter2\n", "export_assets.yaml: anonymize_key: holds a secret; put it"),
        ("exports_dir: ''\n", "export_assets.yaml: exports_dir: must not be empty"),
        ('temp_dir: "a\\0b"\n', "export_assets.yaml: temp_dir: holds a NUL, as no path can"),
        ("temp_dir: ~no-such-user/x\n", "export_assets.yaml: temp_dir: begins with ~ and nobody's"),
        ("- a\n", "export_assets.yaml: must be a mapping of keys"),
        ("a: [\n", "export_assets.yaml: line 2, column 1: "),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (found,) = mistakes(write(tmp_path, text))

    assert found.startswith(message)
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "EXPORT_ASSETS_EXPORT_DIR",
            "x",
            "EXPORT_ASSETS_EXPORT_DIR: unknown variable, did you mean EXPORT_ASSETS_EXPORTS_DIR?",
        ),
        (
            "EXPORT_ASSETS_SOURCE__SHOP__URL",
            "x",
            (
                "EXPORT_ASSETS_SOURCE__SHOP__URL: unknown variable, did you mean "
                "EXPORT_ASSETS_SOURCES__SHOP__URL?"
            ),
        ),
        ("EXPORT_ASSETS_QQQQ", "x", "EXPORT_ASSETS_QQQQ: unknown variable"),
        ("EXPORT_ASSETS_ALLOW_DELETE", "{", "EXPORT_ASSETS_ALLOW_DELETE: the value is not YAML"),
        ("EXPORT_ASSETS_HOME", "/nowhere/at/all", "home: no such directory: /nowhere/at/all"),
    ],
)
def test_a_wrong_variable_is_one_line(
    tmp_path: Path, variable: str, value: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None if variable.endswith("HOME") else tmp_path, environ={variable: value})

    assert str(caught.value) == message


def test_a_wrong_flag_is_named_and_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    home = write(tmp_path, "exprots_dir: x\n")

    found = mistakes(home, EXPORT_ASSETS_QQQQ="x", keep_runs_days="loud")

    assert [line.partition(":")[0] for line in found] == [
        "EXPORT_ASSETS_QQQQ",
        "--keep-runs-days",
        "export_assets.yaml",
    ]
