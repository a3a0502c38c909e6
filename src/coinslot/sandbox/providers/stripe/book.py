"""Sessions, what was paid on them, what went back, and the account's balance. No I/O; moments are handed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from coinslot.sandbox.providers.stripe.account import letters, new_id
from coinslot.sandbox.providers.stripe.bodies import RefundBody, SessionBody
from coinslot.sandbox.providers.stripe.refused import Refused, missing

_FEE_PER_MILLE: Final = 29


class Status(StrEnum):
    """Of a session."""

    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


class RefundStatus(StrEnum):
    """Of a refund."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass
class Refund:
    """Money that goes back."""

    amount: int
    metadata: dict[str, str]
    reason: str | None
    made_at: datetime
    id: str = field(default_factory=lambda: new_id("re"))
    status: RefundStatus = RefundStatus.PENDING

    @property
    def counts(self) -> bool:
        """Whether the payer has this money, or will have it."""
        return self.status in (RefundStatus.PENDING, RefundStatus.SUCCEEDED)


@dataclass
class Charge:
    """What took the money."""

    amount: int
    made_at: datetime
    id: str = field(default_factory=lambda: new_id("ch"))
    refunds: list[Refund] = field(default_factory=list)

    def refunded(self) -> int:
        """What went back, or will."""
        return sum(each.amount for each in self.refunds if each.counts)


@dataclass
class Session:
    """A page to pay on."""

    body: SessionBody
    created: int
    """By the wire's clock, in seconds since 1970."""
    expires_at: int
    id: str = field(default_factory=lambda: f"cs_test_{letters(58)}")
    status: Status = Status.OPEN
    intent: str = ""
    charge: Charge | None = None

    @property
    def is_paid(self) -> bool:
        """Whether the money was ever taken."""
        return self.charge is not None


@dataclass
class Transaction:
    """A movement of the account's balance."""

    kind: str
    amount: int
    fee: int
    currency: str
    made_at: datetime
    session: Session | None = None
    refund: Refund | None = None
    id: str = field(default_factory=lambda: new_id("txn"))


class Book:
    """All of one account."""

    def __init__(self) -> None:
        self.transactions: list[Transaction] = []
        """Oldest first."""
        self._sessions: dict[str, Session] = {}

    def sessions(self) -> tuple[Session, ...]:
        """Oldest first."""
        return tuple(self._sessions.values())

    def session(self, session_id: str) -> Session:
        """Refused when there is none."""
        found = self._sessions.get(session_id)
        if found is None:
            raise missing("checkout.session", session_id)
        return found

    def of_number(self, number: str) -> Session | None:
        """The newest that the merchant has given this number."""
        ours = [each for each in self._sessions.values() if each.body.client_reference_id == number]
        return ours[-1] if ours else None

    def by_intent(self, intent: str) -> Session:
        """Refused when there is none."""
        found = next((each for each in self._sessions.values() if intent and each.intent == intent), None)
        if found is None:
            raise missing("payment_intent", intent)
        return found

    def make(self, body: SessionBody, created: int) -> Session:
        """A new one, whatever there is already."""
        made = Session(body, created, body.expires_at or created + 86_400)
        self._sessions[made.id] = made
        return made

    def pay(self, session: Session, now: datetime, *, although_closed: bool = False) -> None:
        """The payer's card is charged. Refused."""
        if session.is_paid:
            raise Refused(400, "", "this has been paid")
        if session.status is Status.EXPIRED and not although_closed:
            raise Refused(400, "", "this code is no longer valid")
        session.status = Status.COMPLETE
        session.intent = session.intent or new_id("pi")
        session.charge = Charge(session.body.total, now)
        fee = min(session.body.total, session.body.total * _FEE_PER_MILLE // 1000 + 30)
        self._move("charge", session, session.body.total, now, fee=fee)

    def expire(self, session: Session) -> None:
        """It can never be paid any more. Refused."""
        if session.status is not Status.OPEN:
            words = f"Only open sessions can be expired, and this one is {session.status}"
            raise Refused(400, "", words, param="session")
        session.status = Status.EXPIRED

    def refund(self, body: RefundBody, now: datetime) -> tuple[Session, Refund]:
        """A new one, pending. Refused."""
        session = self.by_intent(body.payment_intent)
        charge = session.charge
        if charge is None:
            raise Refused(400, "payment_intent_unexpected_state", "nothing was paid")
        left = charge.amount - charge.refunded()
        amount = left if body.amount is None else body.amount
        if left == 0:
            raise Refused(400, "charge_already_refunded", "all of it has been refunded")
        if not 0 < amount <= left:
            raise Refused(400, "", "more than is left of the charge", param="amount")
        refund = Refund(amount, dict(body.metadata), body.reason, now)
        charge.refunds.append(refund)
        self._move("refund", session, -amount, now, refund=refund)
        return session, refund

    def find_refund(self, refund_id: str) -> tuple[Session, Refund]:
        """Refused when there is none."""
        for session in self._sessions.values():
            for refund in session.charge.refunds if session.charge else ():
                if refund.id == refund_id:
                    return session, refund
        raise missing("refund", refund_id)

    def end_refund(self, session: Session, refund: Refund, status: RefundStatus, now: datetime) -> None:
        """How it came out; what has failed is in the balance again."""
        refund.status = status
        if not refund.counts:
            self._move("refund_failure", session, refund.amount, now, refund=refund)

    def _move(
        self,
        kind: str,
        session: Session,
        amount: int,
        now: datetime,
        *,
        fee: int = 0,
        refund: Refund | None = None,
    ) -> None:
        self.transactions.append(
            Transaction(kind, amount, fee, session.body.currency, now, session=session, refund=refund)
        )
