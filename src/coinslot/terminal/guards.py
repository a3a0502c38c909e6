"""All keypads' guards against guessing: on disk before anybody hears of a wrong code, and no shorter for a power cut.

Keypads have a time of their own. It goes on with the ticks of each boot from where the journal last saw it, so that
switching the power off stands a lock still. Only the server's word, once in a boot, adds the time that was spent
without power: a board's own clock is too easily set.
"""

from __future__ import annotations

from collections.abc import Mapping

from coinslot.access import guarding
from coinslot.access.guarding import LONG_DIGITS, OPEN, Guard
from coinslot.terminal.entries import GuardKept
from coinslot.terminal.keypad import Keypad
from coinslot.terminal.linking import Linking
from coinslot.terminal.scribe import Scribe
from coinslot.wire.messages import KeypadGuard


class Guards:
    """One guard for each outlet's keypad."""

    def __init__(self, scribe: Scribe, link: Linking, keypads: Mapping[int, Keypad]) -> None:
        self._scribe = scribe
        self._link = link
        self._keypads = keypads
        self._states: dict[int, Guard] = {}
        self._ahead_ms = 0
        """Keypads' time less ticks."""
        self._wall_ahead_ms: int | None = None
        """The server's time less keypads' time, once it has told it in this boot."""
        self._said: dict[int, tuple[int, bool]] = {}

    def begin(self) -> None:
        """A boot: keypads' time goes on, and the first long code waits as if there had just been one."""
        kept, now = self._scribe.kept, self._scribe.now
        self._ahead_ms = max((guard.at_ms for guard in kept.guards.values()), default=0) - now
        for outlet in self._keypads:
            known = kept.guards.get(outlet)
            state = OPEN if known is None else known.guard
            self._states[outlet] = guarding.taken(state, self._now, LONG_DIGITS)

    @property
    def _now(self) -> int:
        return self._scribe.now + self._ahead_ms

    # ------------------------------------------------------------ codes

    def wait_ms(self, outlet: int, length: int) -> int:
        """How long a code of so many digits has to wait; 0: it may be tried."""
        return guarding.wait_ms(self._states[outlet], self._now, length)

    def locked_s(self, outlet: int) -> int:
        """Seconds for which only long codes are taken."""
        return guarding.locked_s(self._states[outlet], self._now)

    def taken(self, outlet: int, length: int) -> None:
        """A code is about to be tried."""
        self._states[outlet] = guarding.taken(self._states[outlet], self._now, length)

    def wrong(self, outlet: int, length: int) -> None:
        """It was wrong."""
        before = self._states[outlet]
        self._states[outlet] = after = guarding.after_wrong(before, self._now, length)
        if length != LONG_DIGITS:
            self._keep(outlet, after)

    def held(self, outlet: int, ms: int) -> None:
        """The server has the keypad locked for so long: the stricter lock wins."""
        before = guarding.decayed(self._states[outlet], self._now)
        self._states[outlet] = after = guarding.held(before, self._now, ms)
        if after.until_ms > before.until_ms:
            self._keep(outlet, after)

    # ------------------------------------------------------------ time and the server

    def welcomed(self, now_ms: int) -> None:
        """A new link: what the server's time says of the time without power, and what it should know of guesses."""
        kept = self._scribe.kept
        if self._wall_ahead_ms is None:
            for guard in kept.guards.values():
                if guard.wall_ms is not None:
                    passed = guard.at_ms + now_ms - guard.wall_ms
                    self._ahead_ms = max(self._ahead_ms, passed - self._scribe.now)
            self._wall_ahead_ms = now_ms - self._now
            for outlet, state in self._states.items():
                if outlet in kept.guards and guarding.decayed(state, self._now) != OPEN:
                    self._scribe.note(self._entry(outlet, state))
        self._said.clear()

    def tick(self) -> None:
        """What displays show, and what the server is told when it changes."""
        for outlet, state in self._states.items():
            if state is OPEN and outlet not in self._said:
                continue
            now_open = guarding.decayed(state, self._now)
            state = self._states[outlet] = OPEN if now_open == OPEN else now_open
            self._keypads[outlet].locked_until = max(0, state.until_ms - self._ahead_ms)
            self._say(outlet, len(state.wrong_ms), self.locked_s(outlet))

    def _say(self, outlet: int, tries: int, locked_s: int) -> None:
        says = tries, locked_s > 0
        if not self._link.is_up or says == self._said.get(outlet, (0, False)):
            return
        self._said[outlet] = says
        if says == (0, False):
            del self._said[outlet]
        self._link.send(KeypadGuard(link=self._link.number, outlet=outlet, tries=tries, locked_s=locked_s))

    def _keep(self, outlet: int, state: Guard) -> None:
        self._said.pop(outlet, None)
        self._scribe.append(self._entry(outlet, state))

    def _entry(self, outlet: int, state: Guard) -> GuardKept:
        ahead = self._wall_ahead_ms
        return GuardKept(
            outlet=outlet,
            guard=state,
            at_ms=self._now,
            wall_ms=None if ahead is None else max(0, self._now + ahead),
        )
