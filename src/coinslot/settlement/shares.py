"""A session's shares: what its frozen agreement makes of its charge, and what a refund has to know of it.

Captured principal is shared; captured bonus only where the agreement says so. Usage after a release is shared
whole, whatever becomes of what the customer owes: no party's part depends on how much credit the operator gives.
"""

from __future__ import annotations

from functools import lru_cache

from coinslot.ledger.accounts import party_payable
from coinslot.ledger.events import WHOLLY_OPERATORS, Charged, Payable, Taken, Weight, shares, take
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.sharing import Frozen, holders, thaw


def captured_payables(session: Session, captured_minor: int) -> list[Payable]:
    """What each party has of a capture. SharingError when the frozen agreement cannot be read."""
    if not session.sharing:
        return []
    frozen = _thawed(session.sharing)
    taken = _taken(session, captured_minor)
    return shares(frozen.shared_minor(taken.principal_minor, taken.bonus_minor), _weights(session.sharing))


def late_payables(session: Session, owed_minor: int) -> list[Payable]:
    """What each party has of usage after a release. SharingError likewise."""
    return shares(owed_minor, _weights(session.sharing)) if session.sharing else []


def charged_of(session: Session, refunded_minor: int) -> Charged:
    """A settled session's charge as it was shared, for `ledger.events.refund`; `refunded_minor` of it went back before.

    Every party then holds exactly its part of what is left, fixed parts included. SharingError likewise.
    """
    taken = _taken(session, session.captured_minor or 0)
    frozen = _thawed(session.sharing) if session.sharing else None
    return Charged(
        principal_minor=taken.principal_minor,
        bonus_minor=taken.bonus_minor,
        bonus_shared=frozen is not None and frozen.bonus_shared,
        refunded_minor=refunded_minor,
        weights=WHOLLY_OPERATORS if frozen is None else _weights(session.sharing),
    )


def parties_hold(session: Session, refunded_minor: int) -> dict[str, int]:
    """What each party's account must have of a session by now, parts of nothing left out. SharingError likewise."""
    if not session.sharing:
        return {}
    if session.state is State.LATE:
        parts = late_payables(session, min(session.charge_minor or 0, session.hold_minor) - refunded_minor)
    else:
        parts = captured_payables(session, (session.captured_minor or 0) - refunded_minor)
    return {party_payable(part.party): part.amount_minor for part in parts if part.amount_minor}


def weights_of(frozen: Frozen) -> tuple[Weight, ...]:
    """The frozen agreement as the ledger's weights: the same holders in the same order."""
    return tuple(Weight(holder.party, holder.share_ppm, holder.fixed_minor) for holder in holders(frozen))


def _taken(session: Session, captured_minor: int) -> Taken:
    return take(captured_minor, session.hold_principal_minor, session.hold_bonus_minor)


@lru_cache(maxsize=1024)
def _thawed(text: str) -> Frozen:
    return thaw(text)


@lru_cache(maxsize=1024)
def _weights(text: str) -> tuple[Weight, ...]:
    return weights_of(thaw(text))
