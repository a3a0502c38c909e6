"""Bands of the day, seasons of the year, and the keys of the counters that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from coinslot.tariffs.model import Band, Season, TariffError
from coinslot.wire.registers import Register

DAY_MIN = 24 * 60
_LEAP_YEAR = 2024
"""Days of the year are compared within a leap year, so that 29 February is one of them."""


class ScopeKind(StrEnum):
    """What a counter counts."""

    DAY = "day"
    """Units of the free daily allowance used or reserved by the customer on a local day."""
    YEAR = "year"
    """All units metered for the customer in the year or season that `key` names."""


class Scope(Struct, frozen=True):
    """One counter that the caller loads before a quote and moves at hold and settlement."""

    kind: ScopeKind
    register: Register
    key: str
    """Such as "2026-11-22", "2026" or "2026/winter": the site's local time, by the start of the season."""


def minute(text: str) -> int:
    """Read "22:30" as minutes after midnight; "24:00" is the end of the day."""
    return int(text[:2]) * 60 + int(text[3:])


def band_at(bands: Sequence[Band], at: datetime) -> Band:
    """The band in which a session starts. The parser has made sure that there is one."""
    now = at.hour * 60 + at.minute
    for band in bands:
        start, end = minute(band.starts), minute(band.ends)
        if (start <= now < end) if start < end else (now >= start or now < end):
            return band
    raise TariffError("bands", f"no band covers {at:%H:%M}")


def season_at(seasons: Sequence[Season], at: datetime) -> Season:
    """The season in which a session starts. The parser has made sure that there is one."""
    today = f"{at:%m-%d}"
    for season in seasons:
        if _in_season(season, today):
            return season
    raise TariffError("seasons", f"no season covers {today}")


def day_key(at: datetime) -> str:
    """The key of a local day."""
    return at.date().isoformat()


def year_key(at: datetime) -> str:
    """The key of a local calendar year."""
    return f"{at.year:04d}"


def season_key(season: Season, at: datetime) -> str:
    """The key of one season: named by the year it began in, so that New Year does not cut it."""
    began_last_year = season.starts > season.ends and f"{at:%m-%d}" <= season.ends
    return f"{at.year - began_last_year:04d}/{season.name}"


def check_bands(bands: Sequence[Band], where: str) -> None:
    """TariffError unless every minute of the day is in exactly one band."""
    owner: list[int | None] = [None] * DAY_MIN
    for index, band in enumerate(bands):
        start, end = minute(band.starts), minute(band.ends)
        if start == DAY_MIN:
            raise TariffError(f"{where}[{index}].from", "a band cannot start at 24:00; write 00:00")
        for now in range(start, end if end > start else end + DAY_MIN):
            taken = owner[now % DAY_MIN]
            if taken is not None:
                at = _clock(now % DAY_MIN)
                raise TariffError(f"{where}[{index}]", f"overlaps {where}[{taken}] at {at}")
            owner[now % DAY_MIN] = index
    if None in owner:
        raise TariffError(where, f"no band covers {_clock(owner.index(None))}")


def check_seasons(seasons: Sequence[Season], where: str) -> None:
    """TariffError unless every day of a leap year is in exactly one season, each with its own name."""
    for index, season in enumerate(seasons):
        for edge, text in (("from", season.starts), ("to", season.ends)):
            if not _is_day(text):
                raise TariffError(f"{where}[{index}].{edge}", f"{text} is not a day of the year")
        if any(season.name == other.name for other in seasons[:index]):
            raise TariffError(f"{where}[{index}].name", f"{season.name} names two seasons")
    day = date(_LEAP_YEAR, 1, 1)
    while day.year == _LEAP_YEAR:
        today = f"{day:%m-%d}"
        found = [index for index, season in enumerate(seasons) if _in_season(season, today)]
        if not found:
            raise TariffError(where, f"no season covers {today}")
        if len(found) > 1:
            raise TariffError(f"{where}[{found[1]}]", f"overlaps {where}[{found[0]}] on {today}")
        day += timedelta(days=1)


def _in_season(season: Season, today: str) -> bool:
    if season.starts <= season.ends:
        return season.starts <= today <= season.ends
    return today >= season.starts or today <= season.ends


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(f"{_LEAP_YEAR}-{text}")
    except ValueError:
        return False
    return True


def _clock(now: int) -> str:
    return f"{now // 60:02d}:{now % 60:02d}"
