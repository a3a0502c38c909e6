"""Revenue sharing: who gets which part of what a use brings in.

Owns: parties, agreements with their versions, which agreement is in force for an appliance on a day, and what
    it makes of a charge.
Does not decide: when money moves or on which accounts (ledger), what a use costs (tariffs), when a session is
    settled or what a statement lists (settlement), how a party is paid.
Invariants: parts are whole minor units that are never negative and never sum to more than the charge; the same
    charge always gives the same parts; a version of an agreement is never changed; what a session froze when
    it was authorized is all that sharing it needs.
"""

from coinslot.sharing.choosing import Agreements, choose
from coinslot.sharing.model import (
    WHOLE_PPM,
    Agreement,
    Frozen,
    Part,
    Party,
    PartyId,
    PartyKind,
    Place,
    Target,
)
from coinslot.sharing.parts import Holder, holders, payables
from coinslot.sharing.texts import SharingError, freeze, thaw

__all__ = [
    "WHOLE_PPM",
    "Agreement",
    "Agreements",
    "Frozen",
    "Holder",
    "Part",
    "Party",
    "PartyId",
    "PartyKind",
    "Place",
    "SharingError",
    "Target",
    "choose",
    "freeze",
    "holders",
    "payables",
    "thaw",
]
