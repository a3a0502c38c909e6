"""The example in MicroPython's Python as a terminal under test: in this process, in virtual time, its journal on disk."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

from msgspec import Struct

from coinslot.sandbox.conformance.history import Login
from coinslot.sandbox.conformance.player import Manner, Player
from coinslot.sandbox.conformance.report import Report
from coinslot.sandbox.conformance.rule import Need, Rule
from coinslot.sandbox.conformance.runner import run
from coinslot.sandbox.conformance.stand import Listener
from coinslot.wire.codec import encode
from coinslot.wire.messages import Gone
from coinslot.wire.topics import Channel, topic
from tests.support.conformance import TERMINAL, leaping

FOLDER = Path(__file__).parents[2] / "examples" / "micropython"
_NAMES = ("words", "memory", "journal", "sending", "mqtt", "board", "terminal")
_TURN_S = 0.02
_AGAIN_S = 0.6


class _Terminal(Protocol):
    def take_link(self) -> int: ...
    def connected(self, publish: Callable[[bytes], None]) -> None: ...
    def lost(self) -> None: ...
    def heard(self, data: bytes) -> None: ...
    def turn(self) -> None: ...


class _Board(Protocol):
    tap: bool
    stop: bool


class Modules(Struct, frozen=True):
    """The example's files."""

    terminal: ModuleType
    memory: ModuleType
    journal: ModuleType
    board: ModuleType
    words: ModuleType


def load() -> Modules:
    """Import them without leaving such common names behind."""
    sys.path.insert(0, str(FOLDER))
    try:
        found = {name: importlib.import_module(name) for name in _NAMES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in _NAMES:
            sys.modules.pop(name, None)
    return Modules(found["terminal"], found["memory"], found["journal"], found["board"], found["words"])


class _Clock:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()

    def ms(self) -> int:
        return int((self._loop.time() - self._began_s) * 1000)


class ExampleStand:
    """What `main.py` does, without sockets."""

    can = frozenset({Need.POWER, Need.STOP, Need.FLOW})

    def __init__(self, folder: Path) -> None:
        self._modules = load()
        self._folder = folder
        self._listener: Listener | None = None
        self._held = False
        self._up = False
        self._inbox: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._board: _Board | None = None

    def listen(self, listener: Listener) -> None:
        """The suite."""
        self._listener = listener

    def say(self, data: bytes) -> None:
        """Heard at the next turn."""
        if self._up:
            self._inbox.append(data)

    def cut(self, *, hold: bool = False) -> None:
        """Found out at the next turn."""
        self._held = hold
        if self._up:
            self._up = False
            self._inbox.clear()
            if self._listener is not None:
                self._listener.closed("the connection broke")

    def mend(self) -> None:
        """Let it through again."""
        self._held = False

    async def power_cut(self) -> None:
        """Between two turns, as everything here is."""
        await self.off()
        self.on()

    async def press(self, outlet: int, key: str) -> None:
        """It has one key."""
        assert self._board is not None
        assert key == "stop"
        self._board.stop = True
        await asyncio.sleep(_TURN_S * 2)

    async def tap(self, outlet: int, *, is_open: bool) -> None:
        """Behind the valve."""
        assert self._board is not None
        self._board.tap = is_open

    def on(self) -> None:
        """Boot."""
        self._task = asyncio.create_task(self._live())

    async def off(self) -> None:
        """The power goes."""
        self.cut()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _live(self) -> None:
        made = self._modules
        self._board = cast(_Board, made.board.Simulated())
        memory = made.memory.Memory(made.journal.Journal(str(self._folder)))
        terminal = cast(_Terminal, made.terminal.Terminal(memory, self._board, _Clock()))
        while True:
            link = terminal.take_link()
            if not self._held and self._listener is not None:
                self._up = True
                self._listener.opened(_login(link))
                self._listener.subscribed(topic(TERMINAL, Channel.DOWN), 0)
                terminal.connected(self._publish)
            while self._up:
                heard, self._inbox = self._inbox, []
                for data in heard:
                    terminal.heard(data)
                terminal.turn()
                await asyncio.sleep(_TURN_S)
            terminal.lost()
            for _ in range(int(_AGAIN_S / _TURN_S)):
                terminal.turn()
                await asyncio.sleep(_TURN_S)

    def _publish(self, data: bytes) -> None:
        if self._up and self._listener is not None:
            self._listener.heard(topic(TERMINAL, Channel.UP), data, 0, False)


def _login(link: int) -> Login:
    return Login(
        client_id=TERMINAL,
        user=TERMINAL,
        clean_session=True,
        keep_alive_s=60,
        will_topic=topic(TERMINAL, Channel.GONE),
        will=encode(Gone(link=link)),
    )


def report_of_example(rules: tuple[Rule, ...], folder: Path) -> Report:
    """The suite's report on it."""

    async def work() -> Report:
        stand = ExampleStand(folder)
        stand.on()
        try:
            return await run(Player(stand, Manner(terminal=TERMINAL)), rules, first_s=30)
        finally:
            await stand.off()

    return leaping(work)
