"""A serial bus: one thread asks its devices in turn; whoever wants a value or gives an order never waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

log = logging.getLogger(__name__)

FAREWELL_S = 3.0
"""For the last orders: every relay must have been told to open before the program ends."""
AGAIN_MS = 300
"""Between two writes of an order that the device's own word does not yet confirm."""


class Device(Protocol):
    """Something on the bus. All calls come from the bus's thread."""

    def turn(self) -> None:
        """Ask, answer, do what was ordered. OSError when it did not answer."""


class Port(Protocol):
    """The line itself."""

    def open(self) -> None:
        """Before every turn, does nothing while it is open. OSError when it cannot be opened."""

    def close(self) -> None:
        """Let go of it."""


class Bus:
    """One thread for one port."""

    def __init__(self, name: str, port: Port, pause_ms: int) -> None:
        self._name = name
        self._port = port
        self._pause_s = pause_ms / 1000
        self._devices: list[Device] = []
        self._wake = threading.Event()
        self._ending = False
        self._asked_all = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"bus {name}", daemon=True)

    def add(self, device: Device) -> None:
        """Before `start`."""
        self._devices.append(device)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def wait_first(self, within_s: float) -> None:
        """Until every device has been asked once, or so long: a meter that was not asked yet is no meter that fails."""
        self._asked_all.wait(within_s)

    def hurry(self) -> None:
        """There is an order: do not wait for the next round."""
        self._wake.set()

    def close(self) -> None:
        """One last round, so that orders already given are carried out, then the end."""
        self._ending = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(FAREWELL_S)

    def _run(self) -> None:
        silent: set[int] = set()
        while True:
            last = self._ending
            self._wake.clear()
            self._round(self._devices, silent)
            self._asked_all.set()
            if last:
                break
            self._wake.wait(self._pause_s)
        self._port.close()

    def _round(self, devices: Sequence[Device], silent: set[int]) -> None:
        for number, device in enumerate(devices):
            try:
                self._port.open()
                device.turn()
            except OSError as error:
                if number not in silent:  # once for each silence, not five times a second
                    log.warning("bus %s: %s", self._name, error)
                silent.add(number)
            else:
                silent.discard(number)


class RemoteValve:
    """A valve or relay at the far end of a bus. The latest order is repeated until its own word confirms it."""

    def __init__(
        self,
        *,
        write: Callable[[bool], None],
        look: Callable[[], bool | None],
        hurry: Callable[[], None],
        stale_ms: int,
        travel_ms: int = 0,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._write, self._look, self._hurry = write, look, hurry
        self._stale_ms, self._travel_ms, self._now_ns = stale_ms, travel_ms, now_ns
        self._lock = threading.Lock()
        self._want = False
        self._told: bool | None = None
        self._told_at = self._ordered_at = self._heard_at = now_ns()
        self._is: bool | None = None
        self._looked = False

    def open(self) -> None:
        """Have it opened; returns at once."""
        self._order(want=True)

    def shut(self) -> None:
        """Have it shut; returns at once."""
        self._order(want=False)

    def state(self) -> bool | None:
        """Its own word. One that has been silent for too long is told as disobeying, so that no session goes on
        behind a valve which nobody could shut."""
        with self._lock:
            now = self._now_ns()
            if now - self._heard_at > self._stale_ms * 1_000_000:
                return not self._want
            if now - self._ordered_at < self._travel_ms * 1_000_000:
                return None
            if self._looked and self._is is None:
                return not self._want  # it says itself that it is neither open nor shut
            return self._is

    def turn(self) -> None:
        """On the bus's thread: give the order if need be, then ask."""
        with self._lock:
            want, now = self._want, self._now_ns()
            obeys = self._told is want and self._is is want
            wait_ns = max(AGAIN_MS, self._travel_ms) * 1_000_000
            due = not obeys and (self._told is not want or now - self._told_at >= wait_ns)
        if due:
            self._write(want)
            with self._lock:
                self._told, self._told_at = want, now
        is_open = self._look()
        with self._lock:
            self._is, self._heard_at, self._looked = is_open, self._now_ns(), True

    def _order(self, *, want: bool) -> None:
        with self._lock:
            if want is not self._want:
                self._ordered_at = self._now_ns()
            self._want = want
        self._hurry()
