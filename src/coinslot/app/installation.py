"""The engines an installation uses: its own children, or servers elsewhere, behind one shape."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from coinslot.app.errors import Problem
from coinslot.app.own_ca import CERTIFICATE, KEY, find_ca, own_names, own_tls, read_ca
from coinslot.app.settings import DEMO_SECRET, MqttTls, Settings
from coinslot.engines.broker import BrokerAccess, EmbeddedBroker, ListenerTls
from coinslot.engines.engine import Engine, Progress, silent
from coinslot.engines.postgres import EmbeddedPostgres
from coinslot.keyring import Keyring
from coinslot.web.services import TerminalDoor

_TLS = "tls"
_ANYWHERE = ("0.0.0.0", "::")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the database and the broker are. `children` are the engines that we run ourselves."""

    database_url: str
    broker: BrokerAccess
    children: tuple[Engine, ...]
    door: TerminalDoor
    """Where terminals connect, as they are told when they are claimed."""


@contextlib.contextmanager
def open_installation(settings: Settings, progress: Progress = silent) -> Iterator[Installation]:
    """Start what is not elsewhere, and stop it afterwards: NATS first, then PostgreSQL. Main thread only.

    EngineError when an engine cannot be started, FolderBusy when another process runs it.
    """
    with contextlib.ExitStack() as stack:
        children: list[Engine] = []
        database_url = settings.database_url
        if database_url is None:
            postgres = stack.enter_context(embedded_postgres(settings, progress))
            children.append(postgres)
            database_url = postgres.url()
        broker = external_broker(settings)
        if broker is None:
            if settings.mqtt_tls is MqttTls.OWN:
                own_tls(settings.data_dir / _TLS, _names(settings))
            nats = stack.enter_context(embedded_broker(settings, progress))
            children.append(nats)
            broker = nats.access
        yield Installation(database_url, broker, tuple(children), terminal_door(settings, broker))


def attached_installation(settings: Settings) -> Installation | None:
    """The engines that are running now, here under another process or elsewhere; None when one of ours is not."""
    database_url, broker = settings.database_url, external_broker(settings)
    if database_url is None:
        postgres = embedded_postgres(settings)
        if not postgres.attach():
            return None
        database_url = postgres.url()
    if broker is None:
        nats = embedded_broker(settings)
        if not nats.attach():
            return None
        broker = nats.access
    return Installation(database_url, broker, (), terminal_door(settings, broker))


def embedded_postgres(settings: Settings, progress: Progress = silent) -> EmbeddedPostgres:
    """The PostgreSQL of this data folder, not started."""
    return EmbeddedPostgres(settings.data_dir / "postgres", progress)


def embedded_broker(settings: Settings, progress: Progress = silent) -> EmbeddedBroker:
    """The NATS of this data folder, not started."""
    tls = None
    if settings.mqtt_tls is MqttTls.OWN:
        tls = own_listener(settings)
    if settings.mqtt_tls_cert is not None and settings.mqtt_tls_key is not None:
        tls = ListenerTls(settings.mqtt_tls_cert, settings.mqtt_tls_key)
    return EmbeddedBroker(settings.data_dir / "nats", progress, mqtt_host=settings.mqtt_host, tls=tls)


def terminal_door(settings: Settings, broker: BrokerAccess) -> TerminalDoor:
    """What terminals are told. Problem when a CA they are to trust cannot be read."""
    ca = None
    if settings.mqtt_tls is MqttTls.OWN:
        ca = find_ca(settings.data_dir / _TLS)
    elif settings.mqtt_tls_ca is not None:
        ca = read_ca(settings.mqtt_tls_ca)
    return TerminalDoor(
        # A listener on every address has no name of its own: the claim's is as good as any.
        mqtt_host="" if broker.mqtt_host in _ANYWHERE else broker.mqtt_host,
        mqtt_port=broker.mqtt_port,
        tls=settings.mqtt_tls is not MqttTls.AUTO or ca is not None or settings.mqtt_tls_cert is not None,
        ca=ca,
    )


def own_listener(settings: Settings) -> ListenerTls:
    """Where certificate and key of our own making lie."""
    folder = settings.data_dir / _TLS
    return ListenerTls(folder / CERTIFICATE, folder / KEY)


def own_ca_file(settings: Settings) -> Path | None:
    """The CA of our own that terminals pin; None where the link has another one or none."""
    return settings.data_dir / _TLS / "ca.pem" if settings.mqtt_tls is MqttTls.OWN else None


def _names(settings: Settings) -> list[str]:
    public = urlsplit(settings.public_url or "").hostname
    return [settings.mqtt_host, *own_names(), *((public,) if public else ())]


def external_broker(settings: Settings) -> BrokerAccess | None:
    """The NATS that the settings name; None when it is to be our child. Problem when something is missing."""
    if settings.nats_url is None:
        return None
    return BrokerAccess(
        url=settings.nats_url,
        server_user=settings.nats_server_user,
        server_password=_needed(settings.nats_server_password, "nats_server_password"),
        auth_user=settings.nats_auth_user,
        auth_password=_needed(settings.nats_auth_password, "nats_auth_password"),
        sys_user=settings.nats_sys_user,
        sys_password=_needed(settings.nats_sys_password, "nats_sys_password"),
        issuer_seed=_needed(settings.nats_issuer_seed, "nats_issuer_seed"),
        mqtt_host=settings.mqtt_host,
        mqtt_port=_needed(settings.mqtt_port, "mqtt_port"),
    )


def secret_key(settings: Settings) -> str:
    """The key that signs sessions and links: as set, or one made once and kept in the data folder (mode 0600)."""
    if settings.secret_key is not None:
        return settings.secret_key
    if settings.demo:
        return DEMO_SECRET
    path = settings.data_dir / "secret_key"
    if not path.exists():
        # Many processes may start at once: the first link wins, and all read the same whole file.
        settings.data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".secret_key.{secrets.token_hex(4)}")
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(secrets.token_urlsafe(32), encoding="utf-8")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="utf-8")


def keyring(settings: Settings) -> Keyring:
    """One key for each purpose, from the secret in force; what earlier secrets made is still recognised."""
    return Keyring(secret_key(settings), settings.earlier_secret_keys)


def _needed(value: T | None, key: str) -> T:
    if value is None:
        raise Problem(f"`nats_url` is set, but `{key}` is not", "Set it as the broker knows it.")
    return value
