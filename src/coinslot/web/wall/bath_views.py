"""What the wall shows of showers, in the words of one language."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from coinslot.web.pages import figures
from coinslot.web.pages.languages import Language, Words, marked
from coinslot.web.wall.baths import BathsPort, StallShown
from coinslot.web.wall.room_views import one_language

WIDE: Final = 32
"""Columns of a display that a stall's front has no room for at its usual size."""


class StallView(Struct, frozen=True, kw_only=True):
    """One stall in words and figures; `tone` is the status's colour class."""

    id: str
    word: str
    tone: str
    troubles: tuple[str, ...]
    lines: tuple[str, ...]
    open: bool
    flows: bool
    valve: str
    litres: str


class Bathroom(Struct, frozen=True, kw_only=True):
    """The stalls of one room."""

    site: str
    room: str
    stalls: tuple[tuple[StallShown, StallView], ...]


def stall_id(one: StallShown) -> str:
    """What the page calls it."""
    return f"{one.terminal}-{one.outlet}"


def stalls(wall: BathsPort, words: Words) -> dict[str, StallView]:
    """All of them as they stand now."""
    return {stall_id(one): stall(one, words) for one in wall.stalls(words.language.value)}


def bathrooms(wall: BathsPort, words: Words) -> list[Bathroom]:
    """The same by room: rooms that have a name first, since those are bathrooms and no more."""
    rooms: dict[tuple[str, str], list[tuple[StallShown, StallView]]] = {}
    for one in wall.stalls(words.language.value):
        rooms.setdefault((one.site, one.room), []).append((one, stall(one, words)))
    return [
        Bathroom(site=site, room=room, stalls=tuple(found))
        for (site, room), found in sorted(rooms.items(), key=lambda pair: not pair[0][1])
    ]


def stall(one: StallShown, words: Words) -> StallView:
    """One of them."""
    word, tone = _status(one)
    return StallView(
        id=stall_id(one),
        word=words.gettext(word),
        tone=tone,
        troubles=tuple(trouble.value for trouble in one.troubles),
        lines=one.lines,
        open=one.valve_open,
        flows=one.flow_ml_per_min > 0,
        valve=words.gettext(marked("Valve open") if one.valve_open else marked("Valve shut")),
        litres=f"{figures.litres(one.poured_ml)} L",
    )


def beside_words(one: StallShown, language: Language) -> str:
    """The other stalls of its board."""
    return ", ".join(one_language(name, language) for name in one.beside)


def _status(one: StallShown) -> tuple[str, str]:
    if not one.powered:
        return marked("no power"), "bad"
    if not one.online:
        word = marked("in use, offline") if one.in_use else marked("offline")
        return marked("paused, offline") if one.paused else word, "bad"
    if one.paused:
        return marked("paused"), "run"
    if one.in_use:
        return marked("in use"), "run"
    return (marked("out of order"), "warn") if one.out_of_order else (marked("free"), "")
