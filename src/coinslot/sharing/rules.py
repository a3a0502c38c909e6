"""What parties and agreements may hold. Pure; every refusal is a FieldError."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from coinslot.fields import FieldError
from coinslot.sharing.model import MAX_FIXED_MINOR, WHOLE_PPM, Part, PartyKind, Target
from coinslot.sharing.texts import flaw

_PPM_PER_PERCENT = 10_000


def check_party_kind(text: str) -> PartyKind:
    """One of the kinds of party."""
    try:
        return PartyKind(text)
    except ValueError:
        known = ", ".join(kind.value for kind in PartyKind)
        raise FieldError("kind", f"{text[:40]!r} is not one of {known}") from None


def parse_share(text: str) -> int:
    """A percentage such as `12.5` in parts per million: at most four decimals, never rounded."""
    plain = text.strip().removesuffix("%")
    if not plain.isascii() or not plain.replace(".", "", 1).isdigit() or len(plain) > 10:
        raise FieldError("share", f"{text[:40]!r} is not a percentage such as 12.5")
    try:
        ppm = Decimal(plain) * _PPM_PER_PERCENT
    except InvalidOperation:
        raise FieldError("share", f"{text[:40]!r} is not a percentage such as 12.5") from None
    if ppm != int(ppm):
        raise FieldError("share", f"{plain} % is finer than a millionth of the charge: at most four decimals")
    if not 0 <= ppm <= WHOLE_PPM:
        raise FieldError("share", f"{plain} % is not between 0 and 100")
    return int(ppm)


def format_share(share_ppm: int) -> str:
    """Parts per million as a percentage, without needless zeros."""
    whole, rest = divmod(share_ppm, _PPM_PER_PERCENT)
    decimals = f"{rest:04d}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


def check_parts(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Parts that can be kept together."""
    for part in parts:
        if not 0 <= part.share_ppm <= WHOLE_PPM:
            raise FieldError("share", f"{part.share_ppm} is not between 0 and {WHOLE_PPM} parts per million")
        if not 0 <= part.fixed_minor <= MAX_FIXED_MINOR:
            raise FieldError(
                "fixed", f"{part.fixed_minor} is not between 0 and {MAX_FIXED_MINOR} minor units"
            )
    why = flaw(tuple(parts))
    if why is not None:
        raise FieldError("part", why)
    return tuple(parts)


def check_days(valid_from: date, valid_to: date | None) -> None:
    """A last day is not before the first."""
    if valid_to is not None and valid_to < valid_from:
        raise FieldError("to", f"{valid_to} is before the first day, {valid_from}")


def check_target(target: Target) -> Target:
    """An appliance says where it is and of what kind; it takes neither beside it."""
    if target.appliance is not None and (target.site is not None or target.kind is not None):
        raise FieldError("appliance", "is chosen alone, without a site or a kind")
    return target
