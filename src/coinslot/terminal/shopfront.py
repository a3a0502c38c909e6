"""Buying on the appliance as its display shows it: rows in few words, and a view for one with buttons."""

from __future__ import annotations

from typing import NamedTuple

from coinslot.terminal.choosing import KEYS, Choice, Choosing, Stage
from coinslot.terminal.display import Texts, clock, money
from coinslot.terminal.layouts import Layout, Said, columns, fitted, pages
from coinslot.terminal.views import Phase, View
from coinslot.wire.messages import Bill, Menu, Note, PackageOffered

PAGE_MS = 3_000
"""How long a display of few rows shows a few of many choices before it shows the next ones."""

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

    said: Said
    view: View


class Shopfront:
    """Makes faces in one language for one display."""

    def __init__(self, texts: Texts, layout: Layout) -> None:
        self._texts = texts
        self._layout = layout

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
            return Face((self._texts.forms("pay_with"), *self._page(names, now)), asked)
        titles = [self._offer(package, menu.currency) for package in packages]
        return Face((self._texts.forms("choose"), *self._page(titles, now)), view)

    def under_way(self, choosing: Choosing, now: int) -> Face | None:
        """A choice on its way to a start; None without one."""
        choice, texts = choosing.choice, self._texts
        if choice is None or not choosing.under_way:
            return None
        match choice.stage:
            case Stage.WAITING:
                return Face(
                    self._on_its_way("waiting", choosing), _view(choice, Phase.WAITING, texts.word("waiting"))
                )
            case Stage.PAID:
                return Face(self._on_its_way("paid", choosing), _view(choice, Phase.PAID, texts.word("paid")))
            case _:
                scanned = choice.stage is Stage.SCANNED
                name, left_s = "scanned" if scanned else "pay", choice.left_s(now)
                view = _view(choice, Phase.SCANNED if scanned else Phase.QR, texts.word(name), left_s)
                return Face(self._to_pay(name, choice, clock(left_s)), view)

    def note(self, note: Note, choice: Choice | None) -> Face:
        """How a choice ended, for a while."""
        said = self._texts.note(note)
        after: Said = (self._texts.forms("again"),)
        if note is Note.REFUNDED:
            after = self._refund(choice)
        view = View(
            phase=_NOTE_PHASES[note],
            text=said[0],
            currency="" if choice is None else choice.currency,
            amount_minor=None if choice is None else choice.amount_minor,
        )
        return Face((said, *after), view)

    def finished(self, bill: Bill, qr: str | None) -> Face:
        """A guest's bill: what it cost, what goes back, and a code to read it."""
        texts = self._texts
        charged = money(bill.charge_minor, bill.currency)
        refund = texts.labelled("refund", money(bill.refund_minor, bill.currency))
        said = (
            texts.labelled("bill", charged),
            *((refund,) if bill.refund_minor else ()),
            texts.forms("thanks"),
        )
        view = View(
            phase=Phase.FINISHED,
            text=said[0][0],
            currency=bill.currency,
            amount_minor=bill.charge_minor,
            refund_minor=bill.refund_minor,
            qr=qr,
        )
        return Face(said, view)

    def _on_its_way(self, name: str, choosing: Choosing) -> Said:
        return self._texts.forms(name), (self._bought(choosing.menu, choosing.choice),)

    def _to_pay(self, name: str, choice: Choice, left: str) -> Said:
        first = self._texts.forms(name)
        if choice.amount_minor is not None:
            first = self._texts.labelled(name, money(choice.amount_minor, choice.currency))
        provider = fitted(self._texts.provider(choice.provider), self._layout.columns - columns(left) - 1)
        return first, (f"{provider} {left}",)

    def _page(self, names: list[str], now: int) -> Said:
        entries = [f"{key} {name}" for key, name in zip(KEYS, names, strict=False)]
        found = pages(entries, self._layout)
        return found[now // PAGE_MS % len(found)]

    def _offer(self, package: PackageOffered, currency: str) -> str:
        price = money(package.price_minor, currency)
        room = self._layout.columns - 3 - columns(price)
        return f"{fitted(self._texts.title(package), room)} {price}"

    def _bought(self, menu: Menu | None, choice: Choice | None) -> str:
        packages = [] if menu is None or choice is None else menu.packages
        return next(
            (
                self._texts.title(package)
                for package in packages
                if choice and package.package == choice.package
            ),
            "",
        )

    def _refund(self, choice: Choice | None) -> Said:
        if choice is None or choice.amount_minor is None:
            return ()
        return (self._texts.labelled("refund", money(choice.amount_minor, choice.currency)),)


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
