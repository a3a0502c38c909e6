"""Digits typed at an outlet, until they are confirmed, taken back or forgotten."""

from __future__ import annotations

from dataclasses import dataclass

MOST_DIGITS = 16
LEAST_DIGITS = 4
FORGET_MS = 30_000
"""Half a code left behind must not greet the next person."""
CANCEL = "*"
"""What `press` gives when somebody took back what was not there: away with whatever is shown."""


@dataclass
class Keypad:
    """What one outlet's keypad holds, and what its display needs to know of it."""

    digits: str = ""
    checking: bool = False
    """A code was sent and its answer is awaited: no key does anything until then."""
    offline: bool = False
    """Without a link it would take a code of nine digits."""
    locked_until: int = 0
    """Ticks: until then it takes none but the long codes."""
    _pressed_at: int = 0

    def press(self, key: str, now: int) -> str | None:
        """Take one key: the digits when `#` confirms enough of them, `CANCEL` for a `*` on nothing, else None. A `*`
        takes one digit back."""
        self.fade(now)
        self._pressed_at = now
        if len(key) == 1 and key in "0123456789":
            self.digits = (self.digits + key)[-MOST_DIGITS:]
            return None
        if key == "*":
            typed, self.digits = self.digits, self.digits[:-1]
            return None if typed else CANCEL
        typed, self.digits = self.digits, ""
        return typed if key == "#" and len(typed) >= LEAST_DIGITS else None

    def fade(self, now: int) -> None:
        """Forget digits that nobody went on with."""
        if self.digits and now - self._pressed_at >= FORGET_MS:
            self.digits = ""

    def locked_s(self, now: int) -> int:
        """Seconds until it takes codes of the usual lengths again, rounded up; 0 where it is not locked."""
        return max(0, -(-(self.locked_until - now) // 1000))
