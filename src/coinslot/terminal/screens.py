"""What each outlet's display shows now: the most important thing that is still true."""

from __future__ import annotations

from dataclasses import dataclass

from coinslot.terminal.actions import Display
from coinslot.terminal.display import Lines, Texts
from coinslot.terminal.keypad import Keypad
from coinslot.terminal.rating import Rater
from coinslot.terminal.sessions import Ending
from coinslot.terminal.taps import Tap

USE_MS = 500
"""Between two refreshes while in use: a person reads no faster, and a display bus is slow."""
NOTICE_MS = 8_000
"""How long a bill or a refusal stays."""
QR_MS = 120_000


@dataclass
class Notice:
    """Something shown for a while, in front of the idle text."""

    lines: Lines
    until: int
    qr: str | None = None


class Screen:
    """One outlet's display."""

    def __init__(self, tap: Tap, texts: Texts, rater: Rater) -> None:
        self._tap = tap
        self._texts = texts
        self._rater = rater
        self._shown: Display | None = None
        self._used_at = -USE_MS
        self._run: object = None
        self.notice: Notice | None = None

    def show(self, lines: Lines, now: int, ms: int = NOTICE_MS, qr: str | None = None) -> None:
        """Show something for a while; it waits behind a session in use."""
        self.notice = Notice(lines, now + ms, qr)

    def end(self, ending: Ending, now: int) -> None:
        """Show how a session ended, until the server's bill comes."""
        amount_minor = self._rater.amount_minor(ending.quote, ending.usage)
        self.show(self._texts.ended(ending.reason, ending.usage, amount_minor), now)

    def refresh(self, keypad: Keypad, now: int, *, up: bool, closed: bool) -> Display | None:
        """The display's new content, None when it stays as it is."""
        run = self._tap.run
        if run is not None and run is self._run and now - self._used_at < USE_MS:
            return None
        self._run = run
        self._used_at = now
        lines, qr = self._content(keypad, now, up=up, closed=closed)
        prefix = self._tap.settings.name
        wanted = Display(self._tap.number, (f"{prefix} {lines[0]}" if prefix else lines[0], lines[1]), qr)
        if wanted == self._shown:
            return None
        self._shown = wanted
        return wanted

    def _content(self, keypad: Keypad, now: int, *, up: bool, closed: bool) -> tuple[Lines, str | None]:
        run, texts = self._tap.run, self._texts
        if run is not None:
            usage = run.usage(self._tap.registers)
            return texts.in_use(usage, self._rater.amount_minor(bytes(run.about.quote), usage)), None
        if self._tap.faults:
            return texts.fault(next(iter(self._tap.faults))), None
        if keypad.digits:
            return texts.code(keypad.digits), None
        if self.notice is not None and now < self.notice.until:
            return self.notice.lines, self.notice.qr
        self.notice = None
        name = "closed" if closed else "ready" if up else "offline"
        return (texts.word(name), ""), None
