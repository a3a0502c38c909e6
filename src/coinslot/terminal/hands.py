"""The shell's hands: carries out the core's actions one after the other, each finished before the next."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, assert_never

from coinslot.terminal.actions import (
    Action,
    Append,
    Connect,
    Disconnect,
    Display,
    Note,
    Offered,
    OpenValve,
    Restart,
    Rewrite,
    Send,
    ShutValve,
)
from coinslot.terminal.journal import Journal
from coinslot.terminal.layouts import LAYOUTS, Said, laid
from coinslot.terminal.ports import Hardware
from coinslot.terminal.settings import OutletSettings
from coinslot.terminal.views import Phase, View
from coinslot.wire.messages import Up, Update

log = logging.getLogger(__name__)


class Wire(Protocol):
    """The connection as the hands need it; none of these wait."""

    def connect(self, link: int) -> None:
        """Begin to connect under this number."""

    def send(self, message: Up) -> None:
        """Publish; silently nothing when there is no connection."""

    def disconnect(self) -> None:
        """Drop the connection."""


class Updates(Protocol):
    """Updates as the hands need them; none of these wait."""

    def offered(self, update: Update) -> None:
        """The server announces something."""

    def restart(self) -> None:
        """Nobody uses the appliance: now."""


Observer = Callable[[Action], None]
"""Called before each action; what it raises stops the rest, as a loss of power would."""


class Hands:
    """Journal, valves, displays and connection of one terminal."""

    def __init__(
        self, hardware: Hardware, journal: Journal, wire: Wire, updates: Updates | None = None
    ) -> None:
        self._hardware = hardware
        self._journal = journal
        self._wire = wire
        self._updates = updates
        self.observer: Observer | None = None

    def do(self, actions: Sequence[Action]) -> None:
        """Carry out all of them in order. JournalError when a line did not reach the disk: what was to
        follow it has then not been done."""
        for action in actions:
            if self.observer is not None:
                self.observer(action)
            self._one(action)

    def shut_all(self) -> None:
        """Every valve shut, whatever else is broken."""
        for number in self._hardware.outlets:
            self._valve(number, open_it=False)

    def show_all(self, said: Said, outlets: Iterable[OutletSettings]) -> None:
        """The same on every display, when there is no core to decide: out of order."""
        for outlet in outlets:
            self._show(outlet.outlet, laid(said, LAYOUTS[outlet.display]), None)
            self._draw(outlet.outlet, View(phase=Phase.FAULT, text=said[-1][0]))

    def _one(self, action: Action) -> None:
        match action:
            case Append(line=line):
                self._journal.append(line)
            case Note(line=line):
                self._journal.note(line)
            case Rewrite(lines=lines):
                self._journal.rewrite(lines)
            case OpenValve(outlet=outlet, credits=credits):
                self._valve(outlet, open_it=True)
                self._pay(outlet, credits)
            case ShutValve(outlet=outlet):
                self._valve(outlet, open_it=False)
            case Send(message=message):
                self._wire.send(message)
            case Display(outlet=outlet, lines=lines, qr=qr, view=view):
                self._show(outlet, lines, qr)
                self._draw(outlet, view)
            case Connect(link=link):
                self._wire.connect(link)
            case Disconnect():
                self._wire.disconnect()
            case Offered(update=update):
                if self._updates is not None:
                    self._updates.offered(update)
            case Restart():
                if self._updates is not None:
                    self._updates.restart()
            case _:
                assert_never(action)

    def _valve(self, number: int, *, open_it: bool) -> None:
        valve = self._hardware.outlets[number].valve
        try:
            (valve.open if open_it else valve.shut)()
        except OSError as error:
            # Its feedback or the meter will show that it did not follow; the core makes that a fault.
            log.error("valve %d does not answer: %s", number, error)

    def _pay(self, number: int, credits: int | None) -> None:
        coin = self._hardware.outlets[number].credits
        if coin is None or credits is None:
            return
        try:
            coin.pay(credits)
        except OSError as error:
            # Its meter will not answer then; the core makes that a fault and ends the session.
            log.error("outlet %d was not paid: %s", number, error)

    def _show(self, number: int, lines: tuple[str, ...], qr: str | None) -> None:
        try:
            self._hardware.outlets[number].screen.show(lines, qr)
        except OSError as error:
            log.warning("display %d does not answer: %s", number, error)

    def _draw(self, number: int, view: View) -> None:
        touch = self._hardware.outlets[number].touch
        if touch is None:
            return
        try:
            touch.draw(view)
        except OSError as error:
            log.warning("touch display %d does not answer: %s", number, error)
