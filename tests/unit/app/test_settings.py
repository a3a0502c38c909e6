"""Where settings come from, and which are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coinslot.app.errors import Problem
from coinslot.app.installation import external_broker, secret_key
from coinslot.app.settings import (
    DEMO_SECRET,
    WELL_KNOWN_SECRETS,
    LogLevel,
    Role,
    default_data_dir,
    load_settings,
)

NATS = {
    "COINSLOT_NATS_URL": "nats://broker.example:4222",
    "COINSLOT_NATS_SERVER_PASSWORD": "s" * 20,
    "COINSLOT_NATS_AUTH_PASSWORD": "a" * 20,
    "COINSLOT_NATS_SYS_PASSWORD": "y" * 20,
    "COINSLOT_NATS_ISSUER_SEED": "SAAF743A7S2WZ3EBVUGMS7JBMXEXEM2LRRMJLCAHDICTUO7HF6JLKUGWQQ",
    "COINSLOT_MQTT_HOST": "broker.example",
    "COINSLOT_MQTT_PORT": "8883",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(text: str) -> dict[str, str]:
    path = Path("chosen.toml")
    path.write_text(text, encoding="utf-8")
    return {"COINSLOT_CONFIG": str(path)}


def test_without_anything_there_are_defaults_for_one_machine() -> None:
    settings = load_settings({})
    assert (settings.role, settings.http_host, settings.demo) == (Role.ALL, "127.0.0.1", False)
    assert settings.database_url is None


def test_an_option_beats_the_environment_which_beats_the_file() -> None:
    environment = config('role = "web"\nhttp_port = 1\nlog_level = "debug"\ndata_dir = "/file"')
    environment |= {"COINSLOT_HTTP_PORT": "2", "COINSLOT_DATA_DIR": "/environment"}
    settings = load_settings(environment, http_port=3, role=None)
    assert (settings.http_port, settings.role, settings.log_level) == (3, Role.WEB, LogLevel.DEBUG)
    assert settings.data_dir == Path("/environment")


def test_the_file_in_the_working_folder_is_read_without_being_named() -> None:
    Path("coinslot.toml").write_text('role = "sweep"', encoding="utf-8")
    assert load_settings({}).role is Role.SWEEP


def test_an_empty_variable_counts_as_unset() -> None:
    assert load_settings({"COINSLOT_DATABASE_URL": ""}).database_url is None


def test_the_engines_and_the_terminals_own_variables_are_not_settings() -> None:
    load_settings({"COINSLOT_POSTGRES_BIN": "/x", "COINSLOT_NATS_BIN": "/y", "COINSLOT_TERMINAL_ID": "t"})


@pytest.mark.parametrize(
    ("environment", "names", "remedy"),
    [
        ({"COINSLOT_HTTP_PRT": "80"}, "COINSLOT_HTTP_PRT.*`http_prt`", "`http_port`"),
        ({"COINSLOT_HTTP_PORT": "eighty"}, "COINSLOT_HTTP_PORT.*'eighty'", "Correct"),
        ({"COINSLOT_HTTP_PORT": "70000"}, "`http_port` is 70000", "65535"),
        ({"COINSLOT_ROLE": "king"}, "COINSLOT_ROLE.*'king'", "Correct"),
        ({"COINSLOT_CONFIG": "nowhere.toml"}, "names nowhere.toml, which is no file", "unset"),
        ({"COINSLOT_MQTT_TLS_CERT": "/etc/passwd"}, "mqtt_tls_key", "both or neither"),
        (
            {"COINSLOT_MQTT_TLS_CERT": "/nowhere/c.pem", "COINSLOT_MQTT_TLS_KEY": "/nowhere/k.pem"},
            "/nowhere/c.pem cannot be read",
            "readable",
        ),
        ({"COINSLOT_NATS_URL": "nats://x:1"}, "nats_server_password.*nats_issuer_seed.*mqtt_port", "broker"),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy(environment: dict[str, str], names: str, remedy: str) -> None:
    with pytest.raises(Problem, match=names) as caught:
        load_settings(environment)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("text", ["role = ", "no_such_key = 1", 'http_port = "x"'])
def test_a_wrong_file_is_named(text: str) -> None:
    with pytest.raises(Problem, match=r"chosen\.toml"):
        load_settings(config(text))


@pytest.mark.parametrize("secret", sorted(WELL_KNOWN_SECRETS | {"ChangeMe"}))
def test_a_secret_that_everybody_knows_is_refused(secret: str) -> None:
    for environment in ({"COINSLOT_SECRET_KEY": secret}, NATS | {"COINSLOT_NATS_SERVER_PASSWORD": secret}):
        with pytest.raises(Problem, match="refused outside the demo") as caught:
            load_settings(environment)
        assert "token_urlsafe" in caught.value.remedy


def test_a_short_secret_is_refused_and_not_shown() -> None:
    with pytest.raises(Problem, match="`secret_key` has fewer than 16") as caught:
        load_settings({"COINSLOT_SECRET_KEY": "tr0ub4dor"})
    assert "tr0ub4dor" not in str(caught.value)


def test_only_the_demo_accepts_a_known_secret() -> None:
    assert load_settings({"COINSLOT_DEMO": "true", "COINSLOT_SECRET_KEY": DEMO_SECRET}).demo
    with pytest.raises(Problem):
        load_settings({"COINSLOT_DEMO": "false", "COINSLOT_SECRET_KEY": DEMO_SECRET})


def test_a_wrong_value_that_is_a_secret_is_not_shown() -> None:
    with pytest.raises(Problem) as caught:
        load_settings(config("secret_key = 123456789"))
    assert "123456789" not in str(caught.value)


def test_the_repr_shows_no_secret() -> None:
    environment = NATS | {
        "COINSLOT_DATABASE_URL": "postgresql://me:hidden@db/x",
        "COINSLOT_SECRET_KEY": "h" * 32,
    }
    settings = load_settings(environment)
    broker = external_broker(settings)
    shown = f"{settings!r} {settings} {broker!r}"
    assert not any(word in shown for word in ("hidden", "h" * 32, "s" * 20, "SAAF743A"))


def test_a_broker_elsewhere_is_described_whole() -> None:
    broker = external_broker(load_settings(NATS))
    assert broker is not None
    assert (broker.url, broker.mqtt_host, broker.mqtt_port) == (
        NATS["COINSLOT_NATS_URL"],
        "broker.example",
        8883,
    )
    assert broker.issuer.startswith("A")


def test_a_secret_key_is_made_once_and_kept_to_ourselves(tmp_path: Path) -> None:
    settings = load_settings({"COINSLOT_DATA_DIR": str(tmp_path / "data")})
    key = secret_key(settings)
    assert len(key) >= 32
    assert secret_key(settings) == key
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret_key"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root's folder is /var/lib/coinslot")
def test_the_users_data_folder_follows_xdg() -> None:
    assert default_data_dir({"XDG_DATA_HOME": "/x"}) == Path("/x/coinslot")
    assert default_data_dir({"HOME": "/h"}) == Path("/h/.local/share/coinslot")
