"""Hands for the gate: a child process that can be killed and has keys, a person, or nobody."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from coinslot.sandbox.conformance.rule import Need
from coinslot.sandbox.conformance.stand import STOP_KEY

DARK_S = 0.3
"""Between a power cut and the power's return."""
AGAIN_S = 1.0
"""After a firmware that ended by itself: what a board's watchdog does."""
MOST_AGAIN = 10
KEY_S = 0.02
"""Between two keys: nobody types faster."""


class FirmwareError(Exception):
    """The firmware's command cannot be used; the text says why."""


class Nobody:
    """No keys, no plug."""

    can: frozenset[Need] = frozenset()

    async def power_cut(self) -> None:
        """Never asked for."""
        raise NotImplementedError("nobody is here to cut the power")

    async def press(self, outlet: int, key: str) -> None:
        """Never asked for."""
        raise NotImplementedError(f"nobody is here to press {key} at outlet {outlet}")

    async def tap(self, outlet: int, *, is_open: bool) -> None:
        """Never asked for."""
        raise NotImplementedError(f"nobody is here to turn the tap of outlet {outlet}")


class Person:
    """Somebody at the appliance, asked one thing at a time."""

    def __init__(self, ask: Callable[[str], Awaitable[None]], can: frozenset[Need]) -> None:
        self._ask = ask
        self.can = can

    async def power_cut(self) -> None:
        """Asked for."""
        await self._ask("Cut the terminal's power, count to three, give it back")

    async def press(self, outlet: int, key: str) -> None:
        """Asked for."""
        name = "the stop key" if key == STOP_KEY else f"the key {key}"
        await self._ask(f"Press {name} at outlet {outlet}")

    async def tap(self, outlet: int, *, is_open: bool) -> None:
        """Asked for."""
        await self._ask(f"{'Open' if is_open else 'Close'} the tap behind the valve of outlet {outlet}")


def arguments(command: str, values: Mapping[str, str]) -> list[str]:
    """The words of a command with `{host}` and the like filled in. FirmwareError when it cannot be read."""
    try:
        words = shlex.split(command)
        filled = [word.format_map(values) for word in words]
    except (ValueError, KeyError, IndexError) as error:
        names = ", ".join("{" + name + "}" for name in values)
        raise FirmwareError(
            f"the command {command!r} cannot be read ({error!r}); it may name {names}"
        ) from None
    if not filled:
        raise FirmwareError("the command is empty")
    return filled


class Firmware:
    """The firmware as our child: started, killed as by a power cut, told on standard input which key is pressed.

    Lines on its standard input: `key OUTLET KEY`, `stop OUTLET`, `tap OUTLET open`, `tap OUTLET closed`.
    """

    def __init__(self, words: list[str], log: Path, controls: frozenset[Need]) -> None:
        self._words = words
        self._log = log
        self.can = controls | {Need.POWER}
        self.again = 0
        """How often it ended by itself and was started again."""
        self._child: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """FirmwareError when there is no such program."""
        with self._log.open("ab") as output:
            try:
                self._child = await asyncio.create_subprocess_exec(
                    *self._words,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            except OSError as error:
                raise FirmwareError(f"{self._words[0]} cannot be started: {error.strerror}") from None
        self._watch = asyncio.create_task(self._look_after(self._child))

    async def stop(self) -> None:
        """End it, whatever it is doing, with all it started."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()

    async def power_cut(self) -> None:
        """SIGKILL, and a new start: what was not forced to disk a disk may still have, which no other way shows."""
        await self.stop()
        await asyncio.sleep(DARK_S)
        await self.start()

    async def press(self, outlet: int, key: str) -> None:
        """By a line."""
        await self._tell(f"stop {outlet}" if key == STOP_KEY else f"key {outlet} {key}")
        await asyncio.sleep(KEY_S)

    async def tap(self, outlet: int, *, is_open: bool) -> None:
        """By a line."""
        await self._tell(f"tap {outlet} {'open' if is_open else 'closed'}")

    async def _tell(self, line: str) -> None:
        child = self._child
        if child is None or child.stdin is None:
            return
        with contextlib.suppress(ConnectionError):
            child.stdin.write(line.encode() + b"\n")
            await child.stdin.drain()

    async def _look_after(self, child: asyncio.subprocess.Process) -> None:
        await child.wait()
        if self._child is child and self.again < MOST_AGAIN:
            self.again += 1
            await asyncio.sleep(AGAIN_S)
            if self._child is child:
                await self.start()
