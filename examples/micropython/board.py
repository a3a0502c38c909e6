"""The hardware: one valve, one meter that counts pulses, one stop key.

`Pins` is for a board that has `machine.Pin`; `Simulated` is for a desk. Both count millilitres since boot: a count
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
    """9 litres a minute while the valve is open. Lines on standard input: `stop 0`, `tap 0 closed`, `tap 0 open`."""

    def __init__(self):
        self._open = False
        self._tap = True
        self._stop = False
        self._ul = 0
        self._at = None
        self._line = b""
        self._input = getattr(sys.stdin, "buffer", sys.stdin)
        self._input = getattr(self._input, "raw", self._input)
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def set(self, is_open):
        self._open = is_open

    def ml(self, now):
        if self._at is not None and self._open and self._tap:
            self._ul += (now - self._at) * 150
        self._at = now
        return self._ul // 1000 // PULSE_ML * PULSE_ML

    def stop_pressed(self):
        pressed, self._stop = self._stop, False
        return pressed

    def poll(self):
        """Read what came; False once whoever started us is gone."""
        while self._poll.poll(0):
            sign = self._input.read(1)
            if not sign:
                return False
            if sign == b"\n":
                self._obey(self._line.decode().split())
                self._line = b""
            else:
                self._line += sign
        return True

    def _obey(self, words):
        if words[:1] == ["stop"]:
            self._stop = True
        elif words[:1] == ["tap"]:
            self._tap = words[-1] == "open"
