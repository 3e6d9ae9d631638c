"""Who is told is configured; secrets come from the environment alone."""

import json
from pathlib import Path

import pytest

from export_assets.config.project import load_project
from export_assets.config.settings import Settings, load_settings
from export_assets.config.show import show
from export_assets.errors import ConfigError

SECRET = "hunter2-canary"
WHOLE = """\
notify:
  - {kind: log, on: [failure]}
  - {kind: slack, url: "${SLACK_URL:-}"}
  - kind: email
    host: mail.example.org
    user: exports
    password: ${MAIL_PASSWORD}
    from: exports@example.org
    to: [ops@example.org]
"""


def load(home: Path, text: str, **environ: str) -> Settings:
    (home / "export_assets.yaml").write_text(text, encoding="utf-8")
    return load_settings(home, environ=environ).settings


def mistake(home: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(home, text, **environ)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_targets_are_read_with_their_secrets_from_the_environment(tmp_path: Path) -> None:
    url = f"https://hooks.example.org/{SECRET}"

    settings = load(tmp_path, WHOLE, SLACK_URL=url, MAIL_PASSWORD=SECRET)

    log, slack, mail = settings.notify
    assert log.on == ("failure",)
    assert slack.url is not None
    assert slack.url.get_secret_value() == url
    assert mail.password is not None
    assert (mail.sender, mail.to, mail.tls) == (
        "exports@example.org", ("ops@example.org",), "starttls",
    )  # fmt: skip
    assert SECRET not in repr(settings)


def test_a_target_without_an_address_in_the_environment_is_told_nothing(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE, MAIL_PASSWORD=SECRET)

    assert [target.is_active for target in settings.notify] == [True, False, True]


def test_no_secret_is_shown(tmp_path: Path) -> None:
    (tmp_path / "export_assets.yaml").write_text(WHOLE, encoding="utf-8")
    environ = {"SLACK_URL": f"https://hooks.example.org/{SECRET}", "MAIL_PASSWORD": SECRET}

    shown = show(load_project(tmp_path, environ=environ))

    assert SECRET not in json.dumps(shown)
    assert shown["settings"]["notify"]["value"][2]["from"] == "exports@example.org"


@pytest.mark.parametrize(
    "target",
    [
        f"{{kind: slack, url: 'https://hooks.example.org/{SECRET}'}}",
        f"{{kind: webhook, url: 'https://hooks.example.org/{SECRET}/${{REST}}'}}",
        f"{{kind: webhook, url: '${{REST:-https://hooks.example.org/{SECRET}}}'}}",
    ],
)
def test_a_literal_address_is_refused(tmp_path: Path, target: str) -> None:
    said = mistake(tmp_path, f"notify: [{target}]\n", REST="https://a.example")

    assert said == (
        "export_assets.yaml: notify.0.url: holds a secret; put it into an environment variable "
        "and write ${NAME} for it"
    )


def test_a_literal_password_is_refused(tmp_path: Path) -> None:
    text = WHOLE.replace("${MAIL_PASSWORD}", SECRET)

    assert "notify.2.password: holds a secret" in mistake(tmp_path, text)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("{kind: pigeon}", "notify.0.kind: must be one of log, email, webhook, slack"),
        ("{kind: slack}", "notify.0: kind slack needs url"),
        ("{kind: email, host: h, from: a}", "notify.0: kind email needs to"),
        ("{kind: log, host: h}", "notify.0: host means nothing for kind log"),
        ("{kind: log, on: [succes]}", "notify.0.on.0: must be one of failure, recovery, check"),
        ("{kind: webhook, url: '${FTP}'}", "notify.0: url must be an address that starts with"),
        ("{kind: email, host: h, from: a, to: [b], user: u}", "user and password: give both"),
        (
            "{kind: email, host: h, from: a, to: [b], user: u, password: '${FTP}', tls: none}",
            "a password is not sent over tls: none",
        ),
        ("{kind: webhook, url: '${UNSET}'}", "environment variable UNSET is not set"),
        ("{kind: log, onn: [check]}", "unknown key, did you mean 'on'?"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, target: str, said: str) -> None:
    assert said in mistake(tmp_path, f"notify: [{target}]\n", FTP=f"ftp://{SECRET}")


@pytest.mark.parametrize(
    "text", [f"https://hooks.example.org/{SECRET}", f"[{{kind: webhook, url: [{SECRET}]}}]"]
)
def test_a_variable_that_is_wrong_is_not_shown(tmp_path: Path, text: str) -> None:
    mistake(tmp_path, "{}", EXPORT_ASSETS_NOTIFY=text)
