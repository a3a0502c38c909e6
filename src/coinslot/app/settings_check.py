"""What settings may not be, each with what to do about it. Pure but for whether a named file can be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from coinslot.app.errors import Problem
from coinslot.webhooks.destinations import networks

if TYPE_CHECKING:
    from coinslot.app.settings import Settings

DEMO_SECRET = "demo-secret-known-to-everybody"
"""What the demo signs with. Refused everywhere else."""

WELL_KNOWN_SECRETS = frozenset(
    {
        DEMO_SECRET,
        "changeme",
        "change-me",
        "secret",
        "password",
        "admin",
        "demo",
        "server",
        "auth",
        "sys",
        "coinslot",
    }
)
SHORTEST_SECRET = 16
_CHOOSE = "Choose your own, for example with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
_SUCH_AS: Final = (
    "Write it as phones see it, such as https://wash.example.org or https://wash.example.org:8443."
)


def check(settings: Settings) -> None:
    """Problem, naming the key, for the first thing that is wrong."""
    _check_ports(settings)
    for pair in (("mqtt_tls_cert", "mqtt_tls_key"), ("http_tls_cert", "http_tls_key")):
        if len({getattr(settings, key) is None for key in pair}) == 2:
            raise Problem(f"`{pair[0]}` and `{pair[1]}` go together", "Set both or neither.")
        for key in pair:
            _check_readable(key, getattr(settings, key))
    _check_readable("mqtt_tls_ca", settings.mqtt_tls_ca)
    _check_readable("merchants_file", settings.merchants_file)
    _check_mqtt_tls(settings)
    _check_broker(settings)
    for proxy in settings.trusted_proxies:
        _check_proxy(proxy)
    for network in settings.webhook_networks:
        _check_webhook_network(network)
    if settings.public_url is not None:
        _check_public_url(settings.public_url, settings)
    if not settings.demo:
        refuse_known_secrets(settings)


def refuse_known_secrets(settings: Settings) -> None:
    """Problem if any secret is one that everybody knows, or too short to be one."""
    for key, value in _secrets(settings):
        if value.lower() in WELL_KNOWN_SECRETS:
            raise Problem(
                f"`{key}` is a default that everybody knows; it is refused outside the demo", _CHOOSE
            )
        if len(value) < SHORTEST_SECRET:
            raise Problem(f"`{key}` has fewer than {SHORTEST_SECRET} characters", _CHOOSE)


def is_loopback(host: str) -> bool:
    """Whether this name or address can only be this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _secrets(settings: Settings) -> Iterator[tuple[str, str]]:
    for key in settings.__struct_fields__:
        value = getattr(settings, key)
        if key == "earlier_secret_keys":
            yield from ((key, earlier) for earlier in settings.earlier_secret_keys)
        elif key == "smtp_password":
            continue  # of somebody else's choosing
        elif isinstance(value, str) and key.endswith(("_password", "secret_key", "_token")):
            yield key, value


def _check_ports(settings: Settings) -> None:
    for key in ("http_port", "mqtt_port"):
        port = getattr(settings, key)
        if port is not None and not 0 <= port <= 65535:
            raise Problem(
                f"`{key}` is {port}, which is no port", "Choose one from 1 to 65535, or 0 for any free one."
            )


def _check_readable(key: str, path: Path | None) -> None:
    if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
        raise Problem(f"`{key}`: {path} cannot be read", "Correct the path, or make the file readable.")


def _check_mqtt_tls(settings: Settings) -> None:
    mode = settings.mqtt_tls.value
    if mode == "own" and settings.nats_url is not None:
        raise Problem(
            "`mqtt_tls` is own, but `nats_url` names a broker elsewhere, which has its own certificate",
            "Leave `mqtt_tls` out and set `mqtt_tls_ca` to that broker's CA.",
        )
    if mode != "auto" and (settings.mqtt_tls_cert is not None or settings.mqtt_tls_ca is not None):
        raise Problem(
            f"`mqtt_tls` is {mode}, and `mqtt_tls_cert` or `mqtt_tls_ca` is set too",
            "Leave one of them out.",
        )
    if mode == "public" and settings.nats_url is None:
        raise Problem(
            "`mqtt_tls` is public, but the broker is embedded and has no certificate",
            "Set `mqtt_tls_cert` and `mqtt_tls_key`, or `mqtt_tls` to own.",
        )
    if settings.mqtt_tls_ca is not None and settings.nats_url is None and settings.mqtt_tls_cert is None:
        raise Problem(
            "`mqtt_tls_ca` is set, but the embedded broker has no certificate",
            "Set `mqtt_tls_cert` and `mqtt_tls_key` too.",
        )


def _check_broker(settings: Settings) -> None:
    if settings.nats_url is None:
        return
    needed = (
        "nats_server_password",
        "nats_auth_password",
        "nats_sys_password",
        "nats_issuer_seed",
        "mqtt_port",
    )
    missing = [key for key in needed if getattr(settings, key) is None]
    if missing:
        raise Problem(
            f"`nats_url` is set, but {', '.join(missing)} not", "Set them as the broker knows them."
        )


def _check_webhook_network(text: str) -> None:
    try:
        networks([text])
    except ValueError as error:
        raise Problem(
            f"`webhook_networks`: {error}", "Name networks of private addresses, such as 192.168.10.0/24."
        ) from error


def _check_proxy(proxy: str) -> None:
    try:
        network = ip_network(proxy, strict=False)
    except ValueError:
        raise Problem(
            f"`trusted_proxies`: {proxy!r} is neither an address nor a network",
            "Name each proxy by its address or network, such as 10.0.0.5 or 10.0.0.0/24, with commas between.",
        ) from None
    if network.prefixlen == 0:
        raise Problem(
            f"`trusted_proxies`: {proxy} is everybody, and everybody could then claim any address",
            "Name the proxies' own addresses or network.",
        )


def _check_public_url(url: str, settings: Settings) -> None:
    parts = _split(url)
    if parts.username is not None or parts.password is not None:
        raise Problem("`public_url` holds a user or password", _SUCH_AS)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Problem(f"`public_url`: {url!r} is no web address", _SUCH_AS)
    if parts.path or "?" in url or "#" in url:
        raise Problem(f"`public_url`: {url!r} has more than scheme, host and port", _SUCH_AS)
    if parts.scheme == "http" and not settings.demo and not is_loopback(parts.hostname):
        raise Problem(
            f"`public_url`: {url!r} is not https; phone numbers, codes and payments would cross the network "
            "readable and changeable by anybody on the way",
            "Use https: set `http_tls_cert` and `http_tls_key`, or put a proxy with a certificate in front.",
        )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is no port
    except ValueError:
        raise Problem(f"`public_url`: {url!r} is no web address", _SUCH_AS) from None
    if any(ord(character) <= 0x20 or character in '\\"<>^`{|}\x7f' for character in url):
        raise Problem(f"`public_url`: {url!r} has a character that no address has", _SUCH_AS)
    return parts
