"""What may be asked for: titles, tax numbers, mail addresses, and the numbers of issued fapiao. Pure.

No refusal repeats what was typed.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coinslot.fields import FieldError, FieldErrors
from coinslot.people.id_number import check_character as id_check_character

MOST_TITLE: Final = 100
MOST_MAIL: Final = 254
_MOST_TYPED: Final = 400

_CREDIT_SIGNS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ID_NUMBER = re.compile(r"[0-9]{17}[0-9X]")
_OLD_NUMBER = re.compile(r"[0-9]{6}[0-9A-Z]{9}")
_MAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_NUMBER = re.compile(r"[0-9]{18}|[0-9]{20}")

# Whole sentences without figures of whoever asks: they are translated as they stand.
NO_TITLE: Final = "write whose name the fapiao is to bear"
LONG_TITLE: Final = "is too long: a title has at most 100 characters"
BAD_TITLE: Final = "may hold printable characters only"
NO_KIND: Final = "choose a person or a company"
NO_TAX_NUMBER: Final = "is needed for a company: 15, 18 or 20 characters, as on its licence"
TAX_NUMBER_LENGTH: Final = "must have 15, 18 or 20 characters, as on the licence"
TAX_NUMBER_SIGNS: Final = "has a character that no such number has; compare it with the licence"
TAX_NUMBER_CHECK: Final = (
    "the last character does not fit the others, so one of them is mistyped; compare it with the licence"
)
TAX_NUMBER_PERSON: Final = "is for companies only; leave it empty"
BAD_MAIL: Final = "is no mail address; such as name@example.com"
REASONS: Final = (
    NO_TITLE,
    LONG_TITLE,
    BAD_TITLE,
    NO_KIND,
    NO_TAX_NUMBER,
    TAX_NUMBER_LENGTH,
    TAX_NUMBER_SIGNS,
    TAX_NUMBER_CHECK,
    TAX_NUMBER_PERSON,
    BAD_MAIL,
)
"""All that can be said of a request, for whoever translates it."""


class TitleKind(StrEnum):
    """Whose name it bears."""

    PERSONAL = "personal"
    COMPANY = "company"


class Wish(Struct, frozen=True, kw_only=True):
    """What somebody asks for. It is never shown by its content."""

    kind: TitleKind
    title: str
    tax_number: str
    """Empty for a person."""
    mail: str
    """Where the fapiao is sent."""

    def __repr__(self) -> str:
        return "Wish(…)"


def check_wish(*, kind: str, title: str, tax_number: str, mail: str) -> Wish:
    """What was typed, as it is kept. FieldErrors with every field that is wrong."""
    errors: list[FieldError] = []
    if kind not in set(TitleKind):
        errors.append(FieldError("kind", NO_KIND))
    title = " ".join(unicodedata.normalize("NFC", title[:_MOST_TYPED]).split())
    if reason := _wrong_title(title):
        errors.append(FieldError("title", reason))
    tax_number = _plain(tax_number)
    if reason := _wrong_for(kind, tax_number):
        errors.append(FieldError("tax_number", reason))
    mail = mail[:_MOST_TYPED].strip()
    if len(mail) > MOST_MAIL or not _MAIL.fullmatch(mail):
        errors.append(FieldError("mail", BAD_MAIL))
    if errors:
        raise FieldErrors(errors)
    return Wish(kind=TitleKind(kind), title=title, tax_number=tax_number, mail=mail)


def wrong_tax_number(number: str) -> str:
    """Why this is no taxpayer's number; empty where it may be one.

    18 characters: a unified social credit code (GB 32100-2015, ISO 7064-like modulo 31), or of somebody who trades
    under their own name the number of the ID card (GB 11643, MOD 11-2). 20: the same number and two digits. 15: a number
    from before 2015, whose check digits were not the same everywhere.
    """
    if len(number) not in (15, 18, 20):
        return TAX_NUMBER_LENGTH
    if not re.fullmatch(r"[0-9A-Z]+", number):
        return TAX_NUMBER_SIGNS
    if len(number) == 15:
        return "" if _OLD_NUMBER.fullmatch(number) else TAX_NUMBER_SIGNS
    if _ID_NUMBER.fullmatch(number[:18]) and id_check_character(number[:17]) == number[17]:
        return "" if len(number) == 18 or number[18:].isdigit() else TAX_NUMBER_SIGNS
    if len(number) == 20:
        return TAX_NUMBER_CHECK if _ID_NUMBER.fullmatch(number[:18]) else TAX_NUMBER_SIGNS
    if not set(number) <= set(_CREDIT_SIGNS):
        return TAX_NUMBER_SIGNS
    return "" if credit_check_character(number[:17]) == number[17] else TAX_NUMBER_CHECK


def credit_check_character(code: str) -> str:
    """GB 32100-2015: what follows these 17 characters."""
    total = sum(_CREDIT_SIGNS.index(sign) * pow(3, place, 31) for place, sign in enumerate(code))
    return _CREDIT_SIGNS[-total % 31]


def check_number(text: str) -> str:
    """An issued fapiao's number: 20 digits, or the 10 or 12 of a code and the 8 of a number. FieldError."""
    number = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text[:_MOST_TYPED]))
    if re.fullmatch(r"[0-9.]+[eE]\+?[0-9]+", number):
        raise FieldError(
            "number", "was rounded by a spreadsheet: format the column as text, and enter it again"
        )
    if not _NUMBER.fullmatch(number):
        raise FieldError(
            "number",
            "must have 20 digits; of an older fapiao the 10 or 12 of its code, then the 8 of its number",
        )
    return number


def masked_title(wish: Wish) -> str:
    """So much that its owner knows it again: the page is opened by whoever has its address."""
    return wish.title if wish.kind is TitleKind.COMPANY else f"{wish.title[:1]}**"


def masked_mail(wish: Wish) -> str:
    """Likewise."""
    name, _, domain = wish.mail.partition("@")
    return f"{name[:1]}***@{domain}"


def _plain(tax_number: str) -> str:
    folded = unicodedata.normalize("NFKC", tax_number[:_MOST_TYPED])
    return re.sub(r"[\s-]", "", folded).upper()


def _wrong_title(title: str) -> str:
    if not title:
        return NO_TITLE
    if len(title) > MOST_TITLE:
        return LONG_TITLE
    # Control and direction characters make one name look like another.
    if any(unicodedata.category(sign)[0] == "C" for sign in title):
        return BAD_TITLE
    return ""


def _wrong_for(kind: str, tax_number: str) -> str:
    if kind == TitleKind.COMPANY:
        return wrong_tax_number(tax_number) if tax_number else NO_TAX_NUMBER
    return TAX_NUMBER_PERSON if tax_number and kind == TitleKind.PERSONAL else ""
