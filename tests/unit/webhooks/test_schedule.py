"""When a message is sent again, and what an answer means."""

from __future__ import annotations

from datetime import timedelta

import pytest

from coinslot.webhooks.schedule import GIVE_UP, LEASE, PAUSES_S, Verdict, pause, verdict


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        *[(status, Verdict.DELIVERED) for status in (200, 201, 202, 204, 299)],
        *[
            (status, Verdict.AGAIN)
            for status in (199, 300, 301, 302, 304, 307, 400, 401, 404, 409, 429, 500, 503)
        ],
        (410, Verdict.GONE),
        (None, Verdict.AGAIN),
    ],
)
def test_only_2xx_counts_and_only_410_ends_it(status: int | None, wanted: Verdict) -> None:
    assert verdict(status) is wanted


def test_tries_go_on_for_three_days_and_no_longer() -> None:
    since, tries = timedelta(), 1
    while (wait := pause(tries, since, 0.0)) is not None:
        since += wait
        tries += 1
    assert since <= GIVE_UP
    assert timedelta(days=2, hours=12) < since
    assert tries == 13


def test_a_pause_is_never_shorter_than_said_and_at_most_a_fifth_longer() -> None:
    for tries, base_s in enumerate(PAUSES_S, 1):
        least, most = pause(tries, timedelta(), 0.0), pause(tries, timedelta(), 0.999)
        assert least == timedelta(seconds=base_s)
        assert most is not None
        assert timedelta(seconds=base_s) < most < timedelta(seconds=base_s * 1.2)


def test_a_lease_outlives_every_call() -> None:
    from coinslot.providers.webhook_calls import TIME_S

    assert timedelta(seconds=3 * TIME_S) < LEASE
