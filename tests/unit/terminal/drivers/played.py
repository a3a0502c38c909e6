"""Devices of the operating system, played: a GPIO chip with its wires, and a bus that takes bytes."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from gpiod import EdgeEvent, LineSettings
from gpiod.line import Direction, Edge, Value

Line = int | str
BUFFER = 1024


@dataclass
class PlayedChip:
    """One chip; `high` is what stands on its wires, whoever drives them."""

    high: dict[Line, bool] = field(default_factory=dict)
    wires: set[tuple[Line, Line]] = field(default_factory=set)
    """Contacts that are closed: between them current flows either way."""
    taken: dict[Line, PlayedRequest] = field(default_factory=dict)
    driven: list[tuple[float, Line, bool]] = field(default_factory=list)
    """(moment in seconds, line, whether active) of every change of an output."""
    broken: bool = False
    at_ns: int = field(default_factory=time.monotonic_ns)
    """Of the latest edge."""

    def __call__(self, chip: str, config: Mapping[Line, LineSettings]) -> PlayedRequest:
        """What the kernel does when lines are asked for."""
        if any(line in self.taken for line in config):
            raise OSError(errno.EBUSY, "Device or resource busy")
        request = PlayedRequest(self, dict(config))
        for line, settings in config.items():
            self.taken[line] = request
            if settings.direction is Direction.OUTPUT:
                request.set_values({line: settings.output_value})
        return request

    def edge(self, line: Line, after_ns: int = 0) -> None:
        """The line becomes active for a moment, so long after the edge before."""
        self.at_ns += after_ns
        self.taken[line].put(line, self.at_ns)

    def active(self, line: Line) -> bool:
        """As its request sees it; a line that is pulled up is low where a wire leads to one driven low."""
        request = self.taken[line]
        high = self.high.get(line, request.config[line].active_low)
        return (high and not self._pulled_low(line)) is not request.config[line].active_low

    def outputs(self) -> dict[Line, bool]:
        """Every output and whether it is active."""
        return {line: request.out[line] for line, request in self.taken.items() if line in request.out}

    def _pulled_low(self, line: Line) -> bool:
        reached, edge = {line}, [line]
        while edge:
            at = edge.pop()
            for pair in self.wires:
                if at in pair:
                    other = pair[1] if pair[0] == at else pair[0]
                    if other not in reached:
                        reached.add(other)
                        edge.append(other)
        return any(self.taken[one].low(one) for one in reached if one in self.taken)


class PlayedRequest:
    """Lines of one request."""

    def __init__(self, chip: PlayedChip, config: dict[Line, LineSettings]) -> None:
        self.chip, self.config = chip, config
        self.out: dict[Line, bool] = {}
        self.events: deque[EdgeEvent] = deque(maxlen=BUFFER)
        self.numbers: dict[Line, int] = {}
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def put(self, line: Line, at_ns: int) -> None:
        """An edge: the oldest falls out of a full buffer, its number is not given again."""
        if self.config[line].edge_detection is Edge.NONE:
            return
        self.numbers[line] = (self.numbers.get(line, 0) + 1) % 2**32
        number = self.numbers[line]
        offset = line if isinstance(line, int) else 0
        self.events.append(EdgeEvent(1, at_ns, offset, number, number))
        os.eventfd_write(self.fd, 1)

    def low(self, line: Line) -> bool:
        """Whether it is an output that is driven low."""
        return line in self.out and self.out[line] is self.config[line].active_low

    def get_value(self, line: Line) -> Value:
        return self.get_values([line])[0]

    def get_values(self, lines: Sequence[Line] | None = None) -> list[Value]:
        self._alive()
        asked = list(self.config) if lines is None else lines
        return [Value.ACTIVE if self.chip.active(line) else Value.INACTIVE for line in asked]

    def set_values(self, values: dict[Line, Value]) -> None:
        self._alive()
        for line, value in values.items():
            if self.out.get(line) is not bool(value):
                self.chip.driven.append((time.monotonic(), line, bool(value)))
            self.out[line] = bool(value)

    def wait_edge_events(self, timeout: timedelta | float | None = None) -> bool:
        self._alive()
        return bool(self.events)

    def read_edge_events(self, max_events: int | None = None) -> list[EdgeEvent]:
        self._alive()
        some = [self.events.popleft() for _ in range(min(max_events or 64, len(self.events)))]
        if not self.events:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self.fd)
        return some

    def release(self) -> None:
        for line in self.config:
            del self.chip.taken[line]
        os.close(self.fd)

    def _alive(self) -> None:
        if self.chip.broken:
            raise OSError(errno.ENODEV, "No such device")


@dataclass
class PlayedDevice:
    """Takes bytes as an I²C or SPI device does."""

    written: list[bytes] = field(default_factory=list)
    broken: bool = False
    closed: bool = False

    def write(self, data: bytes) -> None:
        if self.broken:
            raise OSError(errno.EREMOTEIO, "no acknowledge")
        self.written.append(data)

    def close(self) -> None:
        self.closed = True


@dataclass
class Now:
    """A clock moved by hand, in nanoseconds."""

    ns: int = 10**12

    def __call__(self) -> int:
        return self.ns

    def after(self, ms: int) -> None:
        self.ns += ms * 1_000_000
