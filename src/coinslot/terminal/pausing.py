"""Pauses: a session that its user shuts for a while, and opens again.

A pause is not a record: the server reads it off the readings, and the registers are certain in the journal before it
begins. With the power a paused session ends, wherever it is: nobody who shut an outlet is asked before it opens. For a
session that would outlive a loss of power the journal therefore says that it is paused.
"""

from __future__ import annotations

from coinslot.terminal.actions import OpenValve, ShutValve
from coinslot.terminal.entries import Paused
from coinslot.terminal.runs import Run
from coinslot.terminal.scribe import Scribe
from coinslot.terminal.sessions import Sessions
from coinslot.terminal.settings import OnPower
from coinslot.terminal.taps import Tap

SETTLE_MS = 1_000
"""A motor valve moves for about a second, and a key may bounce: so soon after an order another one is not taken."""


class Pauses:
    """The pause key of every outlet."""

    def __init__(self, scribe: Scribe, sessions: Sessions) -> None:
        self._scribe = scribe
        self._sessions = sessions

    def key(self, tap: Tap) -> None:
        """Shut for as long as the session's limits allow, or open again; nothing where they allow no pause."""
        run, now = tap.run, self._scribe.now
        if run is None or now - tap.ordered_at < SETTLE_MS:
            return
        if run.paused_at is None and run.may_pause(now):
            self._pause(tap, run)
        elif run.paused_at is not None and run.pause_left_ms(now):
            self._go_on(tap, run)

    def _pause(self, tap: Tap, run: Run) -> None:
        now = self._scribe.now
        outlives = tap.settings.on_power is OnPower.RESUME
        if outlives and not self._scribe.has_room(len(self._scribe.kept.open)):
            return
        self._scribe.act(ShutValve(tap.number))
        run.pause(now)
        self._sessions.count_seconds(tap, run)
        self._sessions.checkpoint(tap, at_once=True)
        if outlives:
            self._remember(run, paused=True)
        tap.order(open_it=False, now=now)

    def _go_on(self, tap: Tap, run: Run) -> None:
        now = self._scribe.now
        run.go_on(now)
        if tap.settings.on_power is OnPower.RESUME:
            self._remember(run, paused=False)
        tap.order(open_it=True, now=now)
        self._scribe.act(OpenValve(tap.number))

    def _remember(self, run: Run, *, paused: bool) -> None:
        self._scribe.append(Paused(session=run.about.session, paused=paused, pause_ms=run.paused_ms))
