"""What each outlet's display shows now: the most important thing that is still true."""

from __future__ import annotations

from dataclasses import dataclass

from coinslot.terminal.actions import Display
from coinslot.terminal.choosing import Choosing
from coinslot.terminal.display import Texts
from coinslot.terminal.endings import Ending
from coinslot.terminal.keypad import Keypad
from coinslot.terminal.layouts import LAYOUTS, Said, from_elsewhere, laid
from coinslot.terminal.rating import Rater
from coinslot.terminal.settings import Language
from coinslot.terminal.shopfront import Face, Shopfront
from coinslot.terminal.taps import Tap
from coinslot.terminal.using import Using
from coinslot.terminal.views import Phase, View
from coinslot.wire.messages import Bill, DisplayLanguage, Note, Show
from coinslot.wire.records import DeclineReason, StopReason

USE_MS = 500
"""Between two refreshes while in use: a person reads no faster, and a display bus is slow."""
NOTICE_MS = 8_000
"""How long a bill or a refusal stays."""
BILL_MS = 60_000
"""How long after an end its bill, with the balance, is still somebody's who stands there."""
MONEY_MS = 30_000
"""How long a guest's bill, or the word of a refund, stays: somebody looks for a phone to read its code with."""
SOON_MS = 3_000
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
        self._layout = LAYOUTS[tap.settings.display]
        self._front = Shopfront(texts, self._layout)
        self.choosing = Choosing()
        self._shown: Display | None = None
        self._used_at = -USE_MS
        self._used: tuple[object, object] = None, None
        self._using: Using | None = None
        self.ended = ""
        """The session that ended here last, in this boot."""
        self._ended_at = 0
        self._spoke: DisplayLanguage | None = None
        """Its customer's language."""
        self.put_away = ""
        """The session whose end somebody has read and gone on from: its bill does not come in between."""
        self._notice: Notice | None = None

    # ------------------------------------------------------------ what is to be shown for a while

    def show(self, said: Said, now: int, ms: int = NOTICE_MS, qr: str | None = None) -> None:
        """Show something for a while; it waits behind a session in use."""
        phase = Phase.NOTICE if qr is None else Phase.QR
        text = " ".join(forms[0] for forms in said if forms[0])
        self._notice = Notice(Face(said, View(phase=phase, text=text, qr=qr)), now + ms)

    def told(self, show: Show, now: int) -> None:
        """What the server says to whoever stands here, in that person's language."""
        spoken = show.language
        if show.bill is not None:
            self._billed(show.bill, spoken or (self._spoke if show.bill.session == self.ended else None), now)
            return
        texts, lines = self._in(spoken), from_elsewhere(show.lines, self._layout)
        if show.note is not None:
            self.show(texts.refused(show, self._layout), now)
        elif show.qr is not None:
            self.show(lines or (texts.forms("pay"),), now, QR_MS, show.qr)
        elif show.balance_minor is not None:
            self.show(texts.balance(show.balance_minor, show.currency or "CNY"), now)
        elif lines:
            self.show(lines, now)

    def declined(self, reason: DeclineReason, spoken: DisplayLanguage | None, now: int) -> None:
        """Why a start was refused."""
        self.show(self._in(spoken).declined(reason), now)

    def end(self, ending: Ending, now: int) -> None:
        """Show how a session ended, until the server's bill comes."""
        self.ended, self._spoke, self._ended_at = ending.session, ending.language, now
        texts = self._in(ending.language)
        amount_minor = self._rater.amount_minor(
            ending.quote, ending.usage, cut_short=ending.reason in _CUT_SHORT
        )
        promise = self._rater.promise(ending.quote)
        currency = "CNY" if promise is None else promise.currency
        if ending.reason is StopReason.LIMIT and promise is not None and promise.time_bought:
            said = texts.time_up(ending.usage, amount_minor, currency)
        else:
            said = texts.ended(ending.reason, ending.usage, amount_minor, currency)
        view = View(
            phase=Phase.FINISHED,
            text=said[0][0],
            currency=currency,
            amount_minor=amount_minor,
            usage=dict(ending.usage),
        )
        self._notice = Notice(Face(said, view), now + NOTICE_MS)

    def bill(self, bill: Bill, qr: str | None, now: int) -> None:
        """A guest's bill, with what goes back."""
        self._notice = Notice(self._front.finished(bill, qr), now + MONEY_MS, first=True)

    def note(self, note: Note, now: int) -> None:
        """How a choice ended."""
        money = note is Note.REFUNDED
        face = self._front.note(note, self.choosing.choice)
        self._notice = Notice(face, now + (MONEY_MS if money else NOTICE_MS), first=money)

    def offline(self, now: int, *, codes: bool = False) -> None:
        """A wish that cannot be asked about now; `codes`: an offline code would be taken."""
        said = self._texts.idle(up=False, codes=codes)
        self._notice = Notice(Face(said, View(phase=Phase.OFFLINE, text=said[0][0])), now + NOTICE_MS)

    def too_soon(self, now: int) -> None:
        """A long code so shortly after another one is not looked at."""
        self.show((self._texts.forms("too_soon"),), now, SOON_MS)

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
        used = run, None if run is None else run.paused_at
        if run is not None and used == self._used and now - self._used_at < USE_MS:
            return None
        if run is None:
            self._using = None
        elif run is not self._used[0] or self._using is None:
            self._using = Using(run, self._in(run.about.language), self._rater, self._layout)
        self._used, self._used_at = used, now
        if self._using is not None:
            face = self._using.face(self._tap.registers, self._tap.power.power_w, now)
        else:
            face = self._free(keypad, now, up=up, closed=closed)
        rows = laid(face.said, self._layout, self._tap.settings.name)
        wanted = Display(self._tap.number, rows, face.view.qr, face.view)
        if wanted == self._shown:
            return None
        self._shown = wanted
        return wanted

    def _free(self, keypad: Keypad, now: int, *, up: bool, closed: bool) -> Face:
        tap, texts = self._tap, self._texts
        notice = self._notice if self._notice is not None and now < self._notice.until else None
        if notice is not None and notice.first:
            return notice.face
        if tap.faults:
            code = next(iter(tap.faults))
            said = texts.relay_fault(code) if tap.settings.electric else texts.fault(code)
            return Face(said, View(phase=Phase.FAULT, text=said[1][0]))
        if (typed := self._typed(keypad)) is not None:
            return typed
        if not closed and (face := self._front.under_way(self.choosing, now)) is not None:
            return face
        self._notice = notice
        if notice is not None:
            return notice.face
        if not closed and up and (face := self._front.selling(self.choosing, now)) is not None:
            return face
        return self._idle(keypad, now, up=up, closed=closed)

    def _typed(self, keypad: Keypad) -> Face | None:
        if keypad.checking:
            said = self._texts.checking()
            return Face(said, View(phase=Phase.CHECKING, text=said[0][0]))
        if keypad.digits:
            said = self._texts.code(keypad.digits)
            return Face(said, View(phase=Phase.CODE, text=said[0][0]))
        return None

    def _idle(self, keypad: Keypad, now: int, *, up: bool, closed: bool) -> Face:
        texts = self._texts
        phase = Phase.CLOSED if closed else Phase.READY if up else Phase.OFFLINE
        locked_s = keypad.locked_s(now)
        if closed:
            said: Said = (texts.forms("closed"),)
        elif up and locked_s:
            said = texts.locked(locked_s)
        else:
            said = texts.idle(up=up, codes=keypad.offline)
        return Face(said, View(phase=phase, text=said[0][0]))

    def _billed(self, bill: Bill, spoken: DisplayLanguage | None, now: int) -> None:
        if bill.session == self.ended and now - self._ended_at >= BILL_MS:
            return  # whoever it was has gone, and the next one need not read the balance
        said = self._in(spoken).bill(bill.charge_minor, bill.balance_minor, bill.currency)
        view = View(
            phase=Phase.NOTICE,
            text=" ".join(forms[0] for forms in said[:2]),
            currency=bill.currency,
            amount_minor=bill.charge_minor,
            balance_minor=bill.balance_minor,
        )
        self._notice = Notice(Face(said, view), now + NOTICE_MS * 2)

    def _in(self, language: DisplayLanguage | None) -> Texts:
        """The texts for one person; the terminal's own where nobody knows who it is, or the display has no others."""
        if language is None or self._tap.settings.one_language:
            return self._texts
        return Texts(Language(language.value))
