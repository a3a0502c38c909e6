"""Parts of a payment for others, their way back, and transfers: what providers are told of them and say.

Amounts are minor units. What a receiver is called stands in orders alone and is never kept, logged or compared.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class PayeeKind(StrEnum):
    """Whose account it is."""

    MERCHANT = "merchant"
    """A merchant of the same provider."""
    PERSON = "person"
    """A user of it (WeChat openid, Alipay user id or login)."""


class Payee(Struct, frozen=True, kw_only=True):
    """Who is to get money, as the provider knows them."""

    kind: PayeeKind
    account: str
    name: str = ""
    """For providers that compare it."""

    def __repr__(self) -> str:
        return f"Payee({self.kind})"


class Share(Struct, frozen=True, kw_only=True):
    """One receiver's part."""

    payee: Payee
    amount_minor: int
    description: str


class SplitOrder(Struct, frozen=True, kw_only=True):
    """Parts of one payment; the payment was made with `PaymentOrder.sharing`."""

    number: str
    """Ours; a retry has the same."""
    payment_number: str
    provider_payment_id: str
    currency: str
    shares: tuple[Share, ...]
    """None: nobody else gets anything, `releases_rest` alone is meant."""
    releases_rest: bool
    """Whether this is the last: what is left is the merchant's own from now on."""


class ShareState(StrEnum):
    """How one receiver's part stands."""

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It stays with the merchant; what is to become of it, a person or a later split decides."""


class ShareSeen(Struct, frozen=True, kw_only=True):
    """One receiver's part as the provider sees it."""

    account: str
    amount_minor: int
    state: ShareState
    reason: str = ""
    """The provider's word for why it failed."""


class SplitState(StrEnum):
    """How a split stands. Each receiver's part has its own end: see `SplitSeen.shares`."""

    PROCESSING = "processing"
    FINISHED = "finished"
    ABSENT = "absent"
    """The provider knows no such split."""


class SplitSeen(Struct, frozen=True, kw_only=True):
    """A split as the provider sees it."""

    number: str
    state: SplitState
    provider_id: str = ""
    shares: tuple[ShareSeen, ...] = ()


class SharesReturn(StrEnum):
    """How shares come back when the payer gets money back."""

    FIRST = "first"
    """Each by `return_split`, before the refund: until then that has not enough (WeChat)."""
    WITH_REFUND = "with_refund"
    """The refund names them (`RefundOrder.shares`), and takes them itself (Alipay)."""
    NEVER = "never"
    """There are no splits."""


class ReturnOrder(Struct, frozen=True, kw_only=True):
    """One receiver's part, or some of it, back to the merchant."""

    number: str
    """Ours; a retry has the same."""
    split_number: str
    account: str
    """The receiver's, as it was in the split."""
    amount_minor: int
    currency: str
    reason: str


class ReturnState(StrEnum):
    """How a return stands."""

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """The receiver has not got it any more, or does not allow it."""
    ABSENT = "absent"
    """The provider knows no such return."""


class ReturnSeen(Struct, frozen=True, kw_only=True):
    """A return as the provider sees it."""

    number: str
    split_number: str
    state: ReturnState
    provider_id: str = ""
    account: str = ""
    amount_minor: int | None = None
    reason: str = ""


class ReturnedShare(Struct, frozen=True, kw_only=True):
    """What one receiver gives back of a refund, where the refund takes it."""

    payee: Payee
    amount_minor: int


class PayoutOrder(Struct, frozen=True, kw_only=True):
    """Money of the merchant's to somebody, whatever it comes from."""

    number: str
    """Ours; a retry has the same."""
    payee: Payee
    amount_minor: int
    currency: str
    reason: str
    """What the payee reads."""
    notify_url: str = ""


class PayoutState(StrEnum):
    """How a transfer stands."""

    ACCEPTED = "accepted"
    """Under way."""
    CONFIRMING = "confirming"
    """It waits for the payee to confirm that it is to be had."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CLOSED = "closed"
    """Cancelled, or not confirmed in time: nothing was paid."""
    ABSENT = "absent"
    """The provider knows no such transfer."""


class PayoutSeen(Struct, frozen=True, kw_only=True):
    """A transfer as the provider sees it."""

    number: str
    state: PayoutState
    provider_id: str = ""
    amount_minor: int | None = None
    currency: str = ""
    confirm_with: str = ""
    """What the provider's app is opened with for the payee to confirm; only ever told once by some providers."""
    reason: str = ""
    """The provider's word for why it failed."""
