"""Where settings come from, and which are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coinslot.app.errors import Problem
from coinslot.app.installation import external_broker, keyring, secret_key
from coinslot.app.settings import (
    DEMO_SECRET,
    WELL_KNOWN_SECRETS,
    LogLevel,
    Role,
    default_data_dir,
    load_settings,
)
from coinslot.keyring import Keyring, Purpose

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


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://wash.example.org", "https://wash.example.org"),
        ("https://wash.example.org/", "https://wash.example.org"),
        ("https://wash.example.org:8443", "https://wash.example.org:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
    ],
)
def test_the_public_url_is_scheme_host_and_port(given: str, kept: str) -> None:
    assert load_settings({"COINSLOT_PUBLIC_URL": given}).public_url == kept


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("wash.example.org", "no web address"),
        ("ftp://wash.example.org", "no web address"),
        ("https://", "no web address"),
        ("https://wash.example.org:99999", "no web address"),
        ("https://[::1", "no web address"),
        ("https://wash.example.org/pay", "more than scheme, host and port"),
        ("https://wash.example.org//", "more than scheme, host and port"),
        ("https://wash.example.org?x", "more than scheme, host and port"),
        ("https://wash.example.org?", "more than scheme, host and port"),
        ("https://wash.example.org#", "more than scheme, host and port"),
        ("https://wash.exa mple.org", "a character that no address has"),
        ('https://wash.example.org"', "a character that no address has"),
        ("http://wash.example.org", "not https"),
        ("http://192.0.2.1:8080", "not https"),
        ("http://localhost.example.org", "not https"),
        ("https://me:hunter2hunter2@wash.example.org", "user or password"),
        ("gopher://me:hunter2hunter2@wash.example.org", "user or password"),
    ],
)
def test_any_other_public_url_is_refused_with_an_example(given: str, said: str) -> None:
    with pytest.raises(Problem, match=said) as caught:
        load_settings({"COINSLOT_PUBLIC_URL": given})
    assert "https" in caught.value.remedy
    assert "hunter2" not in str(caught.value)


def test_only_the_demo_is_plain_on_a_network() -> None:
    environment = {"COINSLOT_PUBLIC_URL": "http://192.0.2.1:8080", "COINSLOT_DEMO": "true"}
    assert load_settings(environment).public_url == "http://192.0.2.1:8080"


def test_a_list_is_written_with_commas_or_as_a_list() -> None:
    wanted = ("10.0.0.0/24", "192.0.2.1")
    environment = {"COINSLOT_TRUSTED_PROXIES": "10.0.0.0/24, 192.0.2.1,"}
    assert load_settings(environment).trusted_proxies == wanted
    for text in ('"10.0.0.0/24,192.0.2.1"', '["10.0.0.0/24", "192.0.2.1"]'):
        assert load_settings(config(f"trusted_proxies = {text}")).trusted_proxies == wanted


@pytest.mark.parametrize("proxy", ["0.0.0.0/0", "::/0", "proxy.example.org", "10.0.0.0/33", "*"])
def test_a_trusted_proxy_is_an_address_or_a_network_and_not_everybody(proxy: str) -> None:
    with pytest.raises(Problem, match="`trusted_proxies`") as caught:
        load_settings({"COINSLOT_TRUSTED_PROXIES": f"192.0.2.1,{proxy}"})
    assert "prox" in caught.value.remedy


@pytest.mark.parametrize("secret", ["changeme", "tr0ub4dor"])
@pytest.mark.parametrize("key", ["EARLIER_SECRET_KEYS", "METRICS_TOKEN"])
def test_earlier_secrets_and_tokens_are_judged_like_the_one_in_force(key: str, secret: str) -> None:
    with pytest.raises(Problem, match=f"`{key.lower()}`") as caught:
        load_settings({f"COINSLOT_{key}": f"{secret}"})
    assert "tr0ub4dor" not in str(caught.value)


def test_the_keyring_signs_with_the_secret_in_force_and_knows_the_earlier_ones() -> None:
    before = Keyring("b" * 20).key(Purpose.STICKER)
    ring = keyring(
        load_settings(
            {"COINSLOT_SECRET_KEY": "n" * 20, "COINSLOT_EARLIER_SECRET_KEYS": f"{'b' * 20},{'a' * 20}"}
        )
    )
    assert ring.key(Purpose.STICKER) == Keyring("n" * 20).key(Purpose.STICKER) != before
    assert before in ring.keys(Purpose.STICKER)
    assert len(ring.keys(Purpose.STICKER)) == 3


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"COINSLOT_MQTT_TLS": "own"} | NATS, "which has its own certificate"),
        ({"COINSLOT_MQTT_TLS": "own", "COINSLOT_MQTT_TLS_CA": "/etc/passwd"}, "set too"),
        ({"COINSLOT_MQTT_TLS": "public"}, "embedded and has no certificate"),
        ({"COINSLOT_MQTT_TLS_CA": "/etc/passwd"}, "the embedded broker has no certificate"),
        ({"COINSLOT_MQTT_TLS_CA": "/nowhere.pem"}, "/nowhere.pem cannot be read"),
        ({"COINSLOT_HTTP_TLS_CERT": "/etc/passwd"}, "`http_tls_cert` and `http_tls_key` go together"),
        ({"COINSLOT_HTTP_TLS_CERT": "/etc", "COINSLOT_HTTP_TLS_KEY": "/etc"}, "/etc cannot be read"),
    ],
)
def test_tls_that_cannot_be_is_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(Problem, match=said):
        load_settings(environment)
