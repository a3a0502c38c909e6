"""Lines of the kernel's GPIO chips, by libgpiod: asking for them, and the valve and inputs on them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from coinslot.terminal.drivers.tables import GpioValveTable, Input, LineId, Output, Pull

if TYPE_CHECKING:
    from gpiod import EdgeEvent, LineSettings
    from gpiod.line import Value

CONSUMER = "coinslot"
MOST_EVENTS = 1024
"""The kernel keeps no more edges than this for whoever reads late: six seconds of the fastest meters."""


class Request(Protocol):
    """Lines that are ours until released: what is used of `gpiod.LineRequest`."""

    @property
    def fd(self) -> int:
        """Readable while an edge waits."""

    def get_value(self, line: int | str) -> Value:
        """The line now, its active level taken into account."""

    def get_values(self, lines: Sequence[int | str] | None = None) -> list[Value]:
        """All of them at once."""

    def set_values(self, values: dict[int | str, Value]) -> None:
        """Drive them."""

    def wait_edge_events(self, timeout: timedelta | float | None = None) -> bool:
        """Whether edges wait to be read."""

    def read_edge_events(self, max_events: int | None = None) -> list[EdgeEvent]:
        """Some of them, oldest first."""

    def release(self) -> None:
        """Give the lines back."""


class Opener(Protocol):
    """Asks a chip for lines. OSError when another program has them, or there is no such chip or line."""

    def __call__(self, chip: str, config: Mapping[LineId, LineSettings]) -> Request:
        """All lines of one request, at once."""


def open_lines(chip: str, config: Mapping[LineId, LineSettings]) -> Request:
    """The kernel's own."""
    import gpiod

    lines: dict[Iterable[int | str] | int | str, LineSettings | None] = {}
    lines.update(config.items())
    try:
        return gpiod.request_lines(chip, config=lines, consumer=CONSUMER, event_buffer_size=MOST_EVENTS)
    except OSError as error:
        raise OSError(error.errno, f"{chip} line {_names(config)}: {error.strerror}") from None
    except ValueError as error:
        raise OSError(f"{chip} line {_names(config)}: {error}") from None


def _names(config: Mapping[LineId, LineSettings]) -> str:
    return ", ".join(map(str, config))


def input_settings(table: Input, *, edges: bool = False, debounce_us: int = 0) -> LineSettings:
    """Of one input; with edges, the moment it becomes active is kept by the kernel."""
    from gpiod import LineSettings
    from gpiod.line import Bias, Direction, Edge

    bias = {Pull.UP: Bias.PULL_UP, Pull.DOWN: Bias.PULL_DOWN, Pull.NONE: Bias.AS_IS}[table.pull]
    return LineSettings(
        direction=Direction.INPUT,
        edge_detection=Edge.RISING if edges else Edge.NONE,
        bias=bias,
        active_low=table.active_low,
        debounce_period=timedelta(microseconds=debounce_us),
    )


def output_settings(*, active_low: bool) -> LineSettings:
    """Of one output, which is inactive from the first moment."""
    from gpiod import LineSettings
    from gpiod.line import Direction, Value

    return LineSettings(direction=Direction.OUTPUT, active_low=active_low, output_value=Value.INACTIVE)


class InputLine:
    """One input, read when asked."""

    def __init__(self, table: Input, opener: Opener = open_lines) -> None:
        self._line = table.line
        self._request = opener(table.chip, {table.line: input_settings(table)})

    def active(self) -> bool:
        """Now. OSError when the chip is gone."""
        return bool(self._request.get_value(self._line))

    def close(self) -> None:
        """Give the line back."""
        self._request.release()


class OutputLine:
    """One output, inactive when it begins and when it is given back."""

    def __init__(self, table: Output, opener: Opener = open_lines) -> None:
        from gpiod.line import Value

        self._on, self._off = Value.ACTIVE, Value.INACTIVE
        self._line = table.line
        # The watchdog shuts valves from its own thread, and libgpiod's objects are one thread's at a time.
        self._lock = threading.Lock()
        self._request = opener(table.chip, {table.line: output_settings(active_low=table.active_low)})

    def set(self, *, active: bool) -> None:
        """Drive it. OSError when the chip is gone."""
        with self._lock:
            self._request.set_values({self._line: self._on if active else self._off})

    def close(self) -> None:
        """Inactive, then given back: what a released line does is the chip's affair."""
        try:
            self.set(active=False)
        finally:
            self._request.release()


class GpioValve:
    """A valve or a relay on one line."""

    def __init__(self, table: GpioValveTable, opener: Opener = open_lines) -> None:
        self._output = OutputLine(
            Output(line=table.line, chip=table.chip, active_low=table.active_low), opener
        )
        self._feedback = None if table.feedback is None else InputLine(table.feedback, opener)

    def open(self) -> None:
        """Power to the valve."""
        self._output.set(active=True)

    def shut(self) -> None:
        """No power to the valve."""
        self._output.set(active=False)

    def state(self) -> bool | None:
        """Its end switch, where it has one."""
        return None if self._feedback is None else self._feedback.active()

    def close(self) -> None:
        """Shut, and the lines given back."""
        try:
            self._output.close()
        finally:
            if self._feedback is not None:
                self._feedback.close()
