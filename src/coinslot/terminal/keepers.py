"""What outside the agent acts when the agent does not: systemd, the board's watchdog, a valve-enable line.

Each is told that the loop turns, and by silence that it does not: then systemd ends and starts the agent, the board
is reset, and the valves lose their power. All three lead to a boot, and a boot begins with every valve shut.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Protocol

from coinslot.terminal.drivers.fronts import WatchdogTable

log = logging.getLogger(__name__)

WDIOC_SETTIMEOUT = 0xC0045706
"""Of Linux's watchdog devices: the seconds they wait for the next write."""
GOOD_BYE = b"V"
"""Written last it stops the device; one that is closed without it resets the board in the end."""


class Keeper(Protocol):
    """One of them. Calls come from the watchdog's thread, about five times a second."""

    def beat(self) -> None:
        """The loop turns. OSError when that could not be told."""

    def end(self, *, orderly: bool) -> None:
        """The agent ends; not orderly means that something is to act on it."""


class Systemd:
    """sd_notify, as `Type=notify` and `WatchdogSec` want it."""

    def __init__(self, address: str) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._ready = False
        self._beats = 0

    def beat(self) -> None:
        """READY the first time, WATCHDOG about once a second."""
        if not self._ready:
            self._say("READY=1")
            self._ready = True
        if self._beats % 5 == 0:
            self._say("WATCHDOG=1")
        self._beats += 1

    def stopping(self) -> None:
        """The agent was asked to end."""
        try:
            self._say("STOPPING=1")
        except OSError as error:
            log.debug("systemd was not told of the end: %s", error)

    def end(self, *, orderly: bool) -> None:
        self._socket.close()

    def _say(self, text: str) -> None:
        self._socket.sendto(text.encode(), self._address)


class Board:
    """The board's watchdog device."""

    def __init__(self, path: str, timeout_s: int) -> None:
        self._path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        self._beats = 0
        try:
            fcntl.ioctl(self._fd, WDIOC_SETTIMEOUT, struct.pack("i", timeout_s))
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.EINVAL, errno.EOPNOTSUPP):
                raise
            log.warning("%s keeps its own timeout, not %d s: %s", path, timeout_s, error.strerror)

    def beat(self) -> None:
        """About once a second."""
        if self._beats % 5 == 0:
            os.write(self._fd, b"\0")
        self._beats += 1

    def end(self, *, orderly: bool) -> None:
        try:
            if orderly:
                os.write(self._fd, GOOD_BYE)
        finally:
            os.close(self._fd)


class Line(Protocol):
    """An output line."""

    def set(self, *, active: bool) -> None:
        """Drive it."""

    def close(self) -> None:
        """Inactive, and given back."""


class Enable:
    """A line that must keep changing: a charge pump behind it holds the valves' supply, and a line that stands
    still, high or low, lets it go."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._active = False

    def beat(self) -> None:
        """The other way round."""
        self._active = not self._active
        self._line.set(active=self._active)

    def end(self, *, orderly: bool) -> None:
        self._line.close()


def keepers(
    table: WatchdogTable | None, environment: Mapping[str, str], line: Callable[[], Line] | None = None
) -> list[Keeper]:
    """All that there are: systemd's where it started us, the rest as the configuration says. OSError for a device
    or line that cannot be had."""
    found: list[Keeper] = []
    address = environment.get("NOTIFY_SOCKET")
    if address:
        found.append(Systemd(address))
    if table is None:
        return found
    if table.enable is not None:
        from coinslot.terminal.drivers.gpio import OutputLine

        found.append(Enable(OutputLine(table.enable) if line is None else line()))
    if table.device is not None:
        found.append(Board(table.device, table.timeout_s))
    return found
