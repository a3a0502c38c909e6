"""A simulated appliance at a prompt."""

from __future__ import annotations

import asyncio
import sys

from coinslot.terminal.events import KeyPressed, StopKey
from coinslot.terminal.simulated import SimulatedAppliance


def show_and_type(loop: asyncio.AbstractEventLoop, hardware: SimulatedAppliance) -> None:
    """The simulated display on standard output, its keys on standard input."""
    for number, outlet in hardware.simulated.items():

        def shown(lines: tuple[str, ...], qr: str | None, number: int = number) -> None:
            print(f"[{number}] {' | '.join(lines)}{f' | {qr}' if qr else ''}", flush=True)

        outlet.shown = shown
    if not sys.stdin.isatty():
        return

    def typed() -> None:
        line = sys.stdin.readline()
        if not line:
            loop.remove_reader(sys.stdin)
        for key in line.strip():
            hardware.press(StopKey(0) if key == "s" else KeyPressed(0, key))

    loop.add_reader(sys.stdin, typed)
