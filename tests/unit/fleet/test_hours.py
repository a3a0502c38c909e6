"""Opening hours: what a text says, when something is open, when it opens next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from coinslot.fields import FieldError
from coinslot.fleet.hours import NEVER, check_hours, is_open, parse_hours, shut_until

WEEK = "mon-fri 06:00-09:00 17:00-22:00; sat,sun 06:00-02:00"
ZONE = "Asia/Shanghai"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _next(hours: str, now: str, zone: str = ZONE, site: str = "") -> str:
    """When it opens, by the wall's clock; '' for open now."""
    found = shut_until(hours, site, zone, _at(now).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))
    return "" if found is None else found.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("  ", ""),
        ("MON-FRI 6:00-9:00  17:00-22:00;", "mon-fri 06:00-09:00 17:00-22:00"),
        ("sun,mon,tue 10:00-11:00", "mon-tue 10:00-11:00; sun 10:00-11:00"),
        ("sat-tue 00:00-24:00", "mon-tue 00:00-24:00; sat-sun 00:00-24:00"),
        ("mon 20:00-02:00", "mon 20:00-02:00"),
        ("mon 17:00-18:00 06:00-07:00", "mon 06:00-07:00 17:00-18:00"),
        ("closed 2028-02-29", "closed 2028-02-29"),
        ("closed 2027-02-10..2027-02-17 2027-01-01", "closed 2027-01-01 2027-02-10..2027-02-17"),
    ],
)
def test_equal_hours_are_kept_as_equal_texts(text: str, kept: str) -> None:
    assert check_hours(text) == kept
    assert check_hours(kept) == kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mon", "no times"),
        ("someday 06:00-22:00", "no day"),
        ("mon-xyz 06:00-22:00", "no day"),
        ("mon 6-22", "no time"),
        ("mon 06:60-22:00", "no time of a day"),
        ("mon 06:00-24:01", "no time of a day"),
        ("mon 24:00-01:00", "no time of a day"),
        ("mon 06:00-06:00", "whole day"),
        ("mon 06:00-09:00 08:00-10:00", "overlap"),
        ("mon 20:00-02:00 23:00-24:00", "overlap"),
        ("mon 06:00-09:00; mon 10:00-11:00", "named twice"),
        ("closed 2027-02-29", "no date"),
        ("closed 20270228", "no date"),
        ("closed 2027-03-01..2027-02-01", "later one"),
        ("closed 2027-01-01..2029-01-01", "later one"),
        ("mon " + " ".join(f"{hour:02}:00-{hour:02}:30" for hour in range(7)), "at most 6"),
        ("closed " + "2027-01-01 " * 400, "characters"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(FieldError, match=said) as raised:
        parse_hours(text)
    assert raised.value.field == "hours"


@pytest.mark.parametrize(
    ("now", "open_now"),
    [
        ("2026-11-23 05:59", False),  # a Monday
        ("2026-11-23 06:00", True),
        ("2026-11-23 08:59", True),
        ("2026-11-23 09:00", False),
        ("2026-11-23 21:59", True),
        ("2026-11-23 22:00", False),
        ("2026-11-28 23:59", True),  # a Saturday, which runs into …
        ("2026-11-29 01:59", True),
        ("2026-11-29 02:00", False),
        ("2026-11-30 01:00", True),  # … and Sunday's into Monday
        ("2026-11-28 01:00", False),  # Friday's does not
    ],
)
def test_spans_of_a_week(now: str, open_now: bool) -> None:
    assert is_open(WEEK, "", _at(now)) is open_now


def test_a_closed_date_is_shut_from_midnight_to_midnight() -> None:
    hours = "sat-sun 20:00-02:00; closed 2026-11-29"
    assert is_open(hours, "", _at("2026-11-28 23:59"))
    assert not is_open(hours, "", _at("2026-11-29 00:00"))
    assert not is_open(hours, "", _at("2026-11-29 21:00"))
    # Sunday's evening was not cut off its end: it would have run into Monday, which is not closed.
    assert is_open(hours, "", _at("2026-11-30 01:00"))
    assert not is_open("closed 2028-02-29", "", _at("2028-02-29 12:00"))
    assert is_open("closed 2028-02-29", "", _at("2028-03-01 00:00"))
    assert is_open("closed 2028-02-28", "", _at("2028-02-29 00:00"))


def test_the_appliances_week_is_in_place_of_the_sites_and_dates_are_of_both() -> None:
    site = "mon-sun 08:00-20:00; closed 2027-01-01"
    own = "mon-sun 06:00-22:00"
    assert is_open(own, site, _at("2026-11-23 07:00"))
    assert not is_open("", site, _at("2026-11-23 07:00"))
    assert not is_open(own, site, _at("2027-01-01 12:00"))
    only_dates = "closed 2026-12-24"
    assert not is_open(only_dates, site, _at("2026-12-24 12:00"))
    assert not is_open(only_dates, site, _at("2026-12-23 07:00"))


def test_when_it_opens_next() -> None:
    assert _next(WEEK, "2026-11-23 07:00") == ""
    assert _next(WEEK, "2026-11-23 09:00") == "2026-11-23 17:00"
    assert _next(WEEK, "2026-11-23 22:30") == "2026-11-24 06:00"
    assert _next(WEEK + "; closed 2026-11-24..2026-11-25", "2026-11-23 22:30") == "2026-11-26 06:00"
    assert _next("closed 2028-02-29", "2028-02-29 12:00") == "2028-03-01 00:00"
    assert _next("sat-sun 20:00-02:00; closed 2026-11-29", "2026-11-29 12:00") == "2026-11-30 00:00"
    assert _next("", "2026-11-29 12:00") == ""
    assert shut_until("", "", "no such zone", _at("2026-11-29 12:00")) is None


def test_what_never_opens_says_so() -> None:
    closed = " ".join(f"{year}-01-01..{year}-12-31" for year in range(2026, 2031))
    assert shut_until(f"closed {closed}", "", ZONE, datetime(2026, 5, 1, tzinfo=UTC)) == NEVER


BERLIN = "Europe/Berlin"


def test_an_hour_that_does_not_exist_is_open_to_nobody() -> None:
    # In the night to the 28th of March 2027 the clock goes from 02:00 to 03:00.
    assert _next("sun 02:15-02:45", "2027-03-28 01:00", BERLIN) == "2027-04-04 02:15"
    assert _next("sun 02:30-05:00", "2027-03-28 01:00", BERLIN) == "2027-03-28 03:00"
    assert _next("sun 06:00-07:00", "2027-03-28 01:00", BERLIN) == "2027-03-28 06:00"


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    # On the 31st of October 2027 it goes back from 03:00 to 02:00: 00:00 to 01:00 UTC is the first, then the second.
    zone = ZoneInfo(BERLIN)
    for hour in (0, 1):
        moment = datetime(2027, 10, 31, hour, 20, tzinfo=UTC)
        assert is_open("sun 02:00-02:30", "", moment.astimezone(zone))
        assert shut_until("sun 02:00-02:30", "", BERLIN, moment) is None
    between = datetime(2027, 10, 31, 0, 40, tzinfo=UTC)
    assert shut_until("sun 02:00-02:30", "", BERLIN, between) == datetime(2027, 10, 31, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Asia/Shanghai"]
)
def test_what_is_said_to_be_the_next_opening_is_the_first_open_minute(zone: str) -> None:
    hours = "mon 02:15-02:45 23:30-00:30; wed-sun 01:30-02:10 20:00-01:45; closed 2027-03-29 2027-11-07"
    where = ZoneInfo(zone)
    for begins in (
        datetime(2027, 3, 13, tzinfo=UTC),
        datetime(2027, 3, 27, 12, tzinfo=UTC),
        datetime(2027, 10, 30, tzinfo=UTC),
    ):
        moment, found = begins, None
        for minute in range(36 * 60):
            moment = begins + timedelta(minutes=minute)
            if is_open(hours, "", moment.astimezone(where)):
                found = moment
                break
        if found == begins:
            assert shut_until(hours, "", zone, begins) is None
        elif found is not None:
            assert shut_until(hours, "", zone, begins) == found
