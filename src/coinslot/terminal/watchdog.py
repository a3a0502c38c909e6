"""Shuts the valves when the event loop stops turning: a thread that watches the agent's beat, and tells others of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from coinslot.terminal.agent import Agent
from coinslot.terminal.keepers import Keeper

log = logging.getLogger(__name__)

SILENT_MS = 1_800
"""The loop beats at least once a second; limits promise a shut valve within two."""
LOOK_S = 0.2


class Watchdog:
    """Use as a context manager around `Agent.run` with a real clock."""

    def __init__(self, agent: Agent, keepers: Sequence[Keeper] = ()) -> None:
        self._agent = agent
        self._keepers = keepers
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._bitten = False
        self._failed: set[int] = set()

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._end.set()
        self._thread.join()
        for keeper in self._keepers:
            try:
                keeper.end(orderly=error is None)
            except OSError as problem:
                log.error("%s was not ended: %s", type(keeper).__name__, problem)

    def look(self) -> None:
        """Shut everything if the last beat is too long ago, once for each silence; else tell the keepers."""
        silent_ms = self._agent.clock.ticks_ms() - self._agent.beat_ms
        if silent_ms < SILENT_MS:
            self._bitten = False
            if self._agent.beat_ms:  # before its first turn the core has not booted
                self._tell()
        elif not self._bitten:
            self._bitten = True
            self._agent.shut_all()
            log.error("the agent's loop has not turned for %d ms; valves shut", silent_ms)

    def _tell(self) -> None:
        for number, keeper in enumerate(self._keepers):
            try:
                keeper.beat()
            except OSError as error:
                if number not in self._failed:  # once for each failure
                    log.error("%s does not take the beat: %s", type(keeper).__name__, error)
                self._failed.add(number)
            else:
                self._failed.discard(number)

    def _watch(self) -> None:
        while not self._end.is_set():
            self.look()
            self._end.wait(LOOK_S)
