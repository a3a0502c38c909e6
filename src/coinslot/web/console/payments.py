"""Payments: the list, the search, and one payment with everything that happened to it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final
from urllib.parse import urlencode

from litestar import get, post
from litestar.params import FromPath, QueryParameter
from litestar.response import Response

from coinslot.fields import MissingError, search_key
from coinslot.payments.model import Attempt, Refund
from coinslot.settlement.payments.bill_reports import bill_day_of
from coinslot.settlement.payments.refund_requests import What, requests_about
from coinslot.settlement.payments.rows import find_intent
from coinslot.web.console import payments_store as store
from coinslot.web.console import words
from coinslot.web.console.entries import entries_by_keys, entries_of_session
from coinslot.web.console.payments_store import STATES, Filters
from coinslot.web.console.staffed import StaffedOf
from coinslot.web.console.timeline import timeline
from coinslot.web.pages import figures
from coinslot.wire.ids import is_id

_PROVIDERS: Final = "SELECT DISTINCT provider FROM merchant WHERE operator_id = $1 ORDER BY provider"


@get("/console/payments")
async def payments_page(
    staffed: StaffedOf,
    status: Annotated[str | None, QueryParameter(name="status", max_length=20)] = None,
    provider: Annotated[str | None, QueryParameter(name="provider", max_length=20)] = None,
    day: Annotated[str | None, QueryParameter(name="day", max_length=10)] = None,
    customer: Annotated[str | None, QueryParameter(name="customer", max_length=60)] = None,
    appliance: Annotated[str | None, QueryParameter(name="appliance", max_length=60)] = None,
    before: Annotated[str | None, QueryParameter(name="before", max_length=60)] = None,
    nothing: Annotated[str | None, QueryParameter(name="nothing", max_length=5)] = None,
) -> Response[bytes]:
    """The newest first; `before` is the last one of the page above."""
    wanted = Filters(
        state=status if status in STATES else "",
        provider=_known(provider),
        day=_day(day),
        customer=_known(customer),
        appliance=_known(appliance),
        before=_known(before),
    )
    rows = await store.list_payments(staffed.pool, staffed.operator, wanted, staffed.who.timezone)
    shown = rows[: store.PER_PAGE]
    kept = {
        "status": wanted.state,
        "provider": wanted.provider or "",
        "day": "" if wanted.day is None else wanted.day.isoformat(),
        "customer": wanted.customer or "",
        "appliance": wanted.appliance or "",
    }
    more = {**kept, "before": shown[-1].intent_id} if len(rows) > len(shown) else None
    providers = [row[0] for row in await staffed.pool.fetch(_PROVIDERS, staffed.operator)]
    return staffed.show(
        "console/payments.html",
        rows=shown,
        wanted=wanted,
        kept=kept,
        providers=providers,
        states=STATES,
        more="" if more is None else urlencode({key: value for key, value in more.items() if value}),
        filtered=any(kept.values()),
        nothing=nothing is not None,
        words=words,
        phone=figures.phone,
    )


@get("/console/payments/search")
async def search_again(staffed: StaffedOf) -> Response[bytes]:
    """Somebody loads again what was a search."""
    return staffed.go("/console/payments")


@post("/console/payments/search")
async def search(staffed: StaffedOf) -> Response[bytes]:
    """By whatever number somebody has. A form, since a phone number has no place in an address."""
    text = (await staffed.form()).text("q")
    found = await store.search(staffed.pool, staffed.operator, text)
    if found.intent:
        return staffed.go(f"/console/payments/{found.intent}")
    if found.session:
        return staffed.go(f"/console/sessions/{found.session}")
    if found.customer:
        return staffed.go(f"/console/payments?customer={found.customer}")
    if found.appliance:
        return staffed.go(f"/console/payments?{urlencode({'appliance': found.appliance})}")
    return staffed.go("/console/payments?nothing=yes")


@get("/console/payments/{intent_id:str}")
async def payment_page(staffed: StaffedOf, intent_id: FromPath[str]) -> Response[bytes]:
    """One payment and its time line."""
    pool, operator = staffed.pool, staffed.operator
    intent = await find_intent(pool, operator, search_key("payment", intent_id)) if is_id(intent_id) else None
    if intent is None:
        raise MissingError("payment", intent_id)
    attempts = await store.attempts_of(pool, operator, intent_id)
    numbers = [attempt.number for attempt in attempts]
    refunds = await store.refunds_of(pool, operator, numbers)
    notices = await store.notices_of(pool, operator, [*numbers, *(refund.number for refund in refunds)])
    start = await store.start_of(pool, operator, intent_id)
    session = start[0] if start is not None else None
    entries = await entries_by_keys(staffed, _keys(intent_id, attempts, refunds))
    if session is not None:
        known = {entry.entry_id for entry in entries}
        entries += [one for one in await entries_of_session(staffed, session) if one.entry_id not in known]
        entries.sort(key=lambda entry: entry.entry_id)
    requests = [
        request
        for what, target in ((What.SESSION, session), *((What.PAYMENT, number) for number in numbers))
        if target is not None
        for request in await requests_about(pool, operator, what, target)
    ]
    paying = next((one for one in attempts if one.number == intent.paid_by), None)
    return staffed.show(
        "console/payment.html",
        intent=intent,
        attempts=attempts,
        paying=paying,
        refunds=refunds,
        session=session,
        entries=entries,
        requests=requests,
        arrival=await _arrival(staffed, paying),
        taken=await store.taken_at(pool, operator, numbers),
        events=timeline(staffed, intent, attempts, refunds, notices, start, requests),
        may_refund=paying is not None and staffed.may("POST", "/console/payments/{intent_id}/refund"),
        may_decide=staffed.may("POST", "/console/provider-refunds/{number}/again"),
        words=words,
    )


async def _arrival(staffed: StaffedOf, paying: Attempt | None) -> str:
    """Whether the provider's own bill has the payment, and which."""
    if paying is None or paying.provider_id is None:
        return ""
    day = await bill_day_of(staffed.pool, staffed.operator, paying.provider, paying.provider_id)
    if day is None:
        return staffed.say("Not compared yet")
    return staffed.say("In the bill of %(day)s", day=day.isoformat())


def _keys(intent_id: str, attempts: list[Attempt], refunds: list[Refund]) -> list[str]:
    """Every key under which something of this payment may have been posted, as ledger/events spells them."""
    keys = [f"arrears:payment:{intent_id}:topup"]
    for name in (intent_id, *(attempt.number for attempt in attempts)):
        keys += [f"payment:{name}:{what}" for what in ("topup", "hold", "returned", "unasked", "explained")]
    for refund in refunds:
        keys += [f"refund:{refund.number}:{what}" for what in ("done", "bonus")]
        keys += [f"withdrawal:{refund.number}:{what}" for what in ("asked", "paid")]
        keys += [f"reversal:withdrawal:{refund.number}:asked", f"reversal:refund:{refund.number}:bonus"]
        keys += [f"chargeback:{refund.number}", f"chargeback:{refund.number}:explained"]
    return keys


def _known(text: str | None) -> str | None:
    return text if text and text.isascii() and text.isprintable() else None


def _day(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if 2000 <= day.year < 9000 else None
