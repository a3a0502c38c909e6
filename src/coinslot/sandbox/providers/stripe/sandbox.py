"""The provider as one thing: its parts put together, its routes, and its doors for tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import Route
from coinslot.sandbox.providers.phone import Act, Shown, Stand, Till
from coinslot.sandbox.providers.retries import Retries
from coinslot.sandbox.providers.stripe.account import StripeAccount
from coinslot.sandbox.providers.stripe.book import Book, Refund, RefundStatus, Session, Status
from coinslot.sandbox.providers.stripe.calls import Calls
from coinslot.sandbox.providers.stripe.desk import Desk
from coinslot.sandbox.providers.stripe.notices import GAPS_S, OTHER, PAYMENT, REFUND, Notices
from coinslot.sandbox.providers.stripe.refused import Refused, missing
from coinslot.sandbox.providers.stripe.told import (
    Content,
    charge_content,
    distorted,
    intent_content,
    refund_content,
    session_content,
)
from coinslot.sandbox.providers.switches import Failure, Switches

_WHOLE: Final = frozenset({"jpy", "krw", "vnd", "clp", "xaf", "xof", "rwf"})
_STANDS: Final = {
    Status.OPEN: Stand.WAITING,
    Status.COMPLETE: Stand.PAID,
    Status.EXPIRED: Stand.CLOSED,
}


class StripeSandbox:
    """One merchant's Stripe; see `server.ProviderSandbox`.

    `wire_now` is what events are signed and sessions dated with: real time unless told otherwise, so that clients
    whose clock nobody moves work while the sandbox's own time is moved.
    """

    def __init__(
        self,
        account: StripeAccount,
        *,
        clock: SandboxClock,
        switches: Switches,
        answer_within_s: float = 5.0,
        wire_by_sandbox_clock: bool = False,
    ) -> None:
        self.name = "stripe"
        self.account = account
        self.book = Book()
        self.retries = Retries(clock, GAPS_S, answer_within_s=answer_within_s)
        self.till: Till = StripeTill(self)
        self._clock = clock
        self._switches = switches
        self._wire_by_sandbox_clock = wire_by_sandbox_clock
        self._notices = Notices(account, clock, switches, self.retries, self.wire_now)
        self._calls = Calls(self, Desk(account, clock, switches), clock, switches)

    def routes(self) -> tuple[Route, ...]:
        """What it answers."""
        return self._calls.routes()

    def attach(self, url: str, wire_url: str) -> None:
        """See `server.ProviderSandbox`."""
        self._calls.url = url

    def change_key(self) -> dict[str, str]:
        """See `server.ProviderSandbox`."""
        self.account.change_key()
        return {"webhook_secret": self.account.webhook_secret}

    def wire_now(self) -> datetime:
        """What is signed and dated with."""
        now = self._clock.now() if self._wire_by_sandbox_clock else datetime.now(UTC)
        skew = self._switches.take(Failure.CLOCK_SKEW)
        return now if skew is None else now + timedelta(seconds=skew.number(600))

    def distorted(self, operation: str, content: Content) -> Content:
        """What is said wrongly within a list."""
        return distorted(content, lambda failure: self._switches.take(failure, operation))

    def pay(self, number: str, *, although_closed: bool = False) -> None:
        """The payer pays; the merchant will be told. Refused when the provider would not take it."""
        session = self.book.of_number(number)
        if session is None:
            raise missing("checkout.session", number)
        self.pay_session(session, although_closed=although_closed)

    def pay_session(self, session: Session, *, although_closed: bool = False) -> None:
        """See `pay`."""
        self.book.pay(session, self._clock.now(), although_closed=although_closed)
        self._notices.tell(OTHER, "payment_intent.succeeded", intent_content(session))
        self._told(PAYMENT, "checkout.session.completed", session)

    def expire(self, session: Session) -> None:
        """It ends now. Refused."""
        self.book.expire(session)
        self._told(PAYMENT, "checkout.session.expired", session)

    def expires_after(self, session: Session, life_s: float) -> None:
        """It ends by itself."""

        async def end() -> None:
            if session.status is Status.OPEN:
                self.expire(session)

        self._clock.after(life_s, end)

    def end_refund(self, session: Session, refund: Refund) -> None:
        """The refund comes to its end now, unless it has already."""
        if refund.status is not RefundStatus.PENDING or self._switches.take(Failure.REFUND_STAYS):
            return
        status = RefundStatus.SUCCEEDED
        if self._switches.take(Failure.REFUND_ABNORMAL):
            status = RefundStatus.FAILED
        elif self._switches.take(Failure.REFUND_CLOSED):
            status = RefundStatus.CANCELED
        self.book.end_refund(session, refund, status, self._clock.now())
        kind = "refund.failed" if status is RefundStatus.FAILED else "refund.updated"
        self.told_refund(kind, session, refund)
        if status is RefundStatus.SUCCEEDED and session.charge is not None:
            self._notices.tell(OTHER, "charge.refunded", charge_content(session, session.charge))

    def told_refund(self, kind: str, session: Session, refund: Refund) -> None:
        """The merchant will be told of it as it is now."""
        self._notices.tell(REFUND, kind, refund_content(session, refund))

    def _told(self, operation: str, kind: str, session: Session) -> None:
        self._notices.tell(operation, kind, session_content(session, self._calls.url))


class StripeTill:
    """The sessions as payers see them; see `phone.Till`."""

    def __init__(self, sandbox: StripeSandbox) -> None:
        self.name = sandbox.name
        self._sandbox = sandbox

    def show(self, code: str) -> Shown | None:
        """See `phone.Till`."""
        session = self._find(code)
        return None if session is None else self._shown(session)

    def orders(self) -> Iterable[Shown]:
        """See `phone.Till`."""
        return [self._shown(session) for session in reversed(self._sandbox.book.sessions())]

    def act(self, code: str, act: Act) -> str:
        """See `phone.Till`."""
        session = self._find(code)
        if session is None:
            return "This code belongs to no order."
        if act is Act.DECLINE:
            return "You did not pay."
        said = self._pay(session, although_closed=act is Act.PAY_AFTER_CLOSE)
        return f"{said} Pressed again: {self._pay(session)}" if act is Act.PAY_TWICE else said

    def _find(self, code: str) -> Session | None:
        try:
            return self._sandbox.book.session(code)
        except Refused:
            return None

    def _pay(self, session: Session, *, although_closed: bool = False) -> str:
        try:
            self._sandbox.pay_session(session, although_closed=although_closed)
        except Refused as refused:
            return f"Not paid: {refused.words}."
        return "Paid."

    def _shown(self, session: Session) -> Shown:
        body, charge = session.body, session.charge
        stand = _STANDS[session.status]
        if charge is not None and charge.refunded():
            stand = Stand.RETURNED
        return Shown(
            code=session.id,
            provider="Card (Stripe)",
            merchant=self._sandbox.account.name,
            subject=body.line_items[0].price_data.product_data.name,
            amount=_money(body.total, body.currency),
            state=session.status.value,
            number=body.client_reference_id or session.id,
            return_url=body.success_url,
            stand=stand,
        )


def _money(amount: int, currency: str) -> str:
    told = str(amount) if currency in _WHOLE else f"{amount // 100}.{amount % 100:02d}"
    return f"{told} {currency.upper()}"
