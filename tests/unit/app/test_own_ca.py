"""The CA that an installation makes for its terminals: kept, renewed in time, refused when damaged."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from coinslot.app.errors import Problem
from coinslot.app.own_ca import CERTIFICATE_DAYS, OwnTls, find_ca, own_tls, read_ca
from coinslot.terminal.trust import tls_context

NOW = datetime.now(UTC)


def certificate(made: OwnTls) -> x509.Certificate:
    return x509.load_pem_x509_certificate(made.cert.read_bytes())


def names(made: OwnTls) -> set[str]:
    found = certificate(made).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in found}


def shakes_hands(made: OwnTls, name: str, ca: Path) -> bool:
    """Whether a terminal that pins this CA talks to a listener with this certificate."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.cert, made.key)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    serving = threading.Thread(target=serve)
    serving.start()
    ours.settimeout(10)
    try:
        context = tls_context(ca, int(NOW.timestamp() * 1000))
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
        context.wrap_socket(ours, server_hostname=name).close()
    except ssl.SSLError:
        return False
    finally:
        ours.close()
        serving.join()
    return True


def test_it_is_made_once_for_us_alone_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    assert find_ca(folder) is None
    made = own_tls(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(before) == ["ca-key.pem", "ca.pem", "mqtt-key.pem", "mqtt.pem"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert own_tls(folder) == made
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert find_ca(folder) == made.ca == read_ca(folder / "ca.pem")
    assert "PRIVATE" not in made.ca


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "localhost", "link.example.org", "192.0.2.7"])
def test_a_terminal_that_pins_it_connects_under_each_of_its_names(name: str, tmp_path: Path) -> None:
    made = own_tls(tmp_path, ["link.example.org", "192.0.2.7", "0.0.0.0", "localhost"])
    assert names(made) == {"127.0.0.1", "::1", "localhost", "link.example.org", "192.0.2.7"}
    assert shakes_hands(made, name, tmp_path / "ca.pem")


def test_another_installations_terminals_do_not_and_another_name_does_not(tmp_path: Path) -> None:
    made = own_tls(tmp_path / "a")
    own_tls(tmp_path / "b")
    assert not shakes_hands(made, "localhost", tmp_path / "b" / "ca.pem")
    assert not shakes_hands(made, "evil.example", tmp_path / "a" / "ca.pem")


def test_the_certificate_is_renewed_with_a_third_left_and_terminals_notice_nothing(tmp_path: Path) -> None:
    made = own_tls(tmp_path)
    first = certificate(made).serial_number
    third = CERTIFICATE_DAYS // 3
    own_tls(tmp_path, now=datetime.now(UTC) + timedelta(days=2 * third - 1))
    assert certificate(made).serial_number == first
    again = own_tls(tmp_path, now=datetime.now(UTC) + timedelta(days=2 * third + 1))
    assert certificate(again).serial_number != first
    assert again.ca == made.ca


def test_another_name_is_another_certificate(tmp_path: Path) -> None:
    first = certificate(own_tls(tmp_path)).serial_number
    made = own_tls(tmp_path, ["link.example.org"])
    assert certificate(made).serial_number != first
    assert "link.example.org" in names(made)


@pytest.mark.parametrize("harm", ["cut", "empty", "gone", "another's"])
@pytest.mark.parametrize("file", ["mqtt.pem", "mqtt-key.pem"])
def test_a_damaged_certificate_is_made_anew(file: str, harm: str, tmp_path: Path) -> None:
    made = own_tls(tmp_path / "a")
    damage(tmp_path, file, harm)
    assert shakes_hands(own_tls(tmp_path / "a"), "localhost", tmp_path / "a" / "ca.pem")
    assert find_ca(tmp_path / "a") == made.ca


@pytest.mark.parametrize("harm", ["cut", "empty", "another's"])
@pytest.mark.parametrize("file", ["ca.pem", "ca-key.pem"])
def test_a_damaged_ca_is_never_replaced_behind_the_terminals_backs(
    file: str, harm: str, tmp_path: Path
) -> None:
    own_tls(tmp_path / "a")
    damage(tmp_path, file, harm)
    with pytest.raises(Problem, match=r"ca(-key)?\.pem") as caught:
        own_tls(tmp_path / "a")
    assert "backup" in caught.value.remedy


def test_a_ca_without_its_key_signs_nothing_more(tmp_path: Path) -> None:
    own_tls(tmp_path)
    (tmp_path / "ca-key.pem").unlink()
    with pytest.raises(Problem, match=r"ca-key\.pem is missing"):
        own_tls(tmp_path)


def damage(folder: Path, file: str, harm: str) -> None:
    path = folder / "a" / file
    match harm:
        case "cut":
            path.write_bytes(path.read_bytes()[:100])
        case "empty":
            path.write_bytes(b"")
        case "gone":
            path.unlink()
        case _:
            own_tls(folder / "b")
            path.write_bytes((folder / "b" / file).read_bytes())


@pytest.mark.parametrize(
    "text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_file_that_is_no_ca_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(text, encoding="ascii")
    with pytest.raises(Problem, match="holds no certificate"):
        read_ca(tmp_path / "ca.pem")
