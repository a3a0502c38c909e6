"""Chinese ID numbers (GB 11643-1999): 6 digits of a region, 8 of a birthday, 3 of an order, a check character.

Also the numbers of foreign permanent residents' cards since 2023, which are built alike: a 9, the region in
two digits, the country in three. Pure; every refusal is a FieldError that does not repeat the number.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from coinslot.fields import FieldError

FIELD: Final = "id_number"
LENGTH: Final = 18
OLD_LENGTH: Final = 15
TAIL: Final = 4
"""So many characters at the end are what somebody is asked for to be recognised again."""

_MAX_TYPED = 64
_MAX_YEARS = 130
_CHECKS = "0123456789X"
_number = re.compile(r"[0-9]{17}[0-9X]")
_full_width = str.maketrans("０１２３４５６７８９ＸｘXx", "0123456789XXXX")
# GB/T 2260's provinces; 81, 82 and 83 are on the residence permits of Hong Kong, Macao and Taiwan.
_PROVINCES = frozenset(
    str(code)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
    for code in range(first, last + 1)
)

# Whole sentences without figures: they are translated as they stand.
_LENGTH = "must have 18 characters, as on the card"
_OLD = "this is an old number of 15 digits; give the 18 characters of the card in force"
_CHARACTERS = "must be 17 digits, then a digit or X"
_REGION = "the first digits name no region; compare them with the card"
_NO_DATE = "digits 7 to 14 are no date that exists; compare them with the card"
_FUTURE = "the birthday in digits 7 to 14 is still to come; compare them with the card"
_TOO_OLD = "the birthday in digits 7 to 14 is more than 130 years ago; compare them with the card"
_CHECK = "the last character does not fit the others, so one of them is mistyped; compare them with the card"
REASONS: Final = (_LENGTH, _OLD, _CHARACTERS, _REGION, _NO_DATE, _FUTURE, _TOO_OLD, _CHECK)
"""All that can be said of a number, for whoever translates it."""


def check_id_number(text: str, today: date) -> str:
    """The number as 18 characters with an upper-case X. `today`: where the card is from."""
    number = normal_id_characters(text)
    if len(number) == OLD_LENGTH and number.isascii() and number.isdigit():
        raise FieldError(FIELD, _OLD)
    if len(number) != LENGTH:
        raise FieldError(FIELD, _LENGTH)
    if not _number.fullmatch(number):
        raise FieldError(FIELD, _CHARACTERS)
    if number[:2] not in _PROVINCES and not (number[0] == "9" and number[1:3] in _PROVINCES):
        raise FieldError(FIELD, _REGION)
    _check_birthday(number[6:14], today)
    if check_character(number[:17]) != number[17]:
        raise FieldError(FIELD, _CHECK)
    return number


def normal_id_characters(text: str) -> str:
    """What was typed, or a part of it, as it is compared: no spaces, plain digits, upper-case X."""
    return "".join(text[:_MAX_TYPED].split()).translate(_full_width)


def check_character(digits: str) -> str:
    """ISO 7064 MOD 11-2: what follows these digits."""
    remainder = 0
    for digit in digits:
        remainder = (remainder + int(digit)) * 2 % 11
    return _CHECKS[(12 - remainder) % 11]


def _check_birthday(digits: str, today: date) -> None:
    try:
        birthday = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise FieldError(FIELD, _NO_DATE) from None
    if birthday > today:
        raise FieldError(FIELD, _FUTURE)
    years = today.year - birthday.year - ((today.month, today.day) < (birthday.month, birthday.day))
    if years > _MAX_YEARS:
        raise FieldError(FIELD, _TOO_OLD)
