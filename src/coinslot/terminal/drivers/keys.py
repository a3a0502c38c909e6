"""Keypads and buttons on GPIO lines. What is pressed is judged by pure rules; the loop does the looking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from coinslot.terminal.drivers.fronts import ButtonTable, MatrixTable
from coinslot.terminal.drivers.gpio import Opener, input_settings, open_lines
from coinslot.terminal.drivers.tables import Input
from coinslot.terminal.events import KeyPressed, StopKey
from coinslot.terminal.ports import Pressed

log = logging.getLogger(__name__)

STOP = "S"
"""The sign of the stop key in a key map."""
SCAN_S = 0.008
SCANS = 3
"""A contact is believed when it has been the same for three scans: some 20 ms, longer than rubber keys bounce."""
AGAIN_S = 1.0
"""A chip that failed is asked again after this."""

Tell = Callable[[Pressed], None]


def pressed(outlet: int, key: str) -> Pressed:
    """The event of one key."""
    return StopKey(outlet) if key == STOP else KeyPressed(outlet, key)


@dataclass
class Scan:
    """Which key was pressed, from looks at all contacts: one press, one key; two at once are none at all.

    Three keys pressed at the corners of a rectangle close the fourth contact too. So whatever shows more than one
    contact is refused as a whole, until every key is let go.
    """

    _last: frozenset[int] = frozenset()
    _same: int = 0
    _held: bool = False
    """Something has been pressed, or refused, since all keys were up."""

    def look(self, contacts: frozenset[int]) -> int | None:
        """Take one look; the key that was now pressed for certain, None while there is none."""
        self._same = self._same + 1 if contacts == self._last else 1
        self._last = contacts
        if len(contacts) > 1:
            self._held = True
        if self._same < SCANS:
            return None
        if not contacts:
            self._held = False
        elif not self._held:
            self._held = True
            return next(iter(contacts))
        return None

    @property
    def resting(self) -> bool:
        """Whether all keys are up, for certain."""
        return not self._last and self._same >= SCANS


@dataclass
class Matrix:
    """A keypad of rows and columns.

    At rest every row pulls low and the kernel waits for a column's edge; only while a key is down each row is
    pulled in its turn. So nobody's processor time goes into a keypad that nobody touches.
    """

    table: MatrixTable
    outlet: int
    opener: Opener = open_lines
    _scan: Scan = field(default_factory=Scan)
    _loop: asyncio.AbstractEventLoop | None = None
    _timer: asyncio.TimerHandle | None = None
    _tell: Tell | None = None

    def __post_init__(self) -> None:
        from gpiod import LineSettings
        from gpiod.line import Direction, Drive, Value

        self._on, self._off = Value.ACTIVE, Value.INACTIVE
        table = self.table
        # Open drain: two keys pressed at once must not short a high row to a low one.
        row = LineSettings(
            direction=Direction.OUTPUT, drive=Drive.OPEN_DRAIN, active_low=True, output_value=Value.ACTIVE
        )
        column = input_settings(Input(line=0, active_low=True, pull=table.pull), edges=True)
        self._rows = self.opener(table.chip, dict.fromkeys(table.rows, row))
        try:
            self._columns = self.opener(table.chip, dict.fromkeys(table.columns, column))
        except OSError:
            self._rows.release()
            raise

    def start(self, tell: Tell) -> None:
        """Tell of keys from now on, on the running loop's thread."""
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._columns.fd, self._touched)

    def close(self) -> None:
        """Give the lines back."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._columns.fd)
        if self._timer is not None:
            self._timer.cancel()
        self._rows.release()
        self._columns.release()

    def _touched(self) -> None:
        if self._loop is None:
            return
        self._loop.remove_reader(self._columns.fd)
        self._look()

    def _look(self) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            key = self._scan.look(self._contacts())
            resting = self._scan.resting
            if resting:
                self._drive(self.table.rows)
                while self._columns.wait_edge_events(0):
                    self._columns.read_edge_events()
        except OSError as error:
            log.warning("the keypad of outlet %d does not answer: %s", self.outlet, error)
            self._timer = loop.call_later(AGAIN_S, self._look)
            return
        self._say(key)
        if resting:
            loop.add_reader(self._columns.fd, self._touched)
        else:
            self._timer = loop.call_later(SCAN_S, self._look)

    def _say(self, place: int | None) -> None:
        if place is None or self._tell is None:
            return
        row, column = divmod(place, len(self.table.columns))
        key = self.table.keys[row][column]
        if key != " ":
            self._tell(pressed(self.outlet, key))

    def _contacts(self) -> frozenset[int]:
        found, width = [], len(self.table.columns)
        for at, row in enumerate(self.table.rows):
            self._drive((row,))
            values = self._columns.get_values(list(self.table.columns))
            found += [at * width + place for place, value in enumerate(values) if value is self._on]
        return frozenset(found)

    def _drive(self, active: Sequence[int | str]) -> None:
        self._rows.set_values({row: self._on if row in active else self._off for row in self.table.rows})


BUTTON_DEBOUNCE_US = 20_000


@dataclass
class Button:
    """One key: the stop key. The kernel takes its bounces out."""

    table: ButtonTable
    outlet: int
    opener: Opener = open_lines
    _loop: asyncio.AbstractEventLoop | None = None

    def __post_init__(self) -> None:
        table = self.table
        wanted = Input(line=table.line, chip=table.chip, active_low=table.active_low, pull=table.pull)
        settings = input_settings(wanted, edges=True, debounce_us=BUTTON_DEBOUNCE_US)
        self._request = self.opener(table.chip, {table.line: settings})

    def start(self, tell: Tell) -> None:
        """Tell of presses from now on, on the running loop's thread."""

        def touched() -> None:
            try:
                self._request.read_edge_events()
            except OSError as error:
                log.warning("the stop key of outlet %d does not answer: %s", self.outlet, error)
                loop.remove_reader(self._request.fd)
                return
            tell(StopKey(self.outlet))  # several edges at once are one wish to stop

        self._loop = loop = asyncio.get_running_loop()
        loop.add_reader(self._request.fd, touched)

    def close(self) -> None:
        """Give the line back."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._request.fd)
        self._request.release()
