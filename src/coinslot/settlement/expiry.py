"""How long a start may be on its way: by the terminal's link time, and by ours, when it certainly has refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from coinslot.settlement.changes import Terminal

START_TTL: Final = timedelta(seconds=15)
"""How long a start may take to reach the terminal: a 2G module that must first be paged needs 5-10 s."""
_MARGIN: Final = timedelta(seconds=2)
_DRIFT_PPM: Final = 200  # the worst pair of crystals: 100 ppm each way


def expiry(terminal: Terminal, now: datetime) -> tuple[int, datetime]:
    """(Link time until which the terminal may obey a start made now; the moment from which it certainly will not.)"""
    age_ms = terminal.link_time_ms(now)
    expired_at = now + START_TTL + _MARGIN + timedelta(milliseconds=age_ms * _DRIFT_PPM // 1_000_000)
    return age_ms + START_TTL // timedelta(milliseconds=1), expired_at
