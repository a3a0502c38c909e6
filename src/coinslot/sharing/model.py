"""What sharing is made of."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, NamedTuple, NewType

from msgspec import Meta, Struct

from coinslot.wire.ids import ID_PATTERN, ApplianceId, OperatorId, SiteId

PartyId = NewType("PartyId", str)
AgreementId = NewType("AgreementId", str)

WHOLE_PPM = 1_000_000
"""All of a charge, in parts per million."""
MAX_PARTS = 20
MAX_FIXED_MINOR = 1_000_000_000


class PartyKind(StrEnum):
    """What a party is to the operator. Words for people; it decides nothing."""

    SITE_OWNER = "site_owner"
    """Owns the place: a hotel, a school."""
    MANUFACTURER = "manufacturer"
    PLATFORM = "platform"
    """Runs this software for the operator."""
    OTHER = "other"


class Party(Struct, frozen=True, kw_only=True):
    """Who receives shares from one operator."""

    operator_id: OperatorId
    party_id: PartyId
    kind: PartyKind
    name: str
    created_at: datetime


class Part(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One party's part of a charge: the fixed part first, then the share in what all fixed parts leave."""

    party: Annotated[PartyId, Meta(pattern=ID_PATTERN)]
    share_ppm: Annotated[int, Meta(ge=0, le=WHOLE_PPM)]
    fixed_minor: Annotated[int, Meta(ge=0, le=MAX_FIXED_MINOR)] = 0
    """Minor units of the operator's currency for each session with a charge."""


class Target(NamedTuple):
    """Which appliances an agreement is about: one, those of a site, a kind, a kind at a site, or with all of it
    None every appliance of the operator.
    """

    site: SiteId | None = None
    kind: str | None = None
    appliance: ApplianceId | None = None


class Place(NamedTuple):
    """Where a session takes place."""

    site: SiteId
    kind: str
    appliance: ApplianceId


class Agreement(Struct, frozen=True, kw_only=True):
    """One version of an agreement."""

    operator_id: OperatorId
    agreement_id: AgreementId
    version: int
    name: str
    target: Target
    valid_from: date
    """The first day, by the operator's clock."""
    valid_to: date | None
    """The last day; None while no end is agreed. The day before `valid_from` where it was ended unused."""
    bonus_shared: bool
    """Whether parties share in what was paid with bonus as in principal."""
    parts: tuple[Part, ...]
    made_at: datetime
    """When its first version was made."""

    def in_force(self, day: date) -> bool:
        """Whether sessions authorized on this day are shared by it."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class Frozen(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a session keeps of the agreement in force when it was authorized."""

    agreement: Annotated[AgreementId, Meta(pattern=ID_PATTERN)]
    version: Annotated[int, Meta(ge=1)]
    bonus_shared: bool
    parts: tuple[Part, ...]

    def shared_minor(self, principal_minor: int, bonus_minor: int) -> int:
        """What of a charge parties share in."""
        return principal_minor + (bonus_minor if self.bonus_shared else 0)
