"""A payment provider played by hand: an outside party with its own books, its own faults and its own pace."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import Enum, auto
from pathlib import Path

import msgspec
from msgspec import Struct

from coinslot.payments.not_offered import NoPayouts, NoShares
from coinslot.payments.port import (
    BillLine,
    BillLineKind,
    Created,
    Forged,
    Headers,
    HttpReply,
    Outcome,
    PaymentOrder,
    PaymentSeen,
    PaymentState,
    RefundOrder,
    RefundSeen,
    RefundState,
    Rejected,
    RetrySameKey,
    Unknown,
    VerifiedEvent,
)

OLDEST = timedelta(minutes=5)


class Fault(Enum):
    """What goes wrong with one call."""

    LOST = auto()
    """The request never arrives; nobody knows."""
    UNANSWERED = auto()
    """It is done, and its answer never arrives."""
    BUSY = auto()
    """Not now."""
    REJECTED = auto()
    """For good."""
    BROKEN = auto()
    """The adapter itself fails."""


class Order(Struct, kw_only=True):
    """An order in the provider's own books."""

    number: str
    amount_minor: int
    currency: str
    expires_at: datetime
    state: PaymentState = PaymentState.WAITING
    provider_id: str = ""
    paid_minor: int = 0
    returned_minor: int = 0
    scanned: bool = True


class Return(Struct, kw_only=True):
    """A refund in the provider's own books."""

    number: str
    payment_number: str
    amount_minor: int
    currency: str
    state: RefundState
    provider_id: str


class Sheet(Struct, kw_only=True):
    """All of it, so that it can outlive a process."""

    orders: dict[str, Order] = {}
    returns: dict[str, Return] = {}
    ids: int = 0


def _line(
    kind: str, number: str, provider_id: str, amount_minor: int, fee_minor: int, currency: str, at: datetime
) -> BillLine:
    return BillLine(
        kind=BillLineKind(kind),
        number=number,
        provider_id=provider_id,
        amount_minor=amount_minor,
        fee_minor=fee_minor,
        currency=currency,
        at=at,
        raw=f"{kind} {number}",
    )


class PlayedProvider(NoShares, NoPayouts):
    """See `coinslot.payments.port.Provider`; what is beside that is for the test that plays it."""

    app = "app1"
    bill_zone = "Asia/Shanghai"

    def __init__(self, merchant: str = "1900", name: str = "played", path: Path | None = None) -> None:
        self.name = name
        self.merchant = merchant
        self.ahead = timedelta()
        """How far its clock is ahead of this machine's."""
        self.lazy = False
        """Whether an order does not exist before it is scanned."""
        self.refunds_are = RefundState.SUCCEEDED
        """What a new refund becomes."""
        self.faults: dict[str, list[Fault]] = {}
        self.bill: list[BillLine] | None = None
        """What it answers for any day; None: not ready."""
        self.calls: list[str] = []
        self.under_way = 0
        self.most_under_way = 0
        self.meanwhile: dict[str, Callable[[], Awaitable[None]]] = {}
        """What happens between the deed and the answer, once."""
        self._path = path
        self.sheet = Sheet()
        if path is not None and path.exists():
            self.sheet = msgspec.json.decode(path.read_bytes(), type=Sheet)

    def now(self) -> datetime:
        """By its own clock."""
        return datetime.now(UTC) + self.ahead

    # What the payer does, and what people do at the provider.

    def pays(self, number: str) -> str:
        """Somebody pays, if the order still can be; the provider's id of it."""
        order = self.sheet.orders[number]
        order.scanned = True
        assert order.state is PaymentState.WAITING, order.state
        order.state, order.provider_id = PaymentState.PAID, self._id("tx")
        order.paid_minor = order.amount_minor
        self._keep()
        return order.provider_id

    def fails(self, number: str) -> None:
        """Paying fails for good."""
        self.sheet.orders[number].state = PaymentState.FAILED

    def settles(self, number: str, state: RefundState) -> None:
        """A refund moves on."""
        refund = self.sheet.returns[number]
        order = self.sheet.orders[refund.payment_number]
        dead = (RefundState.CLOSED, RefundState.ABNORMAL)
        order.returned_minor -= 0 if refund.state in dead else refund.amount_minor
        order.returned_minor += 0 if state in dead else refund.amount_minor
        refund.state = state
        self._keep()

    @property
    def holds_minor(self) -> int:
        """What it has of the merchant's money: paid in, less what really went back."""
        back = sum(r.amount_minor for r in self.sheet.returns.values() if r.state is RefundState.SUCCEEDED)
        return sum(order.paid_minor for order in self.sheet.orders.values()) - back

    # What it says by itself.

    def notice(self, number: str, notification_id: str = "", /, **changed: object) -> tuple[Headers, bytes]:
        """A notification about a payment as it stands, signed; with some of it changed."""
        return self.signed(notification_id or f"n:{number}", self._seen(number), **changed)

    def refund_notice(
        self, number: str, notification_id: str = "", /, **changed: object
    ) -> tuple[Headers, bytes]:
        """Likewise about a refund."""
        return self.signed(notification_id or f"n:{number}", self._refund_seen(number), **changed)

    def signed(
        self, notification_id: str, seen: PaymentSeen | RefundSeen, /, **changed: object
    ) -> tuple[Headers, bytes]:
        """Anything, with the provider's own signature."""
        about = "payment" if isinstance(seen, PaymentSeen) else "refund"
        body = {"id": notification_id, about: msgspec.to_builtins(seen) | msgspec.to_builtins(changed)}
        raw = msgspec.json.encode(body)
        at = str(self.now().timestamp())
        return {"at": at, "signature": self._sign(at, raw)}, raw

    def _sign(self, at: str, raw: bytes) -> str:
        return hashlib.sha256(f"secret of {self.merchant} {at}".encode() + raw).hexdigest()

    # The port.

    async def create(self, order: PaymentOrder) -> Created:
        await self._call("create")
        known = self.sheet.orders.get(order.number)
        if known is not None and known.amount_minor != order.amount_minor:
            raise Rejected("ORDER_DIFFERS")
        if known is None:
            if self.now() >= order.expires_at:
                raise Rejected("EXPIRED")
            self.sheet.orders[order.number] = Order(
                number=order.number,
                amount_minor=order.amount_minor,
                currency=order.currency,
                expires_at=order.expires_at,
                scanned=not self.lazy,
            )
            self._keep()
        await self._answer("create")
        return Created(qr=f"played://{order.number}")

    async def query(self, number: str) -> PaymentSeen:
        await self._call("query")
        seen = self._seen(number)
        await self._answer("query")
        return seen

    async def close(self, number: str) -> PaymentSeen:
        await self._call("close")
        order = self.sheet.orders.get(number)
        if order is not None and order.scanned and order.state is PaymentState.WAITING:
            order.state = PaymentState.CLOSED
            self._keep()
        await self._answer("close")
        return self._seen(number)

    async def refund(self, order: RefundOrder) -> RefundSeen:
        await self._call("refund")
        if order.number not in self.sheet.returns:
            self._give_back(order)
        await self._answer("refund")
        return self._refund_seen(order.number)

    def _give_back(self, order: RefundOrder) -> None:
        payment = self.sheet.orders.get(order.payment_number)
        if payment is None or payment.provider_id != order.provider_payment_id:
            raise Rejected("NO_SUCH_PAYMENT")
        if payment.returned_minor + order.amount_minor > payment.paid_minor:
            raise Rejected("TOO_MUCH")
        if self.refunds_are not in (RefundState.CLOSED, RefundState.ABNORMAL):
            payment.returned_minor += order.amount_minor
        self.sheet.returns[order.number] = Return(
            number=order.number,
            payment_number=order.payment_number,
            amount_minor=order.amount_minor,
            currency=order.currency,
            state=self.refunds_are,
            provider_id=self._id("rf"),
        )
        self._keep()

    async def query_refund(self, number: str, payment_number: str) -> RefundSeen:
        await self._call("query_refund")
        seen = self._refund_seen(number, payment_number)
        await self._answer("query_refund")
        return seen

    async def download_bill(self, day: date) -> Sequence[BillLine]:
        await self._call("download_bill")
        if self.bill is None:
            raise RetrySameKey("NOT_READY")
        await self._answer("download_bill")
        return self.bill

    def writes_bill(self) -> list[BillLine]:
        """All that was paid and returned so far, as its bill of whatever day."""
        at = self.now()
        paid = [each for each in self.sheet.orders.values() if each.provider_id]
        returned = [each for each in self.sheet.returns.values() if each.state is RefundState.SUCCEEDED]
        fee = 6
        self.bill = [
            *(_line("payment", x.number, x.provider_id, x.paid_minor, fee, x.currency, at) for x in paid),
            *(
                _line("refund", x.number, x.provider_id, x.amount_minor, -fee, x.currency, at)
                for x in returned
            ),
        ]
        return self.bill

    def parse_notification(self, headers: Headers, raw: bytes, now: datetime) -> VerifiedEvent:
        if headers.get("signature") != self._sign(headers.get("at", ""), raw):
            raise Forged("SIGNATURE")
        if abs(now.timestamp() - float(headers["at"])) > OLDEST.total_seconds():
            raise Forged("TOO_OLD")
        body = msgspec.json.decode(raw)
        kind = PaymentSeen if "payment" in body else RefundSeen
        seen = msgspec.convert(body.get("payment") or body["refund"], kind)
        return VerifiedEvent(notification_id=body["id"], seen=seen)

    def answer(self, outcome: Outcome) -> HttpReply:
        status = {Outcome.TAKEN: 200, Outcome.REFUSED: 401, Outcome.AGAIN: 503}[outcome]
        return HttpReply(status=status, media_type="text/plain", body=outcome.value.encode())

    # Inside.

    async def _call(self, what: str) -> None:
        self.calls.append(what)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        waiting = self.faults.get(what, [])
        fault = waiting[0] if waiting else None
        if fault is not Fault.UNANSWERED and fault is not None:
            waiting.pop(0)
            self.under_way -= 1
            match fault:
                case Fault.LOST:
                    raise Unknown("TIMEOUT")
                case Fault.BUSY:
                    raise RetrySameKey("FREQUENCY_LIMITED")
                case Fault.REJECTED:
                    raise Rejected("NO")
                case _:
                    raise RuntimeError("not what an adapter promises")

    async def _answer(self, what: str) -> None:
        waiting = self.faults.get(what, [])
        meanwhile = self.meanwhile.pop(what, None)
        if meanwhile is not None:
            await meanwhile()
        self.under_way -= 1
        if waiting and waiting[0] is Fault.UNANSWERED:
            waiting.pop(0)
            raise Unknown("TIMEOUT")

    def _seen(self, number: str) -> PaymentSeen:
        order = self.sheet.orders.get(number)
        if order is None or not order.scanned:
            return PaymentSeen(number=number, state=PaymentState.ABSENT)
        if order.state is PaymentState.WAITING and self.now() >= order.expires_at + timedelta(hours=2):
            order.state = PaymentState.CLOSED
        return PaymentSeen(
            number=number,
            state=order.state,
            provider_id=order.provider_id,
            amount_minor=order.amount_minor,
            currency=order.currency,
            merchant=self.merchant,
            app=self.app,
            payer="openid-of-somebody",
        )

    def _refund_seen(self, number: str, payment_number: str = "") -> RefundSeen:
        refund = self.sheet.returns.get(number)
        if refund is None:
            return RefundSeen(number=number, payment_number=payment_number, state=RefundState.ABSENT)
        return RefundSeen(
            number=number,
            payment_number=refund.payment_number,
            state=refund.state,
            provider_id=refund.provider_id,
            amount_minor=refund.amount_minor,
            currency=refund.currency,
            merchant=self.merchant,
        )

    def _id(self, kind: str) -> str:
        self.sheet.ids += 1
        return f"{kind}-{self.merchant}-{self.sheet.ids}"

    def _keep(self) -> None:
        if self._path is not None:
            self._path.write_bytes(msgspec.json.encode(self.sheet))
