"""What a payment provider does for us, in our words. Adapters translate; nothing else knows a provider's wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from msgspec import Struct

from coinslot.payments.shares import (
    PayoutOrder,
    PayoutSeen,
    ReturnedShare,
    ReturnOrder,
    ReturnSeen,
    SharesReturn,
    SplitOrder,
    SplitSeen,
)


class Channel(StrEnum):
    """How the payer comes to pay."""

    QR = "qr"
    """A code made for this one payment, scanned from a screen (WeChat native, Alipay precreate)."""
    BROWSER = "browser"
    """A page of the provider opened by the phone's browser (WeChat H5, Alipay wap, Stripe checkout)."""
    IN_APP = "in_app"
    """Inside the provider's own app, which must know the payer (WeChat JSAPI with an openid)."""
    COUNTER = "counter"
    """Cash handed to a person."""


class PaymentOrder(Struct, frozen=True, kw_only=True):
    """One attempt, as the provider is told of it."""

    number: str
    """Ours, unique for ever: 32 characters of [0-9a-zA-Z], which every provider takes."""
    amount_minor: int
    currency: str
    subject: str
    """What the payer reads; the adapter makes it fit for its wire."""
    channel: Channel
    expires_at: datetime
    """From when on the provider itself refuses to take the money."""
    notify_url: str
    return_url: str = ""
    payer: str = ""
    """The provider's id of the payer, where the channel needs one."""
    client_ip: str = ""
    sharing: bool = False
    """Whether parts will go to other parties: some providers want to know beforehand."""


class Created(Struct, frozen=True, kw_only=True):
    """How the payer is led to pay; which field is filled depends on the channel."""

    qr: str = ""
    url: str = ""
    in_app: Mapping[str, str] = {}
    """What the provider's JavaScript is called with."""
    code: str = ""
    """What the payer shows at the counter: six digits."""


class PaymentState(StrEnum):
    """What the provider says of an order."""

    WAITING = "waiting"
    """Nobody has paid yet."""
    PAID = "paid"
    """The money is the merchant's; later refunds do not change that."""
    CLOSED = "closed"
    """It can never be paid any more."""
    ABSENT = "absent"
    """The provider knows no such order (Alipay: not scanned yet)."""
    FAILED = "failed"
    """The payer tried, and it failed for good."""


class PaymentSeen(Struct, frozen=True, kw_only=True):
    """An order as the provider sees it, translated and verified, not yet compared with ours."""

    number: str
    state: PaymentState
    provider_id: str = ""
    """The provider's own transaction id; there once something was paid."""
    amount_minor: int | None = None
    """The order's total, not what the payer paid after the provider's own discounts."""
    currency: str = ""
    merchant: str = ""
    """Whose money it is, by the provider's id."""
    app: str = ""
    paid_at: datetime | None = None
    payer: str = ""


class RefundOrder(Struct, frozen=True, kw_only=True):
    """Money back to the payer of one payment."""

    number: str
    """Ours; a retry has the same."""
    payment_number: str
    provider_payment_id: str
    amount_minor: int
    total_minor: int
    """Of the payment."""
    currency: str
    reason: str
    notify_url: str = ""
    shares: tuple[ReturnedShare, ...] = ()
    """What of it receivers of shares give back, where refunds take that themselves (`SharesReturn.WITH_REFUND`)."""


class RefundState(StrEnum):
    """What the provider says of a refund."""

    PROCESSING = "processing"
    """Accepted; the money has not arrived yet."""
    SUCCEEDED = "succeeded"
    CLOSED = "closed"
    """It will not be done."""
    ABNORMAL = "abnormal"
    """The payer's account cannot take it: a person has to decide."""
    ABSENT = "absent"
    """The provider knows no such refund."""


class RefundSeen(Struct, frozen=True, kw_only=True):
    """A refund as the provider sees it."""

    number: str
    payment_number: str
    state: RefundState
    provider_id: str = ""
    amount_minor: int | None = None
    currency: str = ""
    merchant: str = ""


class VerifiedEvent(Struct, frozen=True, kw_only=True):
    """A notification whose signature is the provider's and which is recent enough to be one."""

    notification_id: str
    """The provider's own; the same one twice is the same notification."""
    seen: PaymentSeen | RefundSeen


class Outcome(StrEnum):
    """What became of a notification, for the provider to hear."""

    TAKEN = "taken"
    """Stored, or seen before: no need to say it again."""
    REFUSED = "refused"
    """Not from the provider, or not to be believed."""
    AGAIN = "again"
    """We could not store it: say it again."""


class HttpReply(Struct, frozen=True, kw_only=True):
    """What a notification is answered with."""

    status: int
    media_type: str
    body: bytes


class BillLineKind(StrEnum):
    """What a line of a provider's bill is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    OTHER = "other"
    """Neither; kept and shown, never dropped."""


class BillLine(Struct, frozen=True, kw_only=True):
    """One line of a provider's daily bill."""

    kind: BillLineKind
    number: str
    """Ours: of the payment, or of the refund."""
    provider_id: str
    amount_minor: int
    fee_minor: int
    currency: str
    at: datetime
    raw: str
    """The line as it stood there."""


class ProviderError(Exception):
    """The provider did not do what was asked. `code` is its own word; neither holds personal data."""

    def __init__(self, code: str, reason: str = "") -> None:
        super().__init__(f"{code}: {reason}" if reason else code)
        self.code = code
        self.reason = reason


class Rejected(ProviderError):
    """For good: asking again with the same values is of no use, and nothing has happened."""


class RetrySameKey(ProviderError):
    """Not now (limits, busy): the same request with the same number may be sent later."""


class Unknown(ProviderError):
    """Nobody knows whether it happened (time-out, 5xx, an answer that is not the provider's): query, never assume."""


class Forged(ProviderError):
    """A notification that is not the provider's, is too old, or cannot be decrypted."""


class NotOurs(ProviderError):
    """A notification that is the provider's, and about nothing that we asked for: heard, and forgotten."""


Headers: TypeAlias = Mapping[str, str]
"""Names in lower case."""


class Provider(Protocol):
    """One merchant's account with one provider. Every method but the last two talks to the provider and raises
    Rejected, RetrySameKey or Unknown. An adapter whose provider has no splits or no transfers says so with Rejected
    (`NOT_OFFERED`): it inherits `not_offered.NoShares`, `not_offered.NoPayouts`."""

    name: str
    """Such as `wechat`."""
    merchant: str
    """The merchant's id with the provider."""
    shares_return: SharesReturn
    """How shares come back before or with a refund."""
    bill_zone: str
    """The time zone whose days its bills have, such as Asia/Shanghai; empty: the operator's own."""

    async def create(self, order: PaymentOrder) -> Created:
        """Tell the provider of an attempt. The same order again is the same attempt."""

    async def query(self, number: str) -> PaymentSeen:
        """How an order stands."""

    async def close(self, number: str) -> PaymentSeen:
        """See that it can never be paid any more: CLOSED or ABSENT, or PAID when that was quicker. Never refunds."""

    async def refund(self, order: RefundOrder) -> RefundSeen:
        """Ask for money back; the answer may be PROCESSING."""

    async def query_refund(self, number: str, payment_number: str) -> RefundSeen:
        """How a refund stands."""

    async def download_bill(self, day: date) -> Sequence[BillLine]:
        """The day's bill in the provider's time zone, its hash verified. RetrySameKey while it is not ready."""

    async def split(self, order: SplitOrder) -> SplitSeen:
        """Send parts of a payment to others; done a little later, each part with an end of its own. RetrySameKey while
        the payment is too young, Rejected above what the provider allows to be shared."""

    async def query_split(self, number: str, provider_payment_id: str) -> SplitSeen:
        """How a split and each of its parts stand."""

    async def return_split(self, order: ReturnOrder) -> ReturnSeen:
        """Ask one part back, before its payer is refunded. Rejected where that goes with the refund."""

    async def query_return(self, number: str, split_number: str) -> ReturnSeen:
        """How a return stands."""

    async def payout(self, order: PayoutOrder) -> PayoutSeen:
        """Send money to somebody. An answer may wait for the payee: whether it was paid, `query_payout` tells."""

    async def query_payout(self, number: str) -> PayoutSeen:
        """How a transfer stands."""

    def parse_notification(self, headers: Headers, raw: bytes, now: datetime) -> VerifiedEvent:
        """Pure: verify, decrypt, translate. Forged when anything is not as the provider would have sent it; NotOurs
        for what providers tell of an account's other business."""

    def answer(self, outcome: Outcome) -> HttpReply:
        """What the provider wants to hear."""
