"""How a long-running command ends: on a signal, in order, and at once when it is asked twice."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def set_on_signals(stop: asyncio.Event, numbers: tuple[signal.Signals, ...] = ENDING) -> None:
    """Set `stop` at the first of these signals; the second one ends us as it would any program."""
    loop = asyncio.get_running_loop()

    def heard() -> None:
        stop.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, heard)


@contextlib.contextmanager
def unwind_on_signals() -> Iterator[None]:
    """Outside the event loop SIGTERM and SIGHUP unwind what was begun, as Ctrl-C does."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
