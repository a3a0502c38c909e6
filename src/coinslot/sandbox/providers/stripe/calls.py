"""The API's paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import Reply, Request, Route, json_reply, redirect
from coinslot.sandbox.providers.stripe.account import Endpoint
from coinslot.sandbox.providers.stripe.bodies import (
    EndpointBody,
    ListQuery,
    Nothing,
    RefundBody,
    SessionBody,
    check_metadata,
    check_session,
    read,
)
from coinslot.sandbox.providers.stripe.book import Session, Transaction
from coinslot.sandbox.providers.stripe.desk import Desk
from coinslot.sandbox.providers.stripe.refused import missing, wrong
from coinslot.sandbox.providers.stripe.told import (
    Content,
    intent_content,
    refund_content,
    seconds,
    session_content,
    transaction_content,
)
from coinslot.sandbox.providers.switches import Failure, Switches

if TYPE_CHECKING:
    from coinslot.sandbox.providers.stripe.sandbox import StripeSandbox

_SESSIONS: Final = "/v1/checkout/sessions"
_REFUNDS: Final = "/v1/refunds"
_HOOKS: Final = "/v1/webhook_endpoints"
_MOST: Final = 100
REFUND_TAKES_S: Final = 3.0
_T = TypeVar("_T")


class Calls:
    """`/v1/…`, and the page that a session's address leads to."""

    def __init__(self, sandbox: StripeSandbox, desk: Desk, clock: SandboxClock, switches: Switches) -> None:
        self.url = ""
        """Where payers' phones find the server."""
        self._sandbox = sandbox
        self._desk = desk
        self._clock = clock
        self._switches = switches

    def routes(self) -> tuple[Route, ...]:
        """What is answered."""
        plain = self._desk.handler
        return (
            Route("POST", _SESSIONS, plain("create", self._create, self._paid_at_once)),
            Route("GET", _SESSIONS, plain("query", self._list_sessions)),
            Route("GET", f"{_SESSIONS}/{{id}}", plain("query", self._session)),
            Route("POST", f"{_SESSIONS}/{{id}}/expire", plain("close", self._expire)),
            Route("GET", "/v1/payment_intents/{id}", plain("query", self._intent)),
            Route("POST", _REFUNDS, plain("refund", self._refund, self._refunded_at_once)),
            Route("GET", _REFUNDS, plain("query_refund", self._list_refunds)),
            Route("GET", f"{_REFUNDS}/{{id}}", plain("query_refund", self._one_refund)),
            Route("GET", "/v1/balance_transactions", plain("bill", self._balance)),
            Route("GET", "/v1/account", plain("account", self._account)),
            Route("POST", _HOOKS, plain("endpoint", self._listen)),
            Route("GET", _HOOKS, plain("endpoint", self._endpoints)),
            Route("DELETE", f"{_HOOKS}/{{id}}", plain("endpoint", self._forget)),
            Route("GET", "/c/pay/{id}", self._page),
        )

    def _create(self, request: Request) -> Content:
        body = read(_text(request), SessionBody)
        now = seconds(self._sandbox.wire_now())
        check_session(body, now)
        session = self._sandbox.book.make(body, now)
        self._sandbox.expires_after(session, session.expires_at - now)
        return session_content(session, self.url, body.expand)

    async def _paid_at_once(self, content: Content) -> None:
        if self._switches.take(Failure.PAID_BEFORE_ANSWER, "create"):
            self._sandbox.pay_session(self._sandbox.book.session(str(content["id"])))
            await self._clock.settled()

    def _session(self, request: Request) -> Content:
        asked = read(_query(request), Nothing)
        return session_content(self._sandbox.book.session(request.matched["id"]), self.url, asked.expand)

    def _expire(self, request: Request) -> Content:
        asked = read(_text(request), Nothing)
        session = self._sandbox.book.session(request.matched["id"])
        self._sandbox.expire(session)
        return session_content(session, self.url, asked.expand)

    def _list_sessions(self, request: Request) -> Content:
        asked = read(_query(request), ListQuery)
        found = [
            each
            for each in reversed(self._sandbox.book.sessions())
            if (asked.created is None or asked.created.holds(each.created))
            and asked.payment_intent in ("", each.intent)
        ]
        expand = [each.removeprefix("data.") for each in asked.expand]

        def told(session: Session) -> Content:
            content = session_content(session, self.url, expand)
            return self._sandbox.distorted("query", content)

        return _listed(asked, found, told, lambda each: each.id, _SESSIONS)

    def _intent(self, request: Request) -> Content:
        asked = read(_query(request), Nothing)
        session = self._sandbox.book.by_intent(request.matched["id"])
        return intent_content(session, is_deep="latest_charge" in asked.expand)

    def _refund(self, request: Request) -> Content:
        body = read(_text(request), RefundBody)
        check_metadata(body.metadata)
        session, refund = self._sandbox.book.refund(body, self._clock.now())
        self._sandbox.told_refund("refund.created", session, refund)

        async def end() -> None:
            self._sandbox.end_refund(session, refund)

        self._clock.after(REFUND_TAKES_S, end)
        return refund_content(session, refund)

    async def _refunded_at_once(self, content: Content) -> None:
        if self._switches.take(Failure.REFUNDED_BEFORE_ANSWER, "refund"):
            self._sandbox.end_refund(*self._sandbox.book.find_refund(str(content["id"])))
            await self._clock.settled()

    def _one_refund(self, request: Request) -> Content:
        read(_query(request), Nothing)
        return refund_content(*self._sandbox.book.find_refund(request.matched["id"]))

    def _list_refunds(self, request: Request) -> Content:
        asked = read(_query(request), ListQuery)
        sessions = (
            [self._sandbox.book.by_intent(asked.payment_intent)]
            if asked.payment_intent
            else self._sandbox.book.sessions()
        )
        found = [(each, one) for each in sessions for one in (each.charge.refunds if each.charge else ())]
        return _listed(
            asked,
            found[::-1],
            lambda pair: self._sandbox.distorted("query_refund", refund_content(*pair)),
            lambda pair: pair[1].id,
            _REFUNDS,
        )

    def _balance(self, request: Request) -> Content:
        asked = read(_query(request), ListQuery)
        found = [
            each
            for each in self._sandbox.book.transactions
            if asked.created is None or asked.created.holds(seconds(each.made_at))
        ]
        take = self._switches.take
        if take(Failure.BILL_MISSING_LINE, "bill"):
            found = found[1:]
        if take(Failure.BILL_UNKNOWN_LINE, "bill"):
            since = asked.created.gte if asked.created and asked.created.gte else 0
            noon = datetime.fromtimestamp(since + 43_200, UTC)
            found.append(Transaction("payout", -100_00, 0, "cny", noon))
        if not take(Failure.BILL_REORDERED, "bill"):
            found.reverse()
        expand = [each.removeprefix("data.") for each in asked.expand]
        path = "/v1/balance_transactions"
        return _listed(
            asked, found, lambda each: transaction_content(each, expand), lambda each: each.id, path
        )

    def _account(self, request: Request) -> Content:
        account = self._sandbox.account
        return {
            "id": account.id,
            "object": "account",
            "settings": {"dashboard": {"display_name": account.name}},
        }

    def _listen(self, request: Request) -> Content:
        body = read(_text(request), EndpointBody)
        if not body.url.startswith(("https://", "http://")):
            raise wrong("url_invalid", "an address is needed", "url")
        made = self._sandbox.account.listen(body.url, tuple(body.enabled_events))
        return {**_endpoint(made), "secret": made.secret}

    def _endpoints(self, request: Request) -> Content:
        asked = read(_query(request), ListQuery)
        found = self._sandbox.account.endpoints[::-1]
        return _listed(asked, found, _endpoint, lambda each: each.id, _HOOKS)

    def _forget(self, request: Request) -> Content:
        endpoints = self._sandbox.account.endpoints
        found = next((each for each in endpoints if each.id == request.matched["id"]), None)
        if found is None:
            raise missing("webhook_endpoint", request.matched["id"])
        endpoints.remove(found)
        return {"id": found.id, "object": "webhook_endpoint", "deleted": True}

    async def _page(self, request: Request) -> Reply:
        """What a code or a link opens."""
        if self._sandbox.till.show(request.matched["id"]) is None:
            return json_reply(404, {"message": "there is nothing here"})
        return redirect(f"/pay/{request.matched['id']}")


def _text(request: Request) -> str:
    return request.body.decode("utf-8", "replace")


def _query(request: Request) -> str:
    return request.target.partition("?")[2]


def _endpoint(endpoint: Endpoint) -> Content:
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "enabled_events": list(endpoint.events),
        "livemode": False,
        "status": "enabled",
        "url": endpoint.url,
    }


def _listed(
    asked: ListQuery,
    found: Sequence[_T],
    told: Callable[[_T], Content],
    named: Callable[[_T], str],
    url: str,
) -> Content:
    """One page. Refused."""
    if not 1 <= asked.limit <= _MOST:
        raise wrong("parameter_invalid_integer", "limit is from 1 to 100", "limit")
    names = [named(each) for each in found]
    begin = 0
    if asked.starting_after:
        if asked.starting_after not in names:
            raise missing("object", asked.starting_after)
        begin = names.index(asked.starting_after) + 1
    page = found[begin : begin + asked.limit]
    return {
        "object": "list",
        "data": [told(each) for each in page],
        "has_more": begin + asked.limit < len(found),
        "url": url,
    }
