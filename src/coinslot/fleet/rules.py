"""What a fleet's fields may hold. Pure; every refusal is a FieldError."""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from enum import StrEnum

import msgspec

from coinslot.fields import FieldError

MAX_METER_SPEC_CHARACTERS = 2000
MAX_ROOM = 40

_currency = re.compile(r"[A-Z]{3}")
_appliance_code = re.compile(r"[A-Za-z0-9_-]{4,40}")


class ApplianceKind(StrEnum):
    """What people use. The kind chooses words and pictures, never money."""

    SHOWER = "shower"
    DISPENSER = "dispenser"
    """Drinking water, by the litre."""
    DRYER = "dryer"
    PURIFIER = "purifier"
    DIFFUSER = "diffuser"
    WASHER = "washer"
    GAS_METER = "gas_meter"
    VENDING = "vending"
    OTHER = "other"

    @property
    def keypad(self) -> bool:
        """Whether one of this kind has a keypad that takes codes, unless its operator says otherwise.

        A shower stands where phones stay dry, so its customers come with a code; the others are started from the phone
        in front of them. No terminal tells what it is built with.
        """
        return self is ApplianceKind.SHOWER


def check_currency(text: str) -> str:
    """An ISO 4217 code such as CNY."""
    code = text.strip().upper()
    if not _currency.fullmatch(code):
        raise FieldError("currency", f"must be three letters such as CNY, not {text[:10]!r}")
    return code


def check_timezone(text: str) -> str:
    """A name of the time zone database such as Asia/Shanghai."""
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise FieldError("timezone", f"{text[:40]!r} is not a time zone; one is Asia/Shanghai") from None
    return text


def check_kind(text: str) -> ApplianceKind:
    """One of the kinds of appliance."""
    try:
        return ApplianceKind(text)
    except ValueError:
        known = ", ".join(kind.value for kind in ApplianceKind)
        raise FieldError("kind", f"{text[:40]!r} is not one of {known}") from None


def check_room(text: str) -> str:
    """Which room an appliance belongs to, as the house calls it; empty for none."""
    room = unicodedata.normalize("NFC", text).strip()
    if len(room) > MAX_ROOM or not room.isprintable():
        raise FieldError("room", f"may be at most {MAX_ROOM} printable characters, such as 801")
    return room


def check_appliance_code(text: str) -> str:
    """The public code of an appliance: what may stand in a URL and on a sticker."""
    if not _appliance_code.fullmatch(text):
        raise FieldError("code", "must be 4 to 40 letters, digits, '-' or '_'")
    return text


def check_outlet(number: int) -> int:
    """An outlet's number on its terminal."""
    if not 0 <= number <= 255:
        raise FieldError("outlet", f"must be 0 to 255, not {number}")
    return number


def check_meter_spec(text: str) -> str:
    """What the meter can count, as a JSON object; `metering` says what is in it."""
    if len(text) > MAX_METER_SPEC_CHARACTERS:
        raise FieldError("meter", f"may be at most {MAX_METER_SPEC_CHARACTERS} characters")
    try:
        msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise FieldError("meter", f"must be a JSON object: {error}") from None
    return text


def check_claim_hours(hours: int) -> int:
    """How long a claim code lives: an hour to ninety days."""
    if not 1 <= hours <= 90 * 24:
        raise FieldError("hours", f"must be 1 to {90 * 24}, not {hours}")
    return hours
