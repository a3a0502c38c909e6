"""What each outlet's display shows now: the most important thing that is still true."""

from __future__ import annotations

from dataclasses import dataclass

from coinslot.terminal.actions import Display
from coinslot.terminal.choosing import Choosing
from coinslot.terminal.display import Lines, Texts
from coinslot.terminal.keypad import Keypad
from coinslot.terminal.rating import Rater
from coinslot.terminal.runs import Run
from coinslot.terminal.sessions import Ending
from coinslot.terminal.shopfront import Face, Shopfront
from coinslot.terminal.taps import Tap
from coinslot.terminal.views import Phase, View
from coinslot.wire.messages import Bill, Note
from coinslot.wire.records import StopReason

USE_MS = 500
"""Between two refreshes while in use: a person reads no faster, and a display bus is slow."""
NOTICE_MS = 8_000
"""How long a bill or a refusal stays."""
MONEY_MS = 30_000
"""How long a guest's bill, or the word of a refund, stays: somebody looks for a phone to read its code with."""
QR_MS = 120_000

_CUT_SHORT = (StopReason.FAULT, StopReason.POWER_LOSS)


@dataclass
class Notice:
    """Something shown for a while, in front of the idle text."""

    face: Face
    until: int
    first: bool = False
    """Before a fault, too: it is about somebody's money."""


class Screen:
    """One outlet's display."""

    def __init__(self, tap: Tap, texts: Texts, rater: Rater) -> None:
        self._tap = tap
        self._texts = texts
        self._rater = rater
        self._front = Shopfront(texts)
        self.choosing = Choosing()
        self._shown: Display | None = None
        self._used_at = -USE_MS
        self._run: object = None
        self.ended = ""
        """The session that ended here last, in this boot."""
        self.put_away = ""
        """The session whose end somebody has read and gone on from: its bill does not come in between."""
        self._notice: Notice | None = None

    # ------------------------------------------------------------ what is to be shown for a while

    def show(self, lines: Lines, now: int, ms: int = NOTICE_MS, qr: str | None = None) -> None:
        """Show something for a while; it waits behind a session in use."""
        phase = Phase.NOTICE if qr is None else Phase.QR
        self._notice = Notice(
            Face(lines, View(phase=phase, text=" ".join(filter(None, lines)), qr=qr)), now + ms
        )

    def end(self, ending: Ending, now: int) -> None:
        """Show how a session ended, until the server's bill comes."""
        self.ended = ending.session
        amount_minor = self._rater.amount_minor(
            ending.quote, ending.usage, cut_short=ending.reason in _CUT_SHORT
        )
        currency = self._currency(ending.quote)
        lines = self._texts.ended(ending.reason, ending.usage, amount_minor, currency)
        if ending.reason is StopReason.LIMIT and self._time_bought(ending.quote):
            lines = self._texts.word("time_up"), lines[1]
        view = View(
            phase=Phase.FINISHED,
            text=lines[0],
            currency=currency,
            amount_minor=amount_minor,
            usage=dict(ending.usage),
        )
        self._notice = Notice(Face(lines, view), now + NOTICE_MS)

    def bill(self, bill: Bill, qr: str | None, now: int) -> None:
        """A guest's bill, with what goes back."""
        self._notice = Notice(self._front.finished(bill, qr), now + MONEY_MS, first=True)

    def note(self, note: Note, now: int) -> None:
        """How a choice ended."""
        money = note is Note.REFUNDED
        face = self._front.note(note, self.choosing.choice)
        self._notice = Notice(face, now + (MONEY_MS if money else NOTICE_MS), first=money)

    def offline(self, now: int) -> None:
        """A choice that cannot be asked for now."""
        text = self._texts.word("offline")
        self._notice = Notice(Face((text, ""), View(phase=Phase.OFFLINE, text=text)), now + NOTICE_MS)

    def clear(self) -> None:
        """Somebody has read it."""
        self._notice = None

    def go_on(self) -> None:
        """Somebody has read how it ended, and wants to choose."""
        self.clear()
        self.put_away = self.ended

    # ------------------------------------------------------------ what is shown now

    def refresh(self, keypad: Keypad, now: int, *, up: bool, closed: bool) -> Display | None:
        """The display's new content, None when it stays as it is."""
        run = self._tap.run
        if run is not None and run is self._run and now - self._used_at < USE_MS:
            return None
        self._run = run
        self._used_at = now
        face = self._in_use(run, now) if run is not None else self._free(keypad, now, up=up, closed=closed)
        prefix = self._tap.settings.name
        first = f"{prefix} {face.lines[0]}" if prefix else face.lines[0]
        wanted = Display(self._tap.number, (first, face.lines[1]), face.view.qr, face.view)
        if wanted == self._shown:
            return None
        self._shown = wanted
        return wanted

    def _in_use(self, run: Run, now: int) -> Face:
        usage, quote = run.usage(self._tap.registers), bytes(run.about.quote)
        by_time = self._time_bought(quote)
        amount_minor = self._rater.amount_minor(quote, usage)
        currency = self._currency(quote)
        left_s = run.left_s(now)
        lines = (
            self._texts.time_left(left_s) if by_time else self._texts.in_use(usage, amount_minor, currency)
        )
        view = View(
            phase=Phase.RUNNING,
            text=lines[0],
            currency=currency,
            amount_minor=amount_minor,
            left_s=left_s if by_time else None,
            usage=usage,
            power_w=self._tap.power.power_w,
        )
        return Face(lines, view)

    def _free(self, keypad: Keypad, now: int, *, up: bool, closed: bool) -> Face:
        tap, texts = self._tap, self._texts
        notice = self._notice if self._notice is not None and now < self._notice.until else None
        if notice is not None and notice.first:
            return notice.face
        if tap.faults:
            code = next(iter(tap.faults))
            lines = texts.relay_fault(code) if tap.settings.electric else texts.fault(code)
            return Face(lines, View(phase=Phase.FAULT, text=lines[1]))
        if keypad.digits:
            lines = texts.code(keypad.digits)
            return Face(lines, View(phase=Phase.CODE, text=lines[0]))
        if not closed and (face := self._front.under_way(self.choosing, now)) is not None:
            return face
        self._notice = notice
        if notice is not None:
            return notice.face
        if not closed and up and (face := self._front.selling(self.choosing, now)) is not None:
            return face
        phase = Phase.CLOSED if closed else Phase.READY if up else Phase.OFFLINE
        return Face((texts.word(phase.value), ""), View(phase=phase, text=texts.word(phase.value)))

    def _time_bought(self, quote: bytes) -> bool:
        promise = self._rater.promise(quote)
        return promise is not None and promise.time_bought

    def _currency(self, quote: bytes) -> str:
        promise = self._rater.promise(quote)
        return "CNY" if promise is None else promise.currency
