"""The reference agent as a firmware for the suite: a simulated shower, its keys and its tap on standard input.

`python -m coinslot.sandbox.conformance.agent HOST PORT TERMINAL SECRET FOLDER [CA]`
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from coinslot.sandbox.conformance.stand import STOP_KEY
from coinslot.terminal.agent import Agent
from coinslot.terminal.clock import BUILD_MS, RealClock
from coinslot.terminal.events import KeyPressed, StopKey
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.mqtt import Account, MqttConnection
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.settings import Language
from coinslot.terminal.simulated import Model, SimulatedAppliance, settings_for, simulate
from coinslot.terminal.trust import moment_ms, tls_context
from coinslot.terminal.updating.port import Running, Trust
from coinslot.terminal.updating.shelf import Shelf
from coinslot.terminal.updating.updater import Updater
from coinslot.terminal.updating.worker import ChildWorker
from coinslot.wire.ids import TerminalId


async def _run(account: Account, folder: Path, ca: Path | None) -> None:
    clock = RealClock()
    appliance = simulate(Model.SHOWER, clock, 1)
    now_ms = moment_ms(clock.wall_ms(), BUILD_MS, 0)
    agent = Agent(
        settings_for(Model.SHOWER, account.terminal, Language.EN),
        appliance,
        FileJournal(folder),
        MqttConnection(account, None if ca is None else lambda: tls_context(ca, now_ms)),
        clock,
        QuoteRater(),
        Updater(Shelf(folder), ChildWorker(), Trust(), Running(), clock),
    )
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = asyncio.create_task(agent.run())
    listening = asyncio.create_task(_listen(reader, appliance))
    await asyncio.wait((running, listening), return_when=asyncio.FIRST_COMPLETED)
    agent.stop()  # whoever started us is gone
    listening.cancel()
    await running


async def _listen(reader: asyncio.StreamReader, appliance: SimulatedAppliance) -> None:
    while line := await reader.readline():
        obey(line.decode().split(), appliance)


def obey(words: list[str], appliance: SimulatedAppliance) -> None:
    """One line of the control channel; what is none is left out."""
    match words:
        case ["key", outlet, key]:
            appliance.press(KeyPressed(int(outlet), key))
        case [word, outlet] if word == STOP_KEY:
            appliance.press(StopKey(int(outlet)))
        case ["tap", outlet, state] if int(outlet) in appliance.simulated:
            appliance.simulated[int(outlet)].tap_closed = state == "closed"
        case _:
            print(f"not a control line: {words}", file=sys.stderr, flush=True)


def main(words: list[str]) -> None:
    """Run until standard input ends."""
    host, port, terminal, secret, folder, *ca = words
    account = Account(terminal=TerminalId(terminal), secret=secret, host=host, port=int(port))
    asyncio.run(_run(account, Path(folder), Path(ca[0]) if ca and ca[0] else None))


if __name__ == "__main__":
    main(sys.argv[1:])
