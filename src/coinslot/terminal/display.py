"""What is said in every state an outlet can be in, in one language; `layouts.py` makes rows of it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from coinslot.terminal import phrases
from coinslot.terminal.layouts import Forms, Layout, Said, from_elsewhere
from coinslot.terminal.phrases import Phrase
from coinslot.terminal.settings import Language
from coinslot.wire.messages import Note, PackageOffered, Show
from coinslot.wire.records import DeclineReason, FaultCode, StopReason
from coinslot.wire.registers import Register

_HINTS: dict[Note, tuple[str, ...]] = {
    Note.WRONG_CODE: ("check",),
    Note.CODE_EXPIRED: ("renew",),
    Note.CODE_USED: ("renew",),
    Note.OTHER_OUTLET: ("there",),
    Note.NO_BALANCE: ("top_up",),
    Note.ARREARS: ("pay_up",),
    Note.NOT_ALLOWED: ("see_phone",),
    Note.OUT_OF_HOURS: ("see_phone",),
    Note.LOCKED: ("long_code", "long_how"),
}
"""What to do about it."""


class InUse(Struct, frozen=True, kw_only=True):
    """The figures of a session that runs."""

    usage: Mapping[Register, int]
    seconds: int
    """Of use."""
    amount_minor: int | None = None
    """So far; None where the display does not know the price."""
    left_minor: int | None = None
    """Of what is held for it."""
    currency: str = "CNY"
    can_pause: bool = False
    fresh: bool = False
    """So short a while ago that its keys are still to be said."""


class Texts:
    """The texts in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def word(self, name: str) -> str:
        """One of the fixed texts, whole."""
        return self.forms(name)[0]

    def forms(self, name: str) -> Forms:
        """The same from long to short."""
        return phrases.TEXTS[name].spoken(self.language)

    def declined(self, reason: DeclineReason) -> Said:
        """Why a start was refused."""
        return (self._of(phrases.DECLINED[reason]),)

    def ended(
        self,
        reason: StopReason,
        usage: Mapping[Register, int],
        amount_minor: int | None,
        currency: str = "CNY",
    ) -> Said:
        """The end of a session, before the server's bill."""
        return self._of(phrases.REASONS[reason]), _sum(usage, amount_minor, currency)

    def time_up(self, usage: Mapping[Register, int], amount_minor: int | None, currency: str = "CNY") -> Said:
        """The same where the time that was bought is over."""
        return self.forms("time_up"), _sum(usage, amount_minor, currency)

    def fault(self, code: FaultCode) -> Said:
        """An outlet out of order."""
        return self.forms("fault"), self._of(phrases.FAULTS[code])

    def relay_fault(self, code: FaultCode) -> Said:
        """The same where a relay is the valve."""
        return self.forms("fault"), self._of(phrases.RELAY_FAULTS.get(code, phrases.FAULTS[code]))

    def idle(self, *, up: bool, codes: bool) -> Said:
        """Free, or not to be reached: then a code of the phone's own helps, where the terminal takes such (`codes`)."""
        if up:
            return (self.forms("ready"),)
        return (self.forms("offline_code"), self.forms("offline_how")) if codes else (self.forms("offline"),)

    # ------------------------------------------------------------ in use

    def begun(self, beside_minor: int | None, limit_minor: int | None, currency: str) -> Said:
        """How far this use may go, and what there is beside that."""
        beside = () if beside_minor is None else (self.labelled("beside", money(beside_minor, currency)),)
        limit = () if limit_minor is None else (self.labelled("limit", money(limit_minor, currency)),)
        return (*limit, *beside)

    def in_use(self, use: InUse, layout: Layout) -> Said:
        """Quantity, time and money as they run; of two short rows the keys are said at first, then what is left."""
        keys = self.forms("keys" if use.can_pause else "stop")
        left = (
            ()
            if use.left_minor is None
            else (self.labelled("money_left", money(use.left_minor, use.currency)),)
        )
        if layout.rows <= 2:
            wide = layout.columns >= 32 or use.fresh
            return (
                _sum(use.usage, use.amount_minor, use.currency),
                *((keys, *left) if wide else (*left, keys)),
            )
        cost = (
            ()
            if use.amount_minor is None
            else (self.labelled("cost", money(use.amount_minor, use.currency)),)
        )
        figures = (quantity(use.usage), _quantities(use.usage)[0])
        timed = tuple(f"{figure}  {clock(use.seconds)}" for figure in figures) if _metered(use.usage) else ()
        return ((*timed, *figures), *cost, *left, keys)

    def stops_in(self, left_s: int, use: InUse) -> Said:
        """Nobody uses it: it is said beforehand that it ends."""
        return self._counted("stops_in", left_s), _sum(use.usage, use.amount_minor, use.currency)

    def paused(self, left_s: int, use: InUse) -> Said:
        """Shut for a while, by its user."""
        first = self.labelled("paused", clock(left_s))
        return first, self.forms("paused_keys"), _sum(use.usage, use.amount_minor, use.currency)

    def time_left(self, left_s: int, *, can_pause: bool = False) -> Said:
        """What is left of the time that was bought."""
        return self.labelled("left", clock(left_s)), self.forms("keys" if can_pause else "stop")

    # ------------------------------------------------------------ buying here

    def note(self, note: Note) -> Forms:
        """What became of a wish to pay here."""
        return self._of(phrases.NOTES[note])

    def provider(self, provider: str) -> str:
        """The name of a way to pay; its id where no name is known."""
        known = phrases.PROVIDERS.get(provider)
        return provider if known is None else self._of(known)[0]

    def title(self, package: PackageOffered) -> str:
        """In one language, where the operator wrote both: `30 分钟 · 30 min`."""
        parts = package.title.split(" · ")
        if len(parts) != 2:
            return package.title
        return parts[0] if self.language is Language.ZH else parts[1]

    def bill(self, charge_minor: int, balance_minor: int, currency: str) -> Said:
        """What it came to, and what is left."""
        return (
            self.labelled("bill", money(charge_minor, currency)),
            self.labelled("balance", money(balance_minor, currency)),
            self.forms("thanks"),
        )

    def balance(self, balance_minor: int, currency: str = "CNY") -> Said:
        """What is left."""
        return (self.labelled("balance", money(balance_minor, currency)),)

    # ------------------------------------------------------------ codes

    def code(self, digits: str) -> Said:
        """Digits as they are typed: of 9 in threes, else in fours."""
        grouped = groups(digits)
        return (*((f"{label} {grouped}") for label in self.forms("code")), grouped, digits), self.forms(
            "confirm"
        )

    def checking(self) -> Said:
        """A code that was confirmed, until the answer comes."""
        return (self.forms("checking"),)

    def locked(self, locked_s: int) -> Said:
        """Too many wrong codes: for how long yet, rounded up to minutes, and what helps meanwhile."""
        minutes = max(1, -(-locked_s // 60))
        return self._counted("locked_for", minutes), self.forms("long_code"), self.forms("long_how")

    def refused(self, show: Show, layout: Layout) -> Said:
        """What became of a typed code, in its own words; empty for an answer without any."""
        note, currency = show.note, show.currency or "CNY"
        if note is None:
            return ()
        if note is Note.LOCKED and show.life_s is not None:
            return self.locked(show.life_s)
        detail: Said = from_elsewhere(show.lines, layout)
        if note is Note.OTHER_OUTLET and detail:
            detail = (self.labelled("only_for", show.lines[0]), *detail[1:])
        elif note in (Note.NO_BALANCE, Note.ARREARS) and show.amount_minor is not None:
            label = "needs" if note is Note.NO_BALANCE else "owed"
            detail = (self.labelled(label, money(show.amount_minor, currency)), *detail)
        return (self.note(note), *detail, *(self.forms(hint) for hint in _HINTS.get(note, ())))

    def labelled(self, name: str, figure: str) -> Forms:
        """A fixed text with a figure behind it; at the least the figure alone."""
        return (*(f"{label} {figure}" for label in self.forms(name)), figure)

    def _counted(self, name: str, number: int) -> Forms:
        return tuple(form.replace("{}", str(number)) for form in self.forms(name))

    def _of(self, phrase: Phrase) -> Forms:
        return phrase.spoken(self.language)


def groups(digits: str) -> str:
    """Digits as they are written on the phone, too: 4+4, 3+3+3, 4+4+4."""
    size = 3 if len(digits) == 9 else 4
    return " ".join(digits[at : at + size] for at in range(0, len(digits), size))


def money(minor: int, currency: str = "CNY") -> str:
    """An amount of a currency with two decimals, or of the few without any."""
    sign = "-" if minor < 0 else ""
    symbol = {"CNY": "¥", "EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}.get(currency, f"{currency} ")
    if currency in {"JPY", "KRW", "VND", "CLP"}:
        return f"{sign}{symbol}{abs(minor)}"
    return f"{sign}{symbol}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def quantity(usage: Mapping[Register, int]) -> str:
    """The usage in the units people read: litres, kilowatt-hours, pieces, minutes and seconds."""
    return " ".join(_quantities(usage))


def clock(seconds: int) -> str:
    """Minutes and seconds."""
    return f"{seconds // 60}:{seconds % 60:02d}"


def _quantities(usage: Mapping[Register, int]) -> list[str]:
    parts = []
    if Register.ML in usage:
        parts.append(f"{usage[Register.ML] // 1000}.{usage[Register.ML] % 1000 // 10:02d} L")
    if Register.WH in usage:
        parts.append(f"{usage[Register.WH] // 1000}.{usage[Register.WH] % 1000 // 10:02d} kWh")
    if Register.COUNT in usage:
        parts.append(f"x {usage[Register.COUNT]}")
    return parts or [clock(usage.get(Register.S, 0))]


def _metered(usage: Mapping[Register, int]) -> bool:
    return any(register is not Register.S for register in usage)


def _sum(usage: Mapping[Register, int], amount_minor: int | None, currency: str) -> Forms:
    """Quantity and money in one row; the quantity's blank goes first, then the quantity."""
    parts = _quantities(usage)
    if amount_minor is None:
        return " ".join(parts), parts[0]
    amount = money(amount_minor, currency)
    whole = " ".join(parts)
    tight = parts[0].replace(" ", "")
    return f"{whole}  {amount}", f"{parts[0]}  {amount}", f"{tight} {amount}", amount
