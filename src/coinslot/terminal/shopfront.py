"""Buying on the appliance as its display shows it: two lines in few words, and a view for one with buttons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from coinslot.terminal.choosing import KEYS, Choice, Choosing, Stage
from coinslot.terminal.display import COLUMNS, Lines, Texts, clock, columns, fitted, money
from coinslot.terminal.views import Phase, View
from coinslot.wire.messages import Bill, Menu, Note, PackageOffered

PAGE_MS = 3_000
"""How long a two-line display shows a few of many choices before it shows the next ones."""

_NOTE_PHASES = {
    Note.SCANNED: Phase.SCANNED,
    Note.PAID: Phase.PAID,
    Note.REFUNDED: Phase.REFUNDED,
    Note.EXPIRED: Phase.EXPIRED,
    Note.BUSY: Phase.BUSY,
    Note.UNAVAILABLE: Phase.UNAVAILABLE,
    Note.TRY_AGAIN: Phase.TRY_AGAIN,
}


class Face(NamedTuple):
    """What a display is to show."""

    lines: Lines
    view: View


class Shopfront:
    """Makes faces in one language."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def selling(self, choosing: Choosing, now: int) -> Face | None:
        """What is sold, while nothing was chosen yet; None where nothing is sold."""
        menu, packages = choosing.menu, choosing.packages
        if menu is None or not packages:
            return None
        view = View(
            phase=Phase.CHOOSE,
            text=self._texts.word("choose"),
            currency=menu.currency,
            packages=tuple(packages),
            providers=tuple(menu.providers),
        )
        if choosing.picked:
            asked = View(
                phase=Phase.PAY_WITH,
                text=self._texts.word("pay_with"),
                currency=menu.currency,
                packages=view.packages,
                providers=view.providers,
                package=choosing.picked,
            )
            names = [self._texts.provider(provider) for provider in menu.providers]
            return Face((asked.text, _page(names, now)), asked)
        titles = [self._offer(package, menu.currency) for package in packages]
        return Face((view.text, _page(titles, now)), view)

    def under_way(self, choosing: Choosing, now: int) -> Face | None:
        """A choice on its way to a start; None without one."""
        choice, texts = choosing.choice, self._texts
        if choice is None or not choosing.under_way:
            return None
        provider = texts.provider(choice.provider)
        match choice.stage:
            case Stage.WAITING:
                line = texts.word("waiting")
                return Face(
                    (line, fitted(self._bought(choosing.menu, choice))), _view(choice, Phase.WAITING, line)
                )
            case Stage.PAID:
                line = texts.word("paid")
                return Face(
                    (line, fitted(self._bought(choosing.menu, choice))), _view(choice, Phase.PAID, line)
                )
            case _:
                scanned = choice.stage is Stage.SCANNED
                text, left_s = texts.word("scanned" if scanned else "pay"), choice.left_s(now)
                amount = (
                    "" if choice.amount_minor is None else f" {money(choice.amount_minor, choice.currency)}"
                )
                view = _view(choice, Phase.SCANNED if scanned else Phase.QR, text, left_s)
                return Face(
                    (fitted(f"{text}{amount}"), f"{fitted(provider, COLUMNS - 8)} {clock(left_s)}"), view
                )

    def note(self, note: Note, choice: Choice | None) -> Face:
        """How a choice ended, for a while."""
        text = self._texts.note(note)
        again = self._texts.word("again")
        if note is Note.REFUNDED:
            again = self._amount(choice)
        view = View(
            phase=_NOTE_PHASES[note],
            text=text,
            currency="" if choice is None else choice.currency,
            amount_minor=None if choice is None else choice.amount_minor,
        )
        return Face((text, again), view)

    def finished(self, bill: Bill, qr: str | None) -> Face:
        """A guest's bill: what it cost, what goes back, and a code to read it."""
        texts = self._texts
        first = f"{texts.word('bill')} {money(bill.charge_minor, bill.currency)}"
        second = texts.word("thanks")
        if bill.refund_minor:
            second = f"{texts.word('refund')} {money(bill.refund_minor, bill.currency)}"
        view = View(
            phase=Phase.FINISHED,
            text=first,
            currency=bill.currency,
            amount_minor=bill.charge_minor,
            refund_minor=bill.refund_minor,
            qr=qr,
        )
        return Face((first, second), view)

    def _offer(self, package: PackageOffered, currency: str) -> str:
        price = money(package.price_minor, currency)
        return f"{fitted(self._texts.title(package), COLUMNS - 3 - columns(price))} {price}"

    def _bought(self, menu: Menu | None, choice: Choice) -> str:
        packages = [] if menu is None else menu.packages
        return next(
            (self._texts.title(package) for package in packages if package.package == choice.package), ""
        )

    def _amount(self, choice: Choice | None) -> str:
        if choice is None or choice.amount_minor is None:
            return ""
        return f"{self._texts.word('refund')} {money(choice.amount_minor, choice.currency)}"


def _view(choice: Choice, phase: Phase, text: str, left_s: int | None = None) -> View:
    return View(
        phase=phase,
        text=text,
        currency=choice.currency,
        package=choice.package,
        provider=choice.provider,
        qr=choice.qr or None if phase in (Phase.QR, Phase.SCANNED) else None,
        amount_minor=choice.amount_minor,
        left_s=left_s,
    )


def _page(names: Sequence[str], now: int) -> str:
    """As many choices with their keys as a line holds, one page after the other."""
    pages = [""]
    for key, name in zip(KEYS, names, strict=False):
        entry = fitted(f"{key} {name}")
        longer = f"{pages[-1]}  {entry}"
        if not pages[-1]:
            pages[-1] = entry
        elif columns(longer) <= COLUMNS:
            pages[-1] = longer
        else:
            pages.append(entry)
    return pages[now // PAGE_MS % len(pages)]
