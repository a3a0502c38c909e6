"""NATS as our child, with its MQTT listener for terminals; who may log in is asked of us (auth callout)."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import msgspec
import nkeys

from coinslot.engines.binaries import find_nats
from coinslot.engines.children import Child, StopPlan, spawn
from coinslot.engines.engine import Engine, Progress, free_port, silent
from coinslot.engines.identity import Identity, engine_identity, first_closed_folder

_STOP = StopPlan(polite=signal.SIGTERM, polite_s=10.0)
_LOOPBACK = "127.0.0.1"
_SECRETS = "secrets.json"
_CONFIG = "nats.conf"


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """Everything our own processes need to use the broker. Contains secrets: never log it."""

    url: str
    """For NATS clients; without credentials."""
    server_user: str
    server_password: str
    """Account APP: reads and writes every terminal's subjects."""
    auth_user: str
    auth_password: str
    """Account AUTH: answers the auth callout."""
    sys_user: str
    sys_password: str
    """Account SYS: presence events and disconnecting terminals."""
    issuer_seed: str
    """The account key that signs the callout's answers."""
    mqtt_host: str
    mqtt_port: int
    """Where terminals connect."""

    def __repr__(self) -> str:
        return f"BrokerAccess(url={self.url!r}, mqtt={self.mqtt_host}:{self.mqtt_port})"

    @property
    def issuer(self) -> str:
        """The public half of the issuer's key, as it stands in the broker's configuration."""
        return public_key_of(self.issuer_seed)


class _Secrets(msgspec.Struct, frozen=True):
    """What is made once and kept, mode 0600."""

    server_password: str
    auth_password: str
    sys_password: str
    issuer_seed: str
    nats_port: int
    mqtt_port: int


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """Certificate and key of the MQTT listener, PEM files."""

    cert: Path
    key: Path


class EmbeddedBroker(Engine):
    """A NATS server below `folder`, on loopback; its ports are chosen once and kept while they are free.

    `mqtt_host` is where terminals connect; `tls` secures that listener. `program` is a nats-server;
    without it COINSLOT_NATS_BIN, then the package, then PATH.
    """

    name = "nats"
    ready_s = 20.0

    def __init__(
        self,
        folder: Path,
        progress: Progress = silent,
        *,
        program: Path | None = None,
        mqtt_host: str = _LOOPBACK,
        tls: ListenerTls | None = None,
    ) -> None:
        super().__init__(folder, progress)
        self._program = program
        self._mqtt_host = mqtt_host
        self._tls = tls
        self._secrets: _Secrets | None = None

    @property
    def access(self) -> BrokerAccess:
        """Address and passwords. RuntimeError before the first start."""
        made = self._secrets
        if made is None:
            raise RuntimeError("the broker was never started")
        return BrokerAccess(
            url=f"nats://{_LOOPBACK}:{made.nats_port}",
            server_user="server",
            server_password=made.server_password,
            auth_user="auth",
            auth_password=made.auth_password,
            sys_user="sys",
            sys_password=made.sys_password,
            issuer_seed=made.issuer_seed,
            mqtt_host=self._mqtt_host,
            mqtt_port=made.mqtt_port,
        )

    def attach(self) -> bool:
        """Make `access` that of a broker another process runs in this folder. False when none runs there."""
        text = self._folder.read(_SECRETS)
        if text is None or not self._folder.held_by_another():
            return False
        self._secrets = msgspec.json.decode(text, type=_Secrets)
        return True

    def _spawn(self) -> Child:
        store = self._folder.path / "store"
        identity = engine_identity(store)
        self._folder.claim(identity)
        program, _ = find_nats(self._program)
        program = self._reachable_program(program, identity)
        self._folder.private("store", identity)
        self._secrets = self._keep_secrets()
        tls = self._copy_tls(identity)
        config = self._folder.write_secret(
            _CONFIG, configuration(self.access, store=store, tls=tls, mqtt_host=self._mqtt_host), identity
        )
        self._progress("starting NATS")
        return spawn(
            [program, "-c", config],
            name=self.name,
            plan=_STOP,
            identity=identity,
            log=self.log,
            environment={"PATH": "/usr/bin:/bin", "TZ": "UTC"},
            keep_open=[self._folder.lock_descriptor],
        )

    def _is_ready(self) -> bool:
        """Ready when it greets NATS clients and its MQTT listener, which opens last, takes connections."""
        if not self.running or self._secrets is None:
            return False
        mqtt_host = _LOOPBACK if self._mqtt_host == "0.0.0.0" else self._mqtt_host
        return _greets(_LOOPBACK, self._secrets.nats_port) and _listens(mqtt_host, self._secrets.mqtt_port)

    def _passes(self, words: str) -> bool:
        return "address already in use" in words  # somebody took a port between our look and its bind

    def _keep_secrets(self) -> _Secrets:
        kept = self._secrets
        text = self._folder.read(_SECRETS)
        if kept is None and text is not None:
            kept = msgspec.json.decode(text, type=_Secrets)
        nats_port = free_port(preferred=kept.nats_port if kept else None)
        mqtt_port = free_port(self._mqtt_host, preferred=kept.mqtt_port if kept else None)
        while mqtt_port == nats_port:
            mqtt_port = free_port(self._mqtt_host)
        if kept is None:
            made = _Secrets(
                server_password=secrets.token_hex(24),
                auth_password=secrets.token_hex(24),
                sys_password=secrets.token_hex(24),
                issuer_seed=new_issuer_seed(),
                nats_port=nats_port,
                mqtt_port=mqtt_port,
            )
        else:
            made = msgspec.structs.replace(kept, nats_port=nats_port, mqtt_port=mqtt_port)
        if made != kept or text is None:
            self._folder.write_secret(_SECRETS, msgspec.json.encode(made).decode())
        return made

    def _copy_tls(self, identity: Identity) -> ListenerTls | None:
        """The child's own copies: the originals may be readable by us alone."""
        if self._tls is None:
            return None
        copies = [
            self._folder.write_secret(name, source.read_text(encoding="utf-8"), identity)
            for name, source in (("mqtt.crt", self._tls.cert), ("mqtt.key", self._tls.key))
        ]
        return ListenerTls(*copies)

    def _reachable_program(self, program: Path, identity: Identity) -> Path:
        """The program as it lies, or a copy in our folder where the child cannot reach the original."""
        if first_closed_folder(program.parent, identity) is None:
            return program
        draft = self._folder.path / "nats-server.new"
        shutil.copy2(program, draft)
        draft.chmod(0o755)
        return draft.replace(self._folder.path / "nats-server")


def new_issuer_seed() -> str:
    """A fresh account key's seed, `SA…`."""
    return bytes(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_ACCOUNT)).decode("ascii")


def public_key_of(seed: str) -> str:
    """The public key, `A…`, of an account key's seed. nkeys' own errors when it is no seed."""
    return bytes(nkeys.from_seed(bytearray(seed, "ascii")).public_key).decode("ascii")


def configuration(access: BrokerAccess, *, store: Path, tls: ListenerTls | None, mqtt_host: str) -> str:
    """The broker's configuration file.

    A terminal's message is at most 4 KiB, so anything near 64 KiB is none of ours. Every user of our own
    may come by the NATS protocol only: terminals alone come by MQTT.
    """
    own = 'allowed_connection_types: ["STANDARD"]'
    secure = f"\n  tls {{ cert_file: {_quoted(tls.cert)}, key_file: {_quoted(tls.key)} }}" if tls else ""
    return f"""\
server_name: "coinslot-1"
listen: "{access.url.removeprefix("nats://")}"
max_payload: 65536
jetstream {{
  store_dir: {_quoted(store)}
  max_memory_store: 67108864
  max_file_store: 1073741824
  limits {{ default_max_consumers: -1 }}
}}
mqtt {{
  listen: "{mqtt_host}:{access.mqtt_port}"{secure}
}}
accounts {{
  APP {{
    jetstream: enabled
    users: [{{ user: {access.server_user}, password: "{access.server_password}", {own} }}]
  }}
  AUTH {{
    users: [{{ user: {access.auth_user}, password: "{access.auth_password}", {own} }}]
  }}
  SYS {{
    users: [{{ user: {access.sys_user}, password: "{access.sys_password}", {own} }}]
  }}
}}
system_account: SYS
authorization {{
  timeout: 3
  auth_callout {{
    issuer: {access.issuer}
    account: AUTH
    auth_users: [{access.auth_user}, {access.server_user}, {access.sys_user}]
  }}
}}
"""


def url_with_login(url: str, user: str, password: str) -> str:
    """A NATS URL that carries a login, for clients that take nothing else."""
    return url.replace("://", f"://{quote(user, safe='')}:{quote(password, safe='')}@", 1)


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _greets(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1.0) as connection:
            return connection.recv(5) == b"INFO "
    except OSError:
        return False


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True
