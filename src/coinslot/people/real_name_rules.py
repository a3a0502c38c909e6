"""Real names as data: their states, what is told of one without telling whose it is, and what a name may hold."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coinslot.fields import FieldError, FieldErrors, InputError, clean_name, storable
from coinslot.people.id_number import check_id_number
from coinslot.wire.ids import CustomerId

ACCOUNTS_OF_ONE_NUMBER: Final = 3
"""So many accounts of one operator may have one ID number: a parent's, for a child's and a grandparent's phone.
One more is not refused, since the reviewer may know better, but no automatic review lets it pass."""
SEEN_BEFORE: Final = f"the same ID number is in {ACCOUNTS_OF_ONE_NUMBER} other accounts or more"
MAX_REASON: Final = 200

_LETTERS = "may hold letters, spaces, · and - only, as on the card"
_SHORT = "must be the whole name, as on the card"
REASONS: Final = (_LETTERS, _SHORT)
"""What can be said of a name besides what `clean_name` says, for whoever translates it."""
_DOTS = str.maketrans("・•‧．", "····")  # keyboards differ in the dot between the parts of a name
_MARKS = frozenset(" ·-.'’")


class RealNameState(StrEnum):
    """Where a submission stands."""

    PENDING = "pending"
    """Waits for a reviewer."""
    APPROVED = "approved"
    """Name and number are kept, sealed; the picture is gone."""
    REJECTED = "rejected"
    """Name, number and picture are gone; another may be submitted."""


class RealName(Struct, frozen=True, kw_only=True):
    """A submission without anything of what was submitted."""

    real_name_id: str
    state: RealNameState
    submitted_at: datetime
    decided_at: datetime | None
    reason: str
    """Why it was rejected, for the customer; else empty."""


class PendingName(Struct, frozen=True, kw_only=True):
    """One that waits for a reviewer; holds nothing of what was submitted either."""

    real_name_id: str
    customer_id: CustomerId
    submitted_at: datetime
    note: str
    """What the reviewer should know before approving; mostly empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedName:
    """What somebody submitted, for a reviewer's eyes. It shows none of it by itself."""

    real_name_id: str
    customer_id: CustomerId
    state: RealNameState
    submitted_at: datetime
    note: str
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    picture: bytes | None = field(repr=False)
    """JPEG; None once approved."""


class Decided(InputError):
    """Somebody else has decided already."""

    def __init__(self, state: RealNameState) -> None:
        super().__init__(f"this real name is {state.value} already")
        self.state = state


def check_person_name(text: str) -> str:
    """A name as on a card. FieldError, which does not repeat it."""
    name = unicodedata.normalize("NFC", " ".join(clean_name("name", text).translate(_DOTS).split()))
    if len(name) < 2:
        raise FieldError("name", _SHORT)
    # Letters and their accents; rare characters that no table knows yet are in the private and unassigned parts.
    if any(
        unicodedata.category(character) not in ("Co", "Cn")
        and unicodedata.category(character)[0] not in "LM"
        and character not in _MARKS
        for character in name
    ):
        raise FieldError("name", _LETTERS)
    return name


def check_reason(text: str) -> str:
    """Why a real name is rejected, in words for the customer."""
    reason = " ".join(text.split())
    if not reason:
        raise FieldError("reason", "say what the customer should do better")
    if len(reason) > MAX_REASON or not storable(reason) or not reason.isprintable():
        raise FieldError("reason", f"may be at most {MAX_REASON} printable characters")
    return reason


def check_submitted(
    name: str, id_number: str, today: date, picture: bytes | FieldError
) -> tuple[str, str, bytes]:
    """Name, number and picture as they are kept. FieldErrors with everything that is wrong."""
    errors: list[FieldError] = []
    clean = number = ""
    try:
        clean = check_person_name(name)
    except FieldError as error:
        errors.append(error)
    try:
        number = check_id_number(id_number, today)
    except FieldError as error:
        errors.append(error)
    if isinstance(picture, FieldError):
        errors.append(picture)
    if errors or isinstance(picture, FieldError):
        raise FieldErrors(errors)
    return clean, number, picture


def sealed_field(name: str, real_name_id: str) -> str:
    """Of one submission only: a name does not open as another submission's of the same person either."""
    return f"real_name/{real_name_id}/{name}"
