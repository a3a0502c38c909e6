"""When something may be tried again, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from coinslot.web.pages.page import Page

_SECONDS_UP_TO = 90
_MINUTES_UP_TO = 60


def seconds_until(at: datetime) -> int:
    """Whole seconds from now, rounded up; 0 for the past."""
    left = (at - datetime.now(UTC)).total_seconds()
    return max(0, int(left) + (left > int(left)))


def again_words(page: Page, at: datetime, timezone: str) -> str:
    """Such as "in 43 s", "in 12 minutes", "at 14:32": the nearer, the finer."""
    left_s = max(1, seconds_until(at))
    if left_s <= _SECONDS_UP_TO:
        return page.say("in %(s)s s", s=left_s)
    minutes = -(-left_s // 60)
    if minutes <= _MINUTES_UP_TO:
        return page.say("in %(minutes)s minutes", minutes=minutes)
    return page.say("at %(time)s", time=f"{at.astimezone(ZoneInfo(timezone)):%H:%M}")
