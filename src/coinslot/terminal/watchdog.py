"""Shuts the valves when the event loop stops turning: a thread that watches the agent's beat."""

from __future__ import annotations

import logging
import threading

from coinslot.terminal.agent import Agent

log = logging.getLogger(__name__)

SILENT_MS = 1_800
"""The loop beats at least once a second; limits promise a shut valve within two."""
LOOK_S = 0.2


class Watchdog:
    """Use as a context manager around `Agent.run` with a real clock."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._bitten = False

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def look(self) -> None:
        """Shut everything if the last beat is too long ago; once for each silence."""
        silent_ms = self._agent.clock.ticks_ms() - self._agent.beat_ms
        if silent_ms < SILENT_MS:
            self._bitten = False
        elif not self._bitten:
            self._bitten = True
            self._agent.shut_all()
            log.error("the agent's loop has not turned for %d ms; valves shut", silent_ms)

    def _watch(self) -> None:
        while not self._end.is_set():
            self.look()
            self._end.wait(LOOK_S)
