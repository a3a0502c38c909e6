"""A simulated appliance with the real agent on its board: water, journal on disk, cable and mains."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from pathlib import Path

from msgspec import Struct

from coinslot.sandbox.appliances.cable import Cable
from coinslot.terminal.agent import Agent
from coinslot.terminal.clock import BUILD_MS, RealClock
from coinslot.terminal.events import KeyPressed
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.mqtt import Account, MqttConnection
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.settings import Language
from coinslot.terminal.simulated import Model, SimulatedOutlet, SimulatedSocket, settings_for, simulate
from coinslot.terminal.simulated.curves import Curve
from coinslot.terminal.trust import moment_ms, tls_context
from coinslot.wire.ids import TerminalId
from coinslot.wire.registers import Register

log = logging.getLogger(__name__)

_DARK_S = 5.0
"""How long a power cut may take to bring the agent down; it is at once unless the disk is slow."""


class Board(Struct, frozen=True, kw_only=True):
    """Which terminal this is, where its broker is, and what it drives."""

    terminal: TerminalId
    secret: str
    name: str
    """For people: the appliance's."""
    model: Model
    folder: Path
    """Of its journal; survives power cuts and the process."""
    broker_host: str
    broker_port: int
    ca: Path | None = None
    """The CA that its board trusts, PEM; None: its link is plain."""
    seed: int = 0
    speed: float = 1.0
    """How many times faster than life the water runs; the meter's plausibility allows up to 6."""
    curve: Curve | None = None
    """What an appliance with a plug draws, instead of its model's own."""

    def __repr__(self) -> str:
        """Without the secret: this could end up in a log."""
        return f"Board({self.terminal!r}, {self.name!r})"


class Use(Struct, frozen=True, kw_only=True):
    """What the terminal itself knows of a session that runs on it."""

    session: str
    ml: int
    charge_minor: int | None
    """As its display shows it; None without a quote."""
    paused: bool = False


class SimulatedTerminal:
    """Runs from `start` to `stop`; in between the cable and the mains may fail and return."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.cable = Cable(board.broker_host, board.broker_port, silent=True)
        self.appliance = simulate(board.model, RealClock(), board.seed, board.curve)
        for outlet in self.appliance.simulated.values():
            outlet.flow.ml_per_min = int(outlet.flow.ml_per_min * board.speed)
        self._agent: Agent | None = None
        self._task: asyncio.Task[None] | None = None
        self._rater = QuoteRater()

    @property
    def id(self) -> TerminalId:
        """The terminal's id."""
        return self.board.terminal

    @property
    def name(self) -> str:
        """The appliance's name."""
        return self.board.name

    @property
    def powered(self) -> bool:
        """Whether the agent runs."""
        return self._task is not None and not self._task.done()

    def outlet(self, number: int) -> SimulatedOutlet:
        """The valve, tap and meter of one outlet."""
        return self.appliance.simulated[number]

    def socket(self, number: int) -> SimulatedSocket:
        """The relay and meter of one outlet of an appliance with a plug."""
        return self.appliance.sockets[number]

    def use(self, number: int) -> Use | None:
        """What its display would show of the session on this outlet; None when none runs there."""
        if self._agent is None or not self.powered:
            return None
        tap = self._agent.core.taps.get(number)
        if tap is None or tap.run is None:
            return None
        usage = tap.run.usage(tap.registers)
        charge = self._rater.amount_minor(bytes(tap.run.about.quote), usage)
        return Use(
            session=tap.run.about.session,
            ml=usage.get(Register.ML, 0),
            charge_minor=charge,
            paused=tap.run.paused_at is not None,
        )

    def looks_free(self, number: int) -> bool:
        """Whether its display invites anybody: lit, nobody's, not out of order."""
        if self._agent is None or not self.powered:
            return False
        tap = self._agent.core.taps.get(number)
        return tap is not None and tap.run is None and not tap.faults

    def press_keys(self, number: int, keys: str) -> bool:
        """Press these keys of an outlet's keypad, one after the other; whether anything there could feel them."""
        if self.powered:
            for key in keys:
                self.appliance.press(KeyPressed(number, key))
        return self.powered

    async def start(self) -> None:
        """Lay the cable and switch the power on."""
        await self.cable.open()
        self.power_on()

    async def stop(self) -> None:
        """Shut down in order: sessions closed, last records sent, farewell said."""
        if self._agent is not None and self._task is not None:
            self._agent.stop()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.cable.close()

    def power_on(self) -> None:
        """Boot: a new agent on the same journal and the same water."""
        if self.powered:
            return
        board = self.board
        host, port = self.cable.address
        account = Account(terminal=board.terminal, secret=board.secret, host=host, port=port)
        clock = RealClock()
        self._agent = agent = Agent(
            settings_for(board.model, board.terminal, Language.EN),
            self.appliance,
            FileJournal(board.folder),
            MqttConnection(account, None if board.ca is None else lambda: self._tls(clock)),
            clock,
            QuoteRater(),
        )
        self._task = asyncio.create_task(agent.run(), name=f"agent of {board.name}")
        self._task.add_done_callback(_note_end)

    def _tls(self, clock: RealClock) -> ssl.SSLContext:
        last_known_ms = 0 if self._agent is None else self._agent.core.kept.wall_ms
        return tls_context(self.board.ca, moment_ms(clock.wall_ms(), BUILD_MS, last_known_ms))

    async def power_off(self) -> None:
        """The mains fail: no farewell, no last record; a valve without power shuts."""
        was_plugged = self.cable.plugged
        self.cable.pull()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DARK_S):
                    await asyncio.gather(task, return_exceptions=True)
        if was_plugged:
            self.cable.plug()


def _note_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s has failed", task.get_name(), exc_info=error)
