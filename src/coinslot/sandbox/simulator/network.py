"""The broker and the connections to it: in order within one connection, and nothing else is certain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from coinslot.sandbox.simulator.agenda import Agenda
from coinslot.sandbox.simulator.chance import Chance, FaultKind
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Gone, Up


class End(Protocol):
    """A terminal as its network sees it."""

    name: TerminalId

    def connected(self, connection: Connection) -> None:
        """The connection stands."""

    def disconnected(self, connection: Connection) -> None:
        """The connection failed or ended, as far as this end knows."""

    def arrived(self, connection: Connection, data: bytes) -> None:
        """A message of the server's."""


@dataclass(eq=False)
class Connection:
    """One MQTT connection. The two ends may disagree about whether it stands."""

    end: End
    link: int
    here: bool = True
    """As the terminal sees it."""
    there: bool = False
    """As the broker sees it."""
    up_free_at: int = 0
    down_free_at: int = 0


class Network:
    """One broker; at most one connection per terminal is in force."""

    def __init__(
        self, agenda: Agenda, chance: Chance, deliver: Callable[[TerminalId, Up | bytes], None]
    ) -> None:
        self._agenda = agenda
        self._chance = chance
        self._deliver = deliver
        self.current: dict[TerminalId, Connection] = {}
        self.refused: set[TerminalId] = set()
        """Terminals whose secret was revoked."""
        self.down = False

    # ------------------------------------------------------------ terminals' side

    def connect(self, end: End, link: int) -> Connection:
        """Begin to connect; `connected` or `disconnected` follows."""
        connection = Connection(end, link)
        delay = self._chance.between(20, 400)
        self._agenda.after(delay, lambda: self._accept(connection))
        return connection

    def _accept(self, connection: Connection) -> None:
        if not connection.here:
            return
        if self.down or connection.end.name in self.refused:
            connection.here = False
            connection.end.disconnected(connection)
            return
        old = self.current.get(connection.end.name)
        if old is not None:
            self._broker_drops(old, with_will=self._chance.likely(0.7))
        self.current[connection.end.name] = connection
        connection.there = True
        connection.up_free_at = connection.down_free_at = self._agenda.now_ms
        connection.end.connected(connection)

    def send_up(self, connection: Connection, data: bytes) -> None:
        """A message of the terminal's; it may also break the connection it was to travel on."""
        if not connection.here:
            return
        if self._chance.fault(FaultKind.CUT_WITH_WILL):
            self.cut(connection, with_will=True)
        elif self._chance.fault(FaultKind.CUT_SILENTLY):
            self.cut(connection, with_will=False)
        elif not self._chance.fault(FaultKind.MESSAGE_LOST):
            connection.up_free_at = self._travel(
                connection.up_free_at, lambda: self._reached_broker(connection, data)
            )
            if self._chance.fault(FaultKind.MESSAGE_DOUBLED):
                late = self._chance.between(5, 90_000)
                self._agenda.after(late, lambda: self._reached_broker(connection, data))

    def leave(self, connection: Connection) -> None:
        """The terminal closes it; what it has sent may still be on its way."""
        connection.here = False
        self._agenda.after(self._chance.between(5, 500), lambda: self._broker_drops(connection))

    # ------------------------------------------------------------ server's side

    def send_down(self, terminal: TerminalId, data: bytes) -> None:
        """A message of the server's, to whatever connection the broker holds."""
        connection = self.current.get(terminal)
        if self.down or connection is None or not connection.there:
            return
        if self._chance.fault(FaultKind.MESSAGE_LOST):
            return
        connection.down_free_at = self._travel(
            connection.down_free_at, lambda: self._reached_terminal(connection, data)
        )
        if self._chance.fault(FaultKind.MESSAGE_DOUBLED):
            late = self._chance.between(5, 600_000)
            self._agenda.after(late, lambda: self._reached_terminal(connection, data))

    # ------------------------------------------------------------ what goes wrong

    def cut(self, connection: Connection, *, with_will: bool) -> None:
        """It breaks; each end learns of it in its own time."""
        if with_will:
            wait = self._chance.between(0, 90_000)
            self._agenda.after(wait, lambda: self._broker_drops(connection, with_will=True))
        else:
            self._broker_drops(connection)
        self._agenda.after(self._chance.between(0, 90_000), lambda: self._terminal_learns(connection))
        # From now on nothing travels on it, whatever the ends believe.
        connection.up_free_at = connection.down_free_at = self._agenda.now_ms + 10**9

    def restart(self, away_ms: int, back: Callable[[], None]) -> None:
        """The broker goes, with everything in it; `back` runs when it has returned."""
        self.down = True
        for connection in list(self.current.values()):
            self._broker_drops(connection)
            self._agenda.after(self._chance.between(0, 5_000), partial(self._terminal_learns, connection))

        def returned() -> None:
            self.down = False
            back()

        self._agenda.after(away_ms, returned)

    def power_lost(self, connection: Connection) -> None:
        """The terminal is gone in the middle of a connection."""
        connection.here = False
        if self._chance.likely(0.7):
            wait = self._chance.between(0, 90_000)
            self._agenda.after(wait, lambda: self._broker_drops(connection, with_will=True))

    # ------------------------------------------------------------ inside

    def _travel(self, free_at: int, arrive: Callable[[], None]) -> int:
        """Behind what travels already; returns when the connection is free for the next."""
        now = self._agenda.now_ms
        at = max(free_at, now + self._chance.between(5, 150))
        if at - now > 1_000:
            pass  # it stands still already: one stall at a time
        elif self._chance.fault(FaultKind.MESSAGE_LATE):
            at += self._chance.between(500, 20_000)
        elif self._chance.fault(FaultKind.STALL):
            at += self._chance.between(20_000, 300_000)
        self._agenda.after(at - now, arrive)
        return at

    def _reached_broker(self, connection: Connection, data: bytes) -> None:
        # A connection that was replaced may still have had this in the broker's own queues.
        if (
            not self.down
            and (connection.there or self._chance.likely(0.5))
            and self._stands(connection.up_free_at)
        ):
            self._deliver(connection.end.name, data)

    def _reached_terminal(self, connection: Connection, data: bytes) -> None:
        if connection.here and self._stands(connection.down_free_at):
            connection.end.arrived(connection, data)

    def _stands(self, free_at: int) -> bool:
        return free_at < self._agenda.now_ms + 10**8

    def _broker_drops(self, connection: Connection, *, with_will: bool = False) -> None:
        if not connection.there:
            return
        connection.there = False
        if self.current.get(connection.end.name) is connection:
            del self.current[connection.end.name]
        if with_will and not self.down:
            self._deliver(connection.end.name, Gone(link=connection.link))

    def _terminal_learns(self, connection: Connection) -> None:
        if connection.here:
            connection.here = False
            connection.end.disconnected(connection)
