"""An offer and a standing in words: what it costs, what is held, when it ends by itself, why not now."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from coinslot.fleet.rules import ApplianceKind
from coinslot.web.customer.appliances import Appliance, Standing, Tap
from coinslot.web.customer.offers import Offer, Price
from coinslot.web.customer.wording import price as price_words
from coinslot.web.customer.wording import quantity
from coinslot.web.customer.words import again_text
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.wire.registers import Register

KNOWN_NAMES: Final = (
    marked("Cold"),
    marked("Warm"),
    marked("Hot"),
    marked("Boiling"),
    marked("Shower"),
)
"""Names of outlets that everybody gives alike; any other is shown as its operator wrote it."""

_TYPICAL: Final = {
    ApplianceKind.DISPENSER: marked("A 550 ml bottle: about %(total)s"),
    ApplianceKind.SHOWER: marked("A shower of 8 minutes and 40 L: about %(total)s"),
    ApplianceKind.DRYER: marked("5 minutes: about %(total)s"),
    ApplianceKind.WASHER: marked("One load: about %(total)s"),
    ApplianceKind.PURIFIER: marked("An hour: about %(total)s"),
    ApplianceKind.DIFFUSER: marked("An hour: about %(total)s"),
}
_WATER: Final = frozenset({ApplianceKind.DISPENSER.value, ApplianceKind.SHOWER.value})

WORDS: Final = {
    Standing.FREE: (marked("Free now"), ""),
    Standing.MINE: (marked("In use by you"), "run"),
    Standing.MINE_UNKNOWN: (marked("Finding out"), "warn"),
    Standing.CLOSED: (marked("Closed"), "bad"),
    Standing.SHUT: (marked("Closed now"), "warn"),
    Standing.NO_PRICE: (marked("Not ready"), "bad"),
    Standing.FAULT: (marked("Out of order"), "bad"),
    Standing.BUSY: (marked("In use"), "warn"),
    Standing.BUSY_UNKNOWN: (marked("In use"), "warn"),
    Standing.OFFLINE: (marked("Offline"), "bad"),
}
"""The word for a standing, and the look of its dot."""

_WHY: Final = {
    Standing.MINE_UNKNOWN: marked(
        "The appliance has not answered to your start yet. We are finding out what became of it. "
        "You are not charged for what does not run."
    ),
    Standing.CLOSED: marked("The operator has taken it out of service. Please use another one."),
    Standing.NO_PRICE: marked("It has no price yet, so it cannot be started. Please use another one."),
    Standing.FAULT: marked("Something is wrong with it, so it cannot be started. Please use another one."),
    Standing.BUSY_UNKNOWN: marked(
        "The appliance has not answered to the last start yet. It is free again once it has."
    ),
    Standing.OFFLINE: marked(
        "The appliance is not connected at this moment, so it cannot be started. Try again in a minute."
    ),
}


class Row(Struct, frozen=True):
    """A name and its value; `tap` where it holds for one outlet only."""

    name: str
    value: str
    tap: str = ""


class TapShown(Struct, frozen=True, kw_only=True):
    """One outlet as its page shows it."""

    choice: str
    name: str
    price: str
    typical: str
    standing: Standing
    word: str
    look: str
    why: str
    seal: str
    hold: str
    """What a start holds."""
    least: str
    """What a wallet has to have for a start."""
    least_minor: int
    affordable: bool
    """Whether the wallet of whoever looks has that; true while nobody is logged in."""

    @property
    def free(self) -> bool:
        """Whether it can be started, as far as the appliance goes."""
        return self.standing is Standing.FREE

    @property
    def usable(self) -> bool:
        """Whether whoever looks can start it."""
        return self.free and self.affordable


def tap_shown(
    page: Page,
    here: Appliance,
    tap: Tap,
    standing: Standing,
    offer: Offer | None,
    spendable_minor: int | None,
) -> TapShown:
    """The outlet in words, for somebody with so much to spend. Without an offer it cannot be started."""
    if offer is None and standing is Standing.FREE:
        standing = Standing.NO_PRICE
    word, look = WORDS[standing]
    return TapShown(
        choice=tap.choice,
        name=page.say(tap.name),
        price=" + ".join(_prices(page, offer)) if offer else "",
        typical=_typical(page, offer) if offer else "",
        standing=standing,
        word=page.say(word),
        look=look,
        why=why_not(page, here, tap, standing),
        seal=offer.seal if offer else "",
        hold=figures.money(offer.hold_minor, offer.currency) if offer else "",
        least=figures.money(offer.minimum_start_minor, offer.currency) if offer else "",
        least_minor=offer.minimum_start_minor if offer else 0,
        affordable=offer is not None
        and offer.limits is not None
        and (spendable_minor is None or spendable_minor >= offer.minimum_start_minor),
    )


def why_not(page: Page, here: Appliance, tap: Tap, standing: Standing) -> str:
    """Why it cannot be started now and how that ends; empty when it can."""
    if standing is Standing.BUSY and tap.use is not None:
        text = (
            marked(
                "Somebody is using it. It is free again when they stop, or %(s)s s after the water has stopped."
            )
            if here.kind in _WATER
            else marked(
                "Somebody is using it. It is free again when they stop, or after %(s)s s without use."
            )
        )
        return page.say(text, s=tap.use.idle_s)
    if standing is Standing.SHUT:
        again = again_text(page, here.opens_at, here.timezone)
        return page.say(marked("It is open again from %(time)s on."), time=again) if again else ""
    text = _WHY.get(standing, "")
    return page.say(text) if text else ""


def rows(page: Page, here: Appliance, offers: list[tuple[str, Offer]]) -> list[Row]:
    """What holds for a use, a row each; told by outlet only where the outlets differ."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, offer in offers:
        for row in _rows(page, here, offer):
            found.setdefault(row.name, []).append((name, row.value))
    shown = []
    for name, values in found.items():
        alike = len(values) == len(offers) and len({value for _, value in values}) == 1
        if alike:
            shown.append(Row(name, values[0][1]))
        else:
            shown += [Row(name, value, tap) for tap, value in values]
    return shown


def _rows(page: Page, here: Appliance, offer: Offer) -> list[Row]:
    def money(amount_minor: int) -> str:
        return figures.money(amount_minor, offer.currency)

    shown = [Row(page.say("Held while you use it"), money(offer.hold_minor))]
    idle = (
        marked("after %(s)s s without water") if here.kind in _WATER else marked("after %(s)s s without use")
    )
    shown.append(Row(page.say("Stops by itself"), page.say(idle, s=offer.idle_s)))
    for price in offer.prices:
        if offer.limits is not None:
            most = {
                Register.ML: offer.limits.ml,
                Register.S: offer.limits.s,
                Register.WH: offer.limits.wh,
                Register.COUNT: offer.limits.count,
            }[price.register]
            shown.append(Row(page.say("At most in one go"), quantity(page, price.register, most)))
        shown += _price_rows(page, price, offer.currency)
    if offer.start_fee_minor:
        shown.append(Row(page.say("Once for each use"), money(offer.start_fee_minor)))
    if offer.minimum_minor and offer.prices:
        shown.append(Row(page.say("A use costs at least"), money(offer.minimum_minor)))
    if offer.maximum_minor is not None:
        shown.append(Row(page.say("A use costs at most"), money(offer.maximum_minor)))
    if offer.by_time:
        shown.append(Row(page.say("This price"), page.say("for a start at this hour")))
    return shown


def _price_rows(page: Page, price: Price, currency: str) -> list[Row]:
    shown = []
    if price.free:
        shown.append(Row(page.say("Free for you today"), quantity(page, price.register, price.free)))
    if price.whole:
        shown.append(
            Row(page.say("Counted in whole steps of"), quantity(page, price.register, price.per, exact=True))
        )
    if len(price.steps) > 1:
        for step in price.steps:
            name = (
                page.say("Beyond that")
                if step.up_to is None
                else page.say("Up to %(quantity)s", quantity=quantity(page, price.register, step.up_to))
            )
            text = price_words(page, price.register, step.numerator, step.denominator, price.per, currency)
            shown.append(Row(name, text))
    return shown


def _prices(page: Page, offer: Offer) -> list[str]:
    if not offer.prices:
        # A package: one price for a use, however long it takes.
        each = max(offer.start_fee_minor, offer.minimum_minor)
        return [page.say("%(price)s each", price=figures.money(each, offer.currency))]
    shown = []
    for price in offer.prices:
        step = price.least
        text = price_words(page, price.register, step.numerator, step.denominator, price.per, offer.currency)
        shown.append(text if len(price.steps) == 1 else page.say("from %(price)s", price=text))
    return shown


def _typical(page: Page, offer: Offer) -> str:
    if offer.typical is None:
        return ""
    total = figures.money(offer.typical.amount_minor, offer.currency)
    return page.say(_TYPICAL[offer.typical.kind], total=total)
