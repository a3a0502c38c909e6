"""A display that is slow: a thread paints the latest picture; whoever shows something never waits."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

log = logging.getLogger(__name__)

REFRESH_S = 300.0
"""A display whose supply dipped shows rubbish and does not say so: it is set up anew this often."""
AGAIN_S = 2.0
"""After an error."""


class Device(Protocol):
    """What a panel hangs on: a file of the kernel's, or whatever plays it."""

    def write(self, data: bytes) -> None:
        """One transfer. OSError when it was not taken."""

    def close(self) -> None:
        """Let go of it."""


class Panel(Protocol):
    """The display itself; all calls come from the painter's thread."""

    def prepare(self) -> None:
        """Set it up as after power-on. OSError when it does not answer."""

    def paint(self, lines: tuple[str, ...], qr: str | None) -> None:
        """Show this, writing only what has changed since `prepare`. OSError when it does not answer."""

    def close(self) -> None:
        """Let go of it."""


class Painter:
    """A `ports.Screen` in front of a panel."""

    def __init__(self, panel: Panel, name: str) -> None:
        self._panel = panel
        self._name = name
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._wanted: tuple[tuple[str, ...], str | None] | None = None
        self._error: str | None = None
        self._told = False
        self._shown: tuple[tuple[str, ...], str | None] | None = None
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=f"screen {name}", daemon=True)
        self._thread.start()

    def show(self, lines: tuple[str, ...], qr: str | None) -> None:
        """Have this shown soon. OSError when the display has begun not to answer: once, not twice a second."""
        with self._lock:
            self._wanted = (lines, qr)
            error, self._told = (None if self._told else self._error), self._error is not None
        self._wake.set()
        if error is not None:
            raise OSError(f"{self._name}: {error}")

    @property
    def settled(self) -> bool:
        """Whether the latest picture is on the glass. OSError when it did not get there."""
        with self._lock:
            if self._error is not None:
                raise OSError(f"{self._name}: {self._error}")
            return self._shown is self._wanted

    def close(self) -> None:
        """The last picture stays on the glass."""
        self._ending = True
        self._wake.set()
        self._thread.join(2)
        self._panel.close()

    def _run(self) -> None:
        ready = False
        while True:
            woken = self._wake.wait(REFRESH_S if self._error is None else AGAIN_S)
            self._wake.clear()
            with self._lock:
                wanted = self._wanted
            if wanted is not None:
                ready = self._paint(wanted, ready=ready and woken)
            if self._ending:
                return

    def _paint(self, wanted: tuple[tuple[str, ...], str | None], *, ready: bool) -> bool:
        try:
            if not ready:
                self._panel.prepare()
            self._panel.paint(*wanted)
        except OSError as error:
            if self._error is None:
                log.warning("display %s does not answer: %s", self._name, error)
            self._error = str(error)
            return False
        with self._lock:
            self._error, self._shown = None, wanted
        return True


class NoScreen:
    """Where there is none."""

    def show(self, lines: tuple[str, ...], qr: str | None) -> None:
        """Nobody sees it."""


class Screens:
    """Several displays that show the same, each what it can."""

    def __init__(self, screens: tuple[Painter, ...]) -> None:
        self._screens = screens

    @property
    def settled(self) -> bool:
        """Whether all of them show the latest picture. OSError when one of them does not answer."""
        return all(screen.settled for screen in self._screens)

    def show(self, lines: tuple[str, ...], qr: str | None) -> None:
        """On all of them, also when one does not answer; its OSError is told afterwards."""
        failed: OSError | None = None
        for screen in self._screens:
            try:
                screen.show(lines, qr)
            except OSError as error:
                failed = error
        if failed is not None:
            raise failed
