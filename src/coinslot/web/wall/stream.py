"""The wall as it changes: everything first, then what is new, at most five times a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from msgspec import Struct

from coinslot.web.pages.languages import Words
from coinslot.web.streams import event
from coinslot.web.wall import bath_views, room_views, showing, told_views
from coinslot.web.wall.bath_views import StallView
from coinslot.web.wall.port import Facts, WallPort
from coinslot.web.wall.room_views import RoomView
from coinslot.web.wall.showing import ApplianceView, LineView, TextView
from coinslot.web.wall.told_views import ToldView

EVERY_S: Final = 0.2


class News(Struct, frozen=True, kw_only=True):
    """The whole wall, or what has changed of it."""

    appliances: tuple[ApplianceView, ...]
    texts: tuple[TextView, ...]
    lines: tuple[LineView, ...]
    facts: Facts
    rooms: tuple[RoomView, ...] = ()
    stalls: tuple[StallView, ...] = ()
    told: tuple[ToldView, ...] = ()
    """What the hotel's own system heard."""
    form: str = ""
    """A fresh seal for the forms of who asked; a stream has none."""


class Watcher:
    """What one reader has been told."""

    def __init__(self, wall: WallPort, words: Words, *, texts: int = 0, lines: int = 0) -> None:
        self._wall = wall
        self._words = words
        self._appliances: dict[str, ApplianceView] = {}
        self._rooms: dict[str, RoomView] = {}
        self._stalls: dict[str, StallView] = {}
        self._facts: Facts | None = None
        self._texts = texts
        self._lines = lines
        self._told = 0

    def news(self) -> News | None:
        """What is new since the last call; None for nothing. The first call tells everything."""
        now = showing.appliances(self._wall, self._words)
        rooms = room_views.rooms(self._wall, self._words)
        stalls = bath_views.stalls(self._wall, self._words)
        facts = self._wall.facts()
        texts = showing.texts(self._wall, self._texts)
        lines = showing.lines(self._wall, self._lines)
        changed = tuple(one for key, one in now.items() if one != self._appliances.get(key))
        changed_rooms = tuple(one for key, one in rooms.items() if one != self._rooms.get(key))
        told = told_views.told(self._wall, self._words, self._told)
        changed_stalls = tuple(one for key, one in stalls.items() if one != self._stalls.get(key))
        something = (changed, changed_rooms, changed_stalls, texts, lines, told)
        if not any(something) and facts == self._facts:
            return None
        self._appliances, self._rooms, self._stalls, self._facts = now, rooms, stalls, facts
        self._texts = texts[-1].n if texts else self._texts
        self._lines = lines[-1].n if lines else self._lines
        self._told = told[-1].n if told else self._told
        return News(
            appliances=changed,
            texts=texts,
            lines=lines,
            facts=facts,
            rooms=changed_rooms,
            stalls=changed_stalls,
            told=told,
        )


async def events(wall: WallPort, words: Words) -> AsyncIterator[bytes]:
    """For `streams.sse`: one `wall` event with everything, then one for each change."""
    watcher = Watcher(wall, words)
    while True:
        news = watcher.news()
        if news is not None:
            yield event(msgspec.json.encode(news), "wall")
        await asyncio.sleep(EVERY_S)
