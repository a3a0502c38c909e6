"""The hardware: one valve, one meter that counts pulses, one stop key.

`Pins` is for a board that has `machine.Pin`; `Simulated` and `Desk` are for a desk. All count millilitres since boot: a count
that lives in this board's memory starts at 0 with it, so only differences count, and the journal knows the register.
"""

import select
import sys
import time

PULSE_ML = 5


class Clock:
    """Milliseconds since boot, never back, never wrapping around."""

    def __init__(self):
        self._now = 0
        self._last = _ticks()

    def ms(self):
        now = _ticks()
        self._now += _diff(now, self._last)
        self._last = now
        return self._now


if hasattr(time, "ticks_ms"):
    _ticks = time.ticks_ms  # MicroPython's wrap around every 12 days, and know how to be subtracted
    _diff = time.ticks_diff
else:

    def _ticks():
        return int(time.monotonic() * 1000)

    def _diff(later, sooner):
        return later - sooner


class Pins:
    """A relay or valve at one pin, a meter at another that pulls it down, a key at a third."""

    def __init__(self, valve, meter, key):
        from machine import Pin

        self._valve = Pin(valve, Pin.OUT, value=0)
        self._key = Pin(key, Pin.IN, Pin.PULL_UP)
        self._pulses = 0
        self._was = 1
        Pin(meter, Pin.IN, Pin.PULL_UP).irq(self._pulse, Pin.IRQ_FALLING)

    def _pulse(self, _pin):
        self._pulses += 1

    def set(self, is_open):
        self._valve.value(1 if is_open else 0)

    def ml(self, _now):
        return self._pulses * PULSE_ML

    def stop_pressed(self):
        now = self._key.value()
        pressed = self._was == 1 and now == 0
        self._was = now
        return pressed

    def poll(self):
        """Whether to go on."""
        return True


class Simulated:
    """9 litres a minute while the valve and the tap behind it are open."""

    def __init__(self):
        self.tap = True
        self.stop = False
        self._open = False
        self._ul = 0
        self._at = None

    def set(self, is_open):
        self._open = is_open

    def ml(self, now):
        if self._at is not None and self._open and self.tap:
            self._ul += (now - self._at) * 150
        self._at = now
        return self._ul // 1000 // PULSE_ML * PULSE_ML

    def stop_pressed(self):
        pressed, self.stop = self.stop, False
        return pressed

    def poll(self):
        return True


class Desk(Simulated):
    """The same, with hands: lines on standard input, `stop 0`, `tap 0 closed`, `tap 0 open`."""

    def __init__(self):
        super().__init__()
        self._line = b""
        self._input = getattr(sys.stdin, "buffer", sys.stdin)
        self._input = getattr(self._input, "raw", self._input)
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def poll(self):
        """Read what came; False once whoever started us is gone."""
        while self._poll.poll(0):
            sign = self._input.read(1)
            if not sign:
                return False
            if sign == b"\n":
                words = self._line.decode().split()
                self._line = b""
                if words[:1] == ["stop"]:
                    self.stop = True
                elif words[:1] == ["tap"]:
                    self.tap = words[-1] == "open"
            else:
                self._line += sign
        return True
