"""What people's fields may hold. Pure; every refusal is a FieldError that does not repeat the input."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from coinslot.fields import FieldError

_login = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{1,63}")
_separators = re.compile(r"[\s().\u2010-\u2015\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff-]")
_international = re.compile(r"\+[1-9][0-9]{6,14}")
_china_mobile = re.compile(r"1[3-9][0-9]{9}")


class Role(StrEnum):
    """What a member of staff may do."""

    OWNER = "owner"
    """Everything, other staff included."""
    MANAGER = "manager"
    """Appliances, tariffs, refunds; not staff."""
    DESK = "desk"
    """Customers and counter cash."""
    TECHNICIAN = "technician"
    """Terminals and appliances; no money, no customers."""
    AUDITOR = "auditor"
    """Reads everything, changes nothing."""


def check_role(text: str) -> Role:
    """One of the roles."""
    try:
        return Role(text)
    except ValueError:
        known = ", ".join(role.value for role in Role)
        raise FieldError("role", f"{text[:40]!r} is not one of {known}") from None


def check_login(text: str) -> str:
    """The name a member of staff logs in with; its case does not matter."""
    if not _login.fullmatch(text):
        raise FieldError("login", "must be 2 to 64 letters, digits, '.', '_', '@' or '-'")
    return text


def normal_phone(text: str) -> str:
    """A phone number in the one form it is stored and looked up in: `+` and digits (ITU-T E.164).

    A Chinese mobile number may come without its +86; every other needs its country code.
    """
    # A Chinese keyboard types full-width digits, and address books copy invisible direction marks along.
    digits = _separators.sub("", unicodedata.normalize("NFKC", text))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if _china_mobile.fullmatch(digits):
        digits = "+86" + digits
    if not _international.fullmatch(digits):
        raise FieldError("phone", "must be a mobile number such as 138 0013 8000, or begin with +")
    if digits.startswith("+86") and digits[3:4] == "1" and not _china_mobile.fullmatch(digits[3:]):
        raise FieldError("phone", "a Chinese mobile number has 11 digits after +86")
    return digits


def masked_phone(phone: str) -> str:
    """A phone number for lists: enough to recognize one's own, too little to call it."""
    return f"{phone[:-8]}****{phone[-4:]}" if len(phone) > 9 else "****"
