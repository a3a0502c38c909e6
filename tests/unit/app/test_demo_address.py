"""The demo's address: the same port after each start where it can be, and one that phones can reach."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from coinslot.app.demo_address import free_port, is_loopback, seen_from_outside, url


def test_the_usual_port_is_taken_while_it_is_free_and_another_one_otherwise() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = free_port("127.0.0.1", port)
        assert other not in (0, port)
    assert free_port("127.0.0.1", port) == port


def test_an_address_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(OSError, match=r".+"):
        free_port("192.0.2.77")


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.7", False),
        ("wall.example.org", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone


def test_a_server_on_every_address_is_called_by_one_of_them() -> None:
    assert seen_from_outside("192.168.1.7") == "192.168.1.7"
    for anywhere in ("0.0.0.0", "::"):
        found = ipaddress.ip_address(seen_from_outside(anywhere))
        assert not found.is_unspecified


def test_an_address_is_written_as_browsers_take_it() -> None:
    assert url("127.0.0.1", 8080) == "http://127.0.0.1:8080"
    assert url("::1", 80) == "http://[::1]:80"
