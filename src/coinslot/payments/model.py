"""Merchants, intents, attempts and refunds as they are stored. Amounts are minor units of their currency."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from coinslot.payments.port import Channel
from coinslot.payments.states import AttemptState, IntentState, RefundState
from coinslot.wire.ids import CustomerId, OperatorId


class Merchant(Struct, frozen=True, kw_only=True):
    """An operator's account with a provider."""

    operator_id: OperatorId
    merchant_id: str
    """Ours; it names the ledger's accounts."""
    provider: str
    account: str
    """The provider's id of the merchant."""
    app: str
    """The provider's id of the app that is paid in; empty where there is no such thing."""
    name: str
    active: bool


class IntentPurpose(StrEnum):
    """What a payment is for."""

    TOPUP = "topup"
    """Money onto a wallet."""
    DIRECT_SESSION = "direct_session"
    """One use of an appliance, held for it until it is over."""


class Intent(Struct, frozen=True, kw_only=True):
    """What we want to collect."""

    operator_id: OperatorId
    intent_id: str
    purpose: IntentPurpose
    customer_id: CustomerId | None
    currency: str
    amount_minor: int
    bonus_minor: int
    """What the operator adds to a top-up, as promised when it was opened."""
    about: str
    """Outlet and package of a direct payment, as its maker wrote it."""
    state: IntentState
    paid_by: str | None
    opened_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    follow_at: datetime | None
    """Since when the start that was paid for is due; null when nothing is."""


class Mark(StrEnum):
    """What was out of the ordinary about a success."""

    NONE = ""
    LATE = "late"
    """It came after the attempt was closed, or after its intent had expired: given back by itself."""
    DUPLICATE = "duplicate"
    """Another attempt had paid already: given back by itself."""
    UNWANTED = "unwanted"
    """Its customer has been forgotten meanwhile: given back by itself."""
    DISPUTED = "disputed"
    """The provider says that it was paid, with something that does not agree: a person looks."""


class Attempt(Struct, frozen=True, kw_only=True):
    """One try with one provider."""

    operator_id: OperatorId
    number: str
    intent_id: str
    merchant_id: str
    provider: str
    channel: Channel
    currency: str
    amount_minor: int
    state: AttemptState
    mark: Mark
    made_at: datetime
    expires_at: datetime
    created: str | None
    """JSON of `port.Created`, once the provider has said how to pay."""
    error: str
    provider_id: str | None
    paid_at: datetime | None
    polls: int
    next_poll_at: datetime | None
    refunding_minor: int
    """Of all refunds that are done or may yet be."""
    refunded_minor: int
    """Of those done."""

    @property
    def refundable_minor(self) -> int:
        """What may still be asked back."""
        return self.amount_minor - self.refunding_minor if self.state is AttemptState.SUCCEEDED else 0


class Why(StrEnum):
    """Why money goes back. What it is taken from follows from it."""

    LATE = "late"
    DUPLICATE = "duplicate"
    UNWANTED = "unwanted"
    START_FAILED = "start_failed"
    """A direct payment that no use has followed."""
    UNUSED = "unused"
    """What a use has left of a direct payment."""
    SESSION = "session"
    """Part of a settled charge."""
    WITHDRAWAL = "withdrawal"
    """Principal that the customer wants back."""


GIVEN_BACK = {Mark.LATE: Why.LATE, Mark.DUPLICATE: Why.DUPLICATE, Mark.UNWANTED: Why.UNWANTED}
"""Which successes go back by themselves, and under which reason."""


class Refund(Struct, frozen=True, kw_only=True):
    """Money on its way back to the payer of one attempt."""

    operator_id: OperatorId
    number: str
    attempt_number: str
    merchant_id: str
    withdrawal_id: str | None
    why: Why
    currency: str
    amount_minor: int
    state: RefundState
    provider_id: str | None
    error: str
    tries: int
    sent_at: datetime | None
    next_at: datetime | None
    requested_at: datetime
    ended_at: datetime | None


class Withdrawal(Struct, frozen=True, kw_only=True):
    """Principal on its way back to the customer."""

    operator_id: OperatorId
    withdrawal_id: str
    customer_id: CustomerId
    currency: str
    amount_minor: int
    by_hand_minor: int
    """What no refund can carry: paid at the counter or by transfer."""
    paid_minor: int
    back_minor: int
    """What failed for good and is in the wallet again."""
    asked_at: datetime
    ended_at: datetime | None
