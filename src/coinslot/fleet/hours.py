"""Opening hours: when an appliance may be started, by the clock on the wall where it stands. Pure.

One text says it all, for people, for the command line and in the database:

    mon-fri 06:00-09:00 17:00-22:00; sat,sun 06:00-02:00; closed 2027-01-01 2027-02-10..2027-02-17

A day that is not named is shut; a span that ends at or before its beginning runs over midnight. On a closed date nothing
opens from midnight to midnight, and a span of the evening before ends there. An empty text is open always.

The wall's clock decides where it is put forward or back too: an hour that does not exist is open to nobody, one that
comes twice is open twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from coinslot.fields import FieldError

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_TEXT: Final = 4_000
MAX_SPANS: Final = 6
"""In one day: more is a mistake."""
NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""When something opens that stays shut for two years."""
_LONGEST_CLOSED: Final = 366
_LOOK_AHEAD: Final = 800
"""Days that are searched for the next opening: two of the longest closed stretches."""
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_day_minutes: Final = 24 * 60

_span = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_date = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Span(NamedTuple):
    """Minutes since midnight; `until` is above 1,440 where it runs into the next day."""

    since: int
    until: int


Week: TypeAlias = tuple[tuple[Span, ...], ...]
"""Each day's spans, Monday first; empty where none is set."""


class Closed(NamedTuple):
    """Dates on which nothing opens, the last one too."""

    first: date
    last: date


class Hours(NamedTuple):
    """Weekly spans, Monday first, and dates without any. No week at all: open but for those dates."""

    week: Week
    closed: tuple[Closed, ...]


def parse_hours(text: str) -> Hours | None:
    """What the text says; None for an empty one. FieldError names the piece that is wrong."""
    plain = " ".join(text.lower().split())
    if not plain:
        return None
    if len(plain) > MAX_TEXT:
        raise FieldError("hours", f"may be at most {MAX_TEXT} characters")
    return _parse(plain)


def hours_text(hours: Hours | None) -> str:
    """The one form in which they are kept: equal hours are equal texts."""
    if hours is None:
        return ""
    parts = []
    day = 0
    while day < len(hours.week):
        spans, last = hours.week[day], day
        while last + 1 < len(hours.week) and hours.week[last + 1] == spans:
            last += 1
        if spans:
            named = DAYS[day] if last == day else f"{DAYS[day]}-{DAYS[last]}"
            parts.append(" ".join((named, *map(_span_text, spans))))
        day = last + 1
    if hours.closed:
        parts.append(" ".join(("closed", *map(_closed_text, hours.closed))))
    return "; ".join(parts)


def check_hours(text: str) -> str:
    """The same hours as they are kept. FieldError."""
    return hours_text(parse_hours(text))


def is_open(own: str, site: str, local: datetime) -> bool:
    """Whether something with these hours may be started at this moment by the wall's clock.

    `own` are the appliance's, in place of the site's week where it has one; dates of both are closed.
    """
    week, closed = _both(own, site)
    return _is_open(week, closed, local)


def shut_until(own: str, site: str, timezone: str, now: datetime) -> datetime | None:
    """None where it is open now; else when it opens next, in UTC. `NEVER` where that is not to be seen.

    Costs nothing where no hours are set.
    """
    if not own and not site:
        return None
    zone = ZoneInfo(timezone)
    week, closed = _both(own, site)
    if _is_open(week, closed, now.astimezone(zone)):
        return None
    return next(_openings(week, closed, zone, now), NEVER)


def _openings(week: Week, closed: frozenset[Closed], zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    """Moments after `now` at which it is open, in order: the first is when it opens, while it is shut now."""
    today = now.astimezone(zone).date()
    for ahead in range(_LOOK_AHEAD):
        day = today + timedelta(days=ahead)
        begins, ends = _midnight(day, zone), _midnight(day + _DAY, zone)
        if ends - begins == _DAY:
            # What the evening before leaves of today, or a closed date of it, can only open at midnight.
            since = {0, *(span.since for span in (week[day.weekday()] if week else ()))}
            moments = [begins + minutes * _MINUTE for minutes in sorted(since)]
        else:  # the clock is put forward or back: each minute is looked at
            moments = [begins + minutes * _MINUTE for minutes in range((ends - begins) // _MINUTE)]
        for moment in moments:
            if moment > now and _is_open(week, closed, moment.astimezone(zone)):
                yield moment


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _is_open(week: Week, closed: frozenset[Closed], local: datetime) -> bool:
    day = local.date()
    if any(each.first <= day <= each.last for each in closed):
        return False
    if not week:
        return True
    minute = local.hour * 60 + local.minute
    return any(span.since <= minute < span.until for span in week[day.weekday()]) or any(
        minute < span.until - _day_minutes for span in week[(day.weekday() - 1) % 7]
    )


@lru_cache(maxsize=1024)
def _both(own: str, site: str) -> tuple[Week, frozenset[Closed]]:
    mine, theirs = parse_hours(own), parse_hours(site)
    week = mine.week if mine is not None and mine.week else (theirs.week if theirs is not None else ())
    closed = frozenset((*(mine.closed if mine else ()), *(theirs.closed if theirs else ())))
    return week, closed


def _parse(plain: str) -> Hours:
    week: list[tuple[Span, ...]] = [()] * 7
    closed: list[Closed] = []
    named: set[int] = set()
    for part in filter(None, (piece.strip() for piece in plain.split(";"))):
        head, *rest = part.split()
        if not rest:
            raise FieldError("hours", f"{head[:40]!r} has no times; write it as mon-fri 06:00-22:00")
        if head == "closed":
            closed += [_closed(word) for word in rest]
            continue
        spans = _spans(rest)
        for day in _days(head):
            if day in named:
                raise FieldError("hours", f"{DAYS[day]} is named twice; write all its times together")
            named.add(day)
            week[day] = spans
    return Hours(tuple(week) if named else (), tuple(sorted(set(closed))))


def _days(head: str) -> list[int]:
    days: list[int] = []
    for piece in head.split(","):
        first, _, last = piece.partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise FieldError("hours", f"{piece[:40]!r} is no day; days are {', '.join(DAYS)}")
        since, until = DAYS.index(first), DAYS.index(last or first)
        days += [day % 7 for day in range(since, until + 1 if until >= since else until + 8)]
    return days


def _spans(words: list[str]) -> tuple[Span, ...]:
    if len(words) > MAX_SPANS:
        raise FieldError("hours", f"a day may have at most {MAX_SPANS} times")
    spans = sorted(_one_span(word) for word in words)
    for earlier, later in pairwise(spans):
        if later.since < earlier.until:
            raise FieldError("hours", f"{_span_text(earlier)} and {_span_text(later)} overlap")
    return tuple(spans)


def _one_span(word: str) -> Span:
    match = _span.fullmatch(word)
    if match is None:
        raise FieldError("hours", f"{word[:40]!r} is no time; write it as 06:00-22:00")
    hours, minutes, until_hours, until_minutes = map(int, match.groups())
    since, until = hours * 60 + minutes, until_hours * 60 + until_minutes
    if minutes > 59 or until_minutes > 59 or since >= _day_minutes or until > _day_minutes:
        raise FieldError("hours", f"{word!r} is no time of a day; it has 00:00 to 24:00")
    if since == until:
        raise FieldError("hours", f"{word!r} begins and ends at once; a whole day is 00:00-24:00")
    return Span(since, until if until > since else until + _day_minutes)


def _closed(word: str) -> Closed:
    first, dots, last = word.partition("..")
    found = Closed(_day(first), _day(last) if dots else _day(first))
    if not found.first <= found.last < found.first + timedelta(days=_LONGEST_CLOSED):
        raise FieldError(
            "hours", f"{word!r} must run from a date to a later one, {_LONGEST_CLOSED} days at most"
        )
    return found


def _day(text: str) -> date:
    try:
        if _date.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass  # told below: such as the 29th of February of most years
    raise FieldError("hours", f"{text[:40]!r} is no date; write it as 2027-02-28")


def _span_text(span: Span) -> str:
    until = span.until if span.until <= _day_minutes else span.until - _day_minutes
    return f"{span.since // 60:02}:{span.since % 60:02}-{until // 60:02}:{until % 60:02}"


def _closed_text(closed: Closed) -> str:
    return str(closed.first) if closed.first == closed.last else f"{closed.first}..{closed.last}"
