"""What one installation is told: from the environment (COINSLOT_*), then from one TOML file, then by default.

The environment wins. A key that is not known, a value that cannot be read, and a secret that everybody
knows are errors that name the key.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import get_type_hints

import msgspec

from coinslot.app.errors import Problem
from coinslot.app.settings_check import DEMO_SECRET, SHORTEST_SECRET, WELL_KNOWN_SECRETS, check

PREFIX = "COINSLOT_"
CONFIG_VARIABLE = "COINSLOT_CONFIG"
DEFAULT_FILE = Path("coinslot.toml")

# Read by the engines, by the terminal's agent and by crash tests; not settings of the server.
_OTHERS = (
    CONFIG_VARIABLE,
    "COINSLOT_CRASH_AT",
    "COINSLOT_POSTGRES_BIN",
    "COINSLOT_NATS_BIN",
    "COINSLOT_TERMINAL_",
)

__all__ = [
    "DEMO_SECRET",
    "SHORTEST_SECRET",
    "WELL_KNOWN_SECRETS",
    "LogLevel",
    "MqttTls",
    "Role",
    "Settings",
    "default_data_dir",
    "is_secret",
    "load_settings",
]


class Role(StrEnum):
    """What a server process does."""

    ALL = "all"
    """Everything, for one machine."""
    WEB = "web"
    """Pages and the HTTP API."""
    LINK = "link"
    """Terminals."""
    SWEEP = "sweep"
    """Deadlines, seals, reconciliation."""


class LogLevel(StrEnum):
    """How much is said."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class MqttTls(StrEnum):
    """How terminals' connections are secured: auto (as the files say), own (a CA made here), public (a broker
    elsewhere with a certificate that everybody trusts)."""

    AUTO = "auto"
    """TLS if `mqtt_tls_cert` or `mqtt_tls_ca` is set, else none."""
    OWN = "own"
    """TLS with a CA and a certificate that this installation makes and renews; for the embedded broker."""
    PUBLIC = "public"
    """A broker elsewhere shows a certificate that every system trusts."""


class Sms(StrEnum):
    """Who sends SMS."""

    ALIYUN = "aliyun"
    """Alibaba Cloud."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set. The key `http_port` is COINSLOT_HTTP_PORT in the environment and
    `http_port` in the file."""

    data_dir: Path
    """Where embedded engines and local files live."""
    demo: bool = False
    """A trial with invented money; the only place where known secrets are accepted."""
    role: Role = Role.ALL
    """What this process does: all, web, link or sweep."""
    http_host: str = "127.0.0.1"
    """Where HTTP listens; 0.0.0.0 for every address of this machine."""
    http_port: int = 8080
    """Its port; 0 for any free one."""
    public_url: str | None = None
    """How customers' phones reach the pages, such as https://wash.example.org: goes into QR codes and providers'
    callbacks. Kept without the last slash."""
    http_tls_cert: Path | None = None
    """PEM file for HTTP's own TLS; without it HTTP is plain and a proxy in front of it does TLS."""
    http_tls_key: Path | None = None
    """The key of that certificate."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies in front of HTTP, by comma. What X-Forwarded-For, -Proto and -Host say is
    believed from these and from nobody else."""
    metrics_token: str | None = None
    """Who shows it as bearer token may read /metrics; without it only loopback and private addresses may."""
    webhook_networks: tuple[str, ...] = ()
    """Networks of private addresses that webhooks may call, by comma, such as 192.168.10.0/24; there also by http.
    Public addresses may always be called, by https; link-local ones and clouds' metadata never."""
    secret_key: str | None = None
    """Signs sessions and links; at least 16 characters. Without it one is made and kept in data_dir."""
    earlier_secret_keys: tuple[str, ...] = ()
    """Secrets that were in force before, by comma: what they signed is still recognised, nothing new is signed."""
    database_url: str | None = None
    """A PostgreSQL elsewhere; without it one is run in data_dir."""
    nats_url: str | None = None
    """A NATS elsewhere; without it one is run in data_dir. With it the seven keys below are needed."""
    nats_server_user: str = "server"
    """Of the account in which server and terminals meet."""
    nats_server_password: str | None = None
    """Its password."""
    nats_auth_user: str = "auth"
    """Of the account that answers the auth callout."""
    nats_auth_password: str | None = None
    """Its password."""
    nats_sys_user: str = "sys"
    """Of the system account: who is connected, and cutting who may not be."""
    nats_sys_password: str | None = None
    """Its password."""
    nats_issuer_seed: str | None = None
    """The seed (SA…) of the account key named as issuer in the broker's auth_callout."""
    mqtt_host: str = "127.0.0.1"
    """Where terminals connect; with an embedded broker also where it listens."""
    mqtt_port: int | None = None
    """Of a NATS elsewhere; an embedded one chooses and keeps its own."""
    mqtt_tls_cert: Path | None = None
    """PEM file for the embedded broker's MQTT listener."""
    mqtt_tls_key: Path | None = None
    """The key of that certificate."""
    mqtt_tls: MqttTls = MqttTls.AUTO
    """How terminals' connections are secured: auto (as the files say), own (a CA made here), public (a broker
    elsewhere with a certificate that everybody trusts)."""
    mqtt_tls_ca: Path | None = None
    """PEM file with the CA of that listener, handed to terminals when they are claimed; they then trust it alone."""
    sms: Sms | None = None
    """Who sends SMS: with aliyun the four keys below are needed."""
    aliyun_access_key_id: str | None = None
    """Of a user that may do nothing but send SMS."""
    aliyun_access_key_secret: str | None = None
    """Its secret."""
    aliyun_sign_name: str | None = None
    """The approved name in front of each SMS."""
    aliyun_template_code_zh: str | None = None
    """The approved template (SMS_…) of a login code, with ${code}."""
    aliyun_template_code_en: str | None = None
    """The same in English; without it the Chinese one is sent."""
    aliyun_template_bill_zh: str | None = None
    """The same of a bill, with ${place}, ${amount} and ${session}; without it no bill is sent by SMS."""
    aliyun_template_bill_en: str | None = None
    """The same in English; without it the Chinese one is sent."""
    smtp_host: str | None = None
    """The mail server; with it `smtp_from` is needed. Always encrypted: port 465 at once, others by STARTTLS."""
    smtp_port: int = 587
    """Its port."""
    smtp_user: str | None = None
    """For servers that want to know who sends."""
    smtp_password: str | None = None
    """Its password."""
    smtp_from: str | None = None
    """The address mail comes from."""
    merchants_file: Path | None = None
    """TOML file with the keys of merchants at payment providers; see docs/payments.md. Without it nothing is paid but
    at the counter."""
    log_level: LogLevel = LogLevel.INFO
    """debug, info, warning or error."""

    def __repr__(self) -> str:
        return f"Settings(data_dir={str(self.data_dir)!r}, role={self.role.value!r}, demo={self.demo})"


def load_settings(environment: Mapping[str, str] = os.environ, **overrides: object) -> Settings:
    """The settings in force. `overrides` are a command's options and win over both; None leaves a key alone.

    Problem, naming the key, when a value is wrong or a secret is known to everybody.
    """
    values: dict[str, object] = {"data_dir": str(default_data_dir(environment))}
    origin = dict.fromkeys(values, "the default")
    file = _file(environment)
    if file is not None:
        for key, value in _read(file).items():
            values[key], origin[key] = value, str(file)
    for name, text in environment.items():
        if name.startswith(PREFIX) and not name.startswith(_OTHERS) and text != "":
            key = name.removeprefix(PREFIX).lower()
            values[key], origin[key] = text, name
    for key, chosen in overrides.items():
        if chosen is not None:
            values[key], origin[key] = chosen, f"--{key.replace('_', '-')}"
    settings = _build(values, origin)
    check(settings)
    return settings


def default_data_dir(environment: Mapping[str, str]) -> Path:
    """/var/lib/coinslot for root, else the user's own data folder after the XDG rules."""
    if os.geteuid() == 0:
        return Path("/var/lib/coinslot")
    base = (
        environment.get("XDG_DATA_HOME") or Path(environment.get("HOME") or Path.home()) / ".local" / "share"
    )
    return Path(base) / "coinslot"


def _file(environment: Mapping[str, str]) -> Path | None:
    named = environment.get(CONFIG_VARIABLE)
    if not named:
        return DEFAULT_FILE if DEFAULT_FILE.is_file() else None
    if not Path(named).is_file():
        raise Problem(
            f"{CONFIG_VARIABLE} names {named}, which is no file", "Correct the path or unset the variable."
        )
    return Path(named)


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Problem(f"{path} is not valid TOML: {error}", "Correct the file.") from error
    except OSError as error:
        raise Problem(
            f"{path} cannot be read: {error.strerror}", "Make it readable for this user."
        ) from error


def _build(values: Mapping[str, object], origin: Mapping[str, str]) -> Settings:
    hints = get_type_hints(Settings)
    built: dict[str, object] = {}
    for key, value in values.items():
        if key not in hints:
            raise Problem(f"{origin[key]}: there is no setting `{key}`", _nearest(key, hints))
        try:
            built[key] = msgspec.convert(
                _parts(value, hints[key]), hints[key], strict=False, dec_hook=_decode
            )
        except msgspec.ValidationError as error:
            raise Problem(
                f"{origin[key]}: `{key}` cannot be {_shown(key, value)}: {error}", "Correct it."
            ) from error
    if isinstance(url := built.get("public_url"), str):
        built["public_url"] = url.removesuffix("/")
    return msgspec.convert(built, Settings, from_attributes=True, dec_hook=_decode)


def _parts(value: object, hint: object) -> object:
    """A list may be written as one text with commas; the environment knows no other way."""
    if hint == tuple[str, ...] and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _decode(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str | Path):
        return Path(value).expanduser()
    raise NotImplementedError(kind)


def _shown(key: str, value: object) -> str:
    return "this value" if is_secret(key) else repr(value)


def is_secret(key: str) -> bool:
    """Whether a key's value must never be shown."""
    return key == "database_url" or key.endswith(
        ("_password", "_seed", "_token", "_secret", "secret_key", "secret_keys")
    )


def _nearest(key: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return (
        f"Did you mean `{near[0]}`?" if near else "Remove it; the settings are listed in docs/operating.md."
    )
