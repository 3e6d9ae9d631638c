import os
from pathlib import Path

import pytest

from export_assets.config.key_file import read_key_file
from export_assets.config.settings import load_settings
from export_assets.errors import ConfigError

KEY = b"0123456789abcdef"


def key_file(path: Path, content: bytes = KEY, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_the_line_end_of_an_editor_is_no_part_of_the_key(ending: bytes, tmp_path: Path) -> None:
    assert read_key_file(key_file(tmp_path / "key", KEY + ending)) == KEY


def test_other_white_space_is_part_of_the_key(tmp_path: Path) -> None:
    assert read_key_file(key_file(tmp_path / "key", b" " + KEY + b" \n\n")) == b" " + KEY + b" \n"


@pytest.mark.suite("security")
@pytest.mark.promise("no-secrets")
@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o666])
def test_a_key_that_others_may_read_or_change_is_refused(mode: int, tmp_path: Path) -> None:
    path = key_file(tmp_path / "key", mode=mode)

    with pytest.raises(ConfigError, match=rf"may be read or written by others \(mode {mode:04o}\)"):
        read_key_file(path)


@pytest.mark.parametrize(
    ("content", "fact"),
    [(b"", "is empty"), (b"\n", "is empty"), (KEY[1:] + b"\n", "shorter"), (b"x" * 5000, "more")],
)
def test_what_is_no_key_is_refused(content: bytes, fact: str, tmp_path: Path) -> None:
    path = key_file(tmp_path / "key", content)

    with pytest.raises(ConfigError, match=rf"^anonymize_key_file: .*{fact}") as refused:
        read_key_file(path)

    assert content.decode() not in str(refused.value) or len(content) < 2


@pytest.mark.suite("security")
@pytest.mark.promise("no-secrets")
def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(ConfigError, match="is no file"):
            read_key_file(path)
    with pytest.raises(ConfigError, match="No such file"):
        read_key_file(tmp_path / "none")


@pytest.mark.suite("security")
@pytest.mark.promise("no-secrets")
def test_a_link_is_judged_by_the_file_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "good").symlink_to(key_file(tmp_path / "key"))
    (tmp_path / "bad").symlink_to(key_file(tmp_path / "open", mode=0o644))

    assert read_key_file(tmp_path / "good") == KEY
    with pytest.raises(ConfigError, match="others"):
        read_key_file(tmp_path / "bad")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = key_file(tmp_path / "key")
    os.chown(path, 12345, 12345)

    with pytest.raises(ConfigError, match="belongs to another user"):
        read_key_file(path)


def test_a_key_and_a_file_of_it_are_one_too_many(tmp_path: Path) -> None:
    environ = {
        "EXPORT_ASSETS_ANONYMIZE_KEY": KEY.decode(),
        "EXPORT_ASSETS_ANONYMIZE_KEY_FILE": "key",
    }

    with pytest.raises(ConfigError, match="anonymize_key_file: give one of them"):
        load_settings(tmp_path, environ=environ)


def test_a_file_is_looked_for_from_the_home(tmp_path: Path) -> None:
    (tmp_path / "export_assets.yaml").write_text("anonymize_key_file: keys/one\n")

    settings = load_settings(tmp_path, environ={}).settings

    assert settings.anonymize_key_file == tmp_path / "keys" / "one"
