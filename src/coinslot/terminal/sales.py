"""Buying on the appliance: people's presses and the server's answers, each to its outlet's choice and display."""

from __future__ import annotations

from collections.abc import Mapping

from coinslot.terminal.choosing import KEYS, Choice
from coinslot.terminal.linking import Linking
from coinslot.terminal.screens import Screen
from coinslot.terminal.scribe import Scribe
from coinslot.terminal.sessions import Sessions
from coinslot.wire.messages import Menu, Note, QrCancelled, QrWanted, Show

_SEED_CHARS = 24


class Sales:
    """All outlets' choices."""

    def __init__(
        self, scribe: Scribe, link: Linking, sessions: Sessions, screens: Mapping[int, Screen]
    ) -> None:
        self._scribe = scribe
        self._link = link
        self._sessions = sessions
        self._screens = screens
        self._seed = ""
        self._requests = 0

    def begin(self, seed: str) -> None:
        """A boot's random part: a request is new even after a journal was lost."""
        self._seed = seed[-_SEED_CHARS:]

    def request(self) -> str:
        """An id that this terminal has never used before."""
        self._requests += 1
        return f"req-{self._requests}-{self._seed}"

    # ------------------------------------------------------------ people

    def chosen(self, outlet: int, package: str, provider: str) -> None:
        """Somebody picked a package and a way to pay."""
        screen = self._free(outlet)
        if screen is None:
            return
        now = self._scribe.now
        if not self._link.is_up:
            screen.offline(now)
            return
        if not screen.choosing.sells(package, provider):
            screen.note(Note.UNAVAILABLE, now)
            return
        choice = screen.choosing.wish(package, provider, self.request(), now)
        if choice is not None:
            screen.clear()
            self._ask(outlet, choice)

    def back(self, outlet: int) -> None:
        """Somebody went back, or has read how it ended."""
        screen = self._screens.get(outlet)
        if screen is None:
            return
        if not screen.choosing.under_way:
            screen.go_on()
        request = screen.choosing.back(self._scribe.now)
        if request is not None and self._link.is_up:
            self._link.send(QrCancelled(link=self._link.number, outlet=outlet, request=request))

    def key(self, outlet: int, key: str) -> bool:
        """A key where something is sold: 1 to 8 choose, `*` goes back. Whether it was for this."""
        screen = self._free(outlet)
        if screen is None or not (screen.choosing.packages or screen.choosing.under_way):
            return False
        if key == "*":
            self.back(outlet)
        elif key in KEYS:
            if not self._link.is_up and not screen.choosing.under_way:
                screen.offline(self._scribe.now)
                return True
            screen.clear()
            picked = screen.choosing.pick(key, self._scribe.now)
            if picked is not None:
                self.chosen(outlet, *picked)
        return True

    # ------------------------------------------------------------ the server

    def offer(self, menu: Menu) -> None:
        """What an outlet sells now."""
        if menu.outlet in self._screens:
            self._screens[menu.outlet].choosing.offer(menu)

    def relinked(self) -> None:
        """A new link is welcomed: ask for what has become of choices meanwhile, as the same wishes. A code that was
        paid and given back would otherwise stand there, for the next person to scan.
        """
        for outlet, screen in self._screens.items():
            screen.choosing.relinked(self._scribe.now)
            choice = screen.choosing.unsure
            if choice is not None:
                self._ask(outlet, choice)

    def answered(self, screen: Screen, show: Show) -> None:
        """What became of a wish; of any but the latest it is left out."""
        note = screen.choosing.answered(show, self._scribe.now)
        if note is not None:
            screen.note(note, self._scribe.now)

    def billed(self, screen: Screen, show: Show) -> bool:
        """A guest's bill. Whether it was one, shown or left out: somebody else stands there by now."""
        bill, choosing = show.bill, screen.choosing
        if bill is None or not (show.request is not None or show.qr is not None or bill.refund_minor):
            return False
        if bill.session == screen.put_away:
            return True
        if not choosing.under_way and (bill.session == screen.ended or choosing.is_latest(show.request)):
            screen.bill(bill, show.qr, self._scribe.now)
        return True

    def tick(self) -> None:
        """What time ends, and what a session that runs does."""
        now = self._scribe.now
        for outlet, screen in self._screens.items():
            if self._sessions.taps[outlet].run is not None:
                screen.choosing.started(now)
            note = screen.choosing.tick(now)
            if note is not None:
                screen.note(note, now)

    def _free(self, outlet: int) -> Screen | None:
        """The display of an outlet where a choice can be made now."""
        tap = self._sessions.taps.get(outlet)
        if tap is None or tap.run is not None or tap.faults or self._sessions.closed:
            return None
        return self._screens[outlet]

    def _ask(self, outlet: int, choice: Choice) -> None:
        self._link.send(
            QrWanted(
                link=self._link.number,
                outlet=outlet,
                provider=choice.provider,
                package=choice.package,
                request=choice.request,
            )
        )
