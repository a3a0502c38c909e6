"""A meter that makes a pulse for so many millilitres, or for so many watt-hours."""

from __future__ import annotations

import logging
import time

from coinslot.terminal.drivers.gpio import Opener, Request, input_settings, open_lines
from coinslot.terminal.drivers.tables import Input, PulseTable
from coinslot.wire.registers import Register, Registers

log = logging.getLogger(__name__)

SEQUENCE = 2**32
"""The kernel numbers a line's edges in 32 bits."""
MOST_READS = 64
"""Of one look: an input that oscillates must not hold the loop."""
_NS = 1_000_000_000


class PulseMeter:
    """Counts by the kernel's own numbers of the edges, so that edges which fell out of its buffer while the loop
    stood still are counted too. Bounces are taken out by the kernel and once more by the edges' times."""

    def __init__(self, table: PulseTable, opener: Opener = open_lines) -> None:
        self._table = table
        wanted = Input(line=table.line, chip=table.chip, active_low=table.active_low, pull=table.pull)
        settings = input_settings(wanted, edges=True, debounce_us=table.debounce_us)
        self._request: Request = opener(table.chip, {table.line: settings})
        self._pulses = 0
        self._sequence = 0
        self._at_ns = time.monotonic_ns()
        self._bounced_ns = 0

    @property
    def pulses(self) -> int:
        """Since this program began."""
        return self._pulses

    def read(self) -> Registers:
        """Whole units so far. OSError while there is noise on the cable: such edges are nobody's use."""
        self._drain()
        return {Register(self._table.register): self._pulses * self._table.per // self._table.pulses}

    def close(self) -> None:
        """Give the line back."""
        self._request.release()

    def _drain(self) -> None:
        from_ns, gained = self._at_ns, 0
        for _ in range(MOST_READS):
            if not self._request.wait_edge_events(0):
                break
            for event in self._request.read_edge_events():
                step = (event.line_seqno - self._sequence) % SEQUENCE
                self._sequence = event.line_seqno
                # Of edges that were lost the times are unknown; only this one can be seen to be a bounce.
                bounce = event.timestamp_ns - self._bounced_ns < self._table.debounce_us * 1_000
                gained += step - 1 if bounce and step else step
                self._bounced_ns = self._at_ns = event.timestamp_ns
        most = self._most(self._at_ns - from_ns)
        if gained > most:
            raise OSError(
                f"line {self._table.line} of {self._table.chip} made {gained} pulses where the meter can make {most}: "
                "noise; use a shielded cable, a filter or a longer debounce_us"
            )
        self._pulses += gained

    def _most(self, span_ns: int) -> int:
        """What the meter can have made in this time, with a tenth of a second's allowance for its unevenness."""
        return self._table.most_hz * (max(0, span_ns) + _NS // 10) // _NS + 2
