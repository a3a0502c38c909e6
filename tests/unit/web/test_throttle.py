"""Slowing down guessers, in a time that the test moves."""

from __future__ import annotations

import pytest

from coinslot.addresses import source_of
from coinslot.web.throttle import Throttle


class Hands:
    """A clock that goes only when it is told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def throttle(clock: Hands) -> Throttle:
    return Throttle(burst=3, every_s=10, all_burst=5, all_every_s=1, clock=clock)


def test_a_few_mistakes_are_free_then_each_costs_time() -> None:
    clock = Hands()
    doors = throttle(clock)
    for _ in range(3):
        assert doors.wait_s("a") == 0
        doors.failed("a")
    assert doors.wait_s("a") == 10
    clock.now_s = 9.5
    assert doors.wait_s("a") == 1
    clock.now_s = 10
    assert doors.wait_s("a") == 0
    doors.failed("a")
    assert doors.wait_s("a") == 10


def test_one_address_does_not_shut_out_another_until_all_together_are_too_many() -> None:
    clock = Hands()
    doors = throttle(clock)
    for _ in range(3):
        doors.failed("a")
    assert doors.wait_s("b") == 0
    for _ in range(2):
        doors.failed("b")
    assert doors.wait_s("c") == 1
    clock.now_s = 1
    assert doors.wait_s("c") == 0


def test_waiting_long_gives_no_more_than_the_burst() -> None:
    clock = Hands()
    doors = throttle(clock)
    doors.failed("a")
    clock.now_s = 1e6
    for _ in range(3):
        assert doors.wait_s("a") == 0
        doors.failed("a")
    assert doors.wait_s("a") > 0


def test_a_million_addresses_do_not_fill_the_memory() -> None:
    clock = Hands()
    doors = Throttle(burst=1, every_s=10, all_burst=10**9, all_every_s=1, clock=clock)
    for number in range(20_000):
        doors.failed(str(number))
    assert doors.wait_s("19999") == 10
    assert doors.wait_s("0") == 0


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_a_subscriber_counts_once_however_many_addresses_he_has(address: str, source: str) -> None:
    assert source_of(address) == source


def test_changing_the_lower_half_of_an_address_gains_nothing() -> None:
    doors = throttle(Hands())
    for number in range(3):
        doors.failed(f"2001:db8::{number}")
    assert doors.wait_s("2001:db8::ffff") == 10
    assert doors.wait_s("2001:db8:0:1::ffff") == 0
