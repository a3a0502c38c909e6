"""Digits typed at an outlet, until they are confirmed, taken back or forgotten."""

from __future__ import annotations

from dataclasses import dataclass

MOST_DIGITS = 16
LEAST_DIGITS = 4
FORGET_MS = 30_000
"""Half a code left behind must not greet the next person."""


@dataclass
class Keypad:
    """What one outlet's keypad holds."""

    digits: str = ""
    _pressed_at: int = 0

    def press(self, key: str, now: int) -> str | None:
        """Take one key; the digits when `#` confirms enough of them, else None."""
        self.fade(now)
        self._pressed_at = now
        if len(key) == 1 and key in "0123456789":
            self.digits = (self.digits + key)[-MOST_DIGITS:]
            return None
        typed, self.digits = self.digits, ""
        return typed if key == "#" and len(typed) >= LEAST_DIGITS else None

    def fade(self, now: int) -> None:
        """Forget digits that nobody went on with."""
        if self.digits and now - self._pressed_at >= FORGET_MS:
            self.digits = ""
