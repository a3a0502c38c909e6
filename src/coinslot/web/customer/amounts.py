"""Amounts as customers type them: read exactly, and told in words of theirs when they cannot be taken. Pure."""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import Final

from coinslot.fleet.topup_rules import AmountFault, TopupRules
from coinslot.money import MoneyError, exponent, parse_amount
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page

# As Chinese keyboards have them.
_SIGNS: Final = str.maketrans({"。": ".", "¥": "", "元": "", " ": ""})


class Unreadable(StrEnum):
    """Why a text is no amount."""

    EMPTY = "empty"
    NO_AMOUNT = "no_amount"
    TOO_FINE = "too_fine"
    """With a part of the smallest unit: nothing is rounded."""


class WrongAmount(ValueError):
    """What was typed is no amount."""

    def __init__(self, why: Unreadable) -> None:
        super().__init__(why.value)
        self.why = why


_UNREADABLE: Final = {
    Unreadable.EMPTY: marked("Choose an amount, or write one."),
    Unreadable.NO_AMOUNT: marked("This is no amount. Write it in digits, such as 50 or 12.50."),
    Unreadable.TOO_FINE: marked("An amount has at most %(places)s digits after the point."),
}
_FAULTS: Final = {
    AmountFault.TOO_LITTLE: marked("The least that can be topped up is %(least)s."),
    AmountFault.TOO_MUCH: marked("The most that can be topped up at once is %(most)s."),
    AmountFault.NOT_OFFERED: marked("Choose one of the amounts."),
}


def read_amount(text: str, currency: str) -> int:
    """Minor units. Digits of full width, a sign of the yuan before and 元 behind are as good as none. WrongAmount."""
    plain = unicodedata.normalize("NFKC", text).translate(_SIGNS).strip()
    if not plain:
        raise WrongAmount(Unreadable.EMPTY)
    try:
        return parse_amount(plain, currency)
    except MoneyError:
        whole, point, part = plain.partition(".")
        digits = (whole + part).isascii() and (whole + part).isdigit()
        if point and digits and len(part) > exponent(currency):
            raise WrongAmount(Unreadable.TOO_FINE) from None
        raise WrongAmount(Unreadable.NO_AMOUNT) from None


def unreadable_words(page: Page, why: Unreadable, currency: str) -> str:
    """What is wrong with the text."""
    return page.say(_UNREADABLE[why], places=exponent(currency))


def fault_words(page: Page, fault: AmountFault, rules: TopupRules, currency: str) -> str:
    """Why the amount is not taken."""
    return page.say(
        _FAULTS[fault],
        least=figures.money(rules.least_minor, currency),
        most=figures.money(rules.most_minor, currency),
    )
