"""The broker lets in our own logins, by the NATS protocol, and nobody else."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import nats
import nats.errors
import pytest

from coinslot.engines.broker import BrokerAccess, EmbeddedBroker, ListenerTls
from tests.support.certificates import write_certificate


def mqtt_connect(user: str, password: str) -> bytes:
    """An MQTT 3.1.1 CONNECT with a clean session."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    body = text("MQTT") + b"\x04\xc2\x00\x3c" + text(user) + text(user) + text(password)
    return b"\x10" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body


async def test_each_login_gets_in_by_its_password_only(broker: BrokerAccess) -> None:
    logins = [
        (broker.server_user, broker.server_password),
        (broker.auth_user, broker.auth_password),
        (broker.sys_user, broker.sys_password),
    ]
    for user, password in logins:
        client = await nats.connect(broker.url, user=user, password=password, allow_reconnect=False)
        assert client.max_payload == 65536
        await client.close()


async def test_the_server_login_is_kept_out_of_the_system_account(broker: BrokerAccess) -> None:
    client = await nats.connect(
        broker.url, user=broker.server_user, password=broker.server_password, allow_reconnect=False
    )
    with pytest.raises(nats.errors.Error):
        await client.request("$SYS.REQ.SERVER.PING", b"", timeout=0.5)
    await client.close()


def test_our_own_logins_do_not_work_for_a_terminal(broker: BrokerAccess) -> None:
    with socket.create_connection((broker.mqtt_host, broker.mqtt_port), timeout=10) as connection:
        connection.sendall(mqtt_connect(broker.server_user, broker.server_password))
        answer = connection.recv(4)
        assert answer == b"" or (answer[0] == 0x20 and answer[3] != 0)


def test_two_brokers_never_share_a_secret(broker: BrokerAccess, folder: Path) -> None:
    with EmbeddedBroker(folder / "nats") as other:
        assert other.access.server_password != broker.server_password
        assert other.access.issuer != broker.issuer


def test_a_port_that_was_taken_meanwhile_is_chosen_anew(folder: Path) -> None:
    with EmbeddedBroker(folder / "nats") as broker:
        before = broker.access
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", before.mqtt_port))
        thief.listen()
        with EmbeddedBroker(folder / "nats") as broker:
            assert broker.access.mqtt_port != before.mqtt_port
            assert broker.access.url == before.url
            assert broker.access.issuer_seed == before.issuer_seed


def test_with_a_certificate_the_terminals_listener_speaks_tls(folder: Path) -> None:
    cert, key = write_certificate(folder)
    key.chmod(0o600)
    with EmbeddedBroker(folder / "nats", tls=ListenerTls(cert, key)) as broker:
        context = ssl.create_default_context(cafile=str(cert))
        with (
            socket.create_connection((broker.access.mqtt_host, broker.access.mqtt_port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            assert secure.version() == "TLSv1.3"
