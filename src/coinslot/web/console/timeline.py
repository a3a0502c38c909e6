"""Everything that happened to one payment, in its order: opened, tried, told, booked, used, given back."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from coinslot.payments.model import Attempt, Intent, Mark, Refund
from coinslot.payments.states import AttemptState, RefundState
from coinslot.settlement.payments.refund_requests import RefundRequest, RequestState
from coinslot.web.console import words
from coinslot.web.console.payments_store import Notice
from coinslot.web.console.staffed import Staffed
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked

_AGREED: Final = marked("%(name)s agreed")
_DECLINED: Final = marked("%(name)s declined")


class Event(NamedTuple):
    """Something that happened."""

    at: datetime
    title: str
    detail: str = ""
    kind: str = ""
    """Of its dot."""
    path: str = ""
    """Of what it is about."""


def timeline(
    staffed: Staffed,
    intent: Intent,
    attempts: list[Attempt],
    refunds: list[Refund],
    notices: list[Notice],
    start: tuple[str | None, datetime] | None,
    requests: list[RefundRequest],
) -> list[Event]:
    """The oldest first."""
    amount = figures.money(intent.amount_minor, intent.currency)
    events = [
        Event(intent.opened_at, staffed.say("%(amount)s was to be paid", amount=amount), intent.about, "soft")
    ]
    for attempt in attempts:
        events += _attempt(staffed, attempt)
    events += [_notice(staffed, notice) for notice in notices]
    if start is not None:
        events.append(_start(staffed, *start))
    for refund in refunds:
        events += _refund(staffed, refund)
    for request in requests:
        events += _request(staffed, request)
    # Sorted by time alone, so that what happened in one moment stays in the order in which it is told here.
    return sorted(events, key=lambda event: event.at)


def _attempt(staffed: Staffed, attempt: Attempt) -> list[Event]:
    provider = staffed.say(words.provider_of(attempt.provider))
    events = [
        Event(
            attempt.made_at,
            staffed.say("Asked for with %(provider)s", provider=provider),
            attempt.number,
            "soft",
        )
    ]
    if attempt.paid_at is not None:
        mark = (
            staffed.say(words.MARK[attempt.mark])
            if attempt.mark is not Mark.NONE
            else attempt.provider_id or ""
        )
        title = staffed.say("Paid with %(provider)s", provider=provider)
        events.append(Event(attempt.paid_at, title, mark, "" if attempt.mark is Mark.NONE else "warn"))
    elif attempt.state in (AttemptState.CLOSED, AttemptState.FAILED):
        said = words.ATTEMPT[attempt.state]
        events.append(Event(attempt.expires_at, staffed.say(said.word), attempt.error, said.kind))
    return events


def _notice(staffed: Staffed, notice: Notice) -> Event:
    provider = staffed.say(words.provider_of(notice.provider))
    if notice.notification_id.startswith("asked:"):
        title = staffed.say("%(provider)s answered when asked", provider=provider)
    else:
        title = staffed.say("%(provider)s told us by itself", provider=provider)
    match notice.state:
        case "quarantined":
            return Event(
                notice.received_at, title, staffed.say("Set aside: %(reason)s", reason=notice.reason), "bad"
            )
        case "new":
            return Event(notice.received_at, title, staffed.say("Not acted upon yet"), "warn")
        case _:
            return Event(notice.received_at, title, "", "soft")


def _start(staffed: Staffed, session: str | None, at: datetime) -> Event:
    if session is None:
        return Event(at, staffed.say("No use followed: the money goes back"), "", "warn")
    return Event(at, staffed.say("The appliance was started"), session, "", f"/console/sessions/{session}")


def _refund(staffed: Staffed, refund: Refund) -> list[Event]:
    amount = figures.money(refund.amount_minor, refund.currency)
    why = staffed.say(words.WHY[refund.why])
    events = [Event(refund.requested_at, staffed.say("Refund of %(amount)s", amount=amount), why, "soft")]
    said = words.REFUND[refund.state]
    title = staffed.say("Refund of %(amount)s: %(state)s", amount=amount, state=staffed.say(said.word))
    if refund.ended_at is not None:
        events.append(Event(refund.ended_at, title, refund.number, said.kind))
    elif refund.state is RefundState.ABNORMAL:
        events.append(Event(refund.sent_at or refund.requested_at, title, refund.number, said.kind))
    return events


def _request(staffed: Staffed, request: RefundRequest) -> list[Event]:
    amount = figures.money(request.amount_minor, request.currency)
    path = f"/console/refunds/{request.request_id}"
    asked = staffed.say("%(name)s asked to give back %(amount)s", name=request.asked_by_name, amount=amount)
    events = [Event(request.asked_at, asked, staffed.say(words.REASON[request.reason]), "soft", path)]
    if request.decided_at is not None and not request.alone:
        done = request.state is RequestState.DONE
        text = staffed.say(_AGREED if done else _DECLINED, name=request.decided_by_name)
        events.append(Event(request.decided_at, text, request.decision_words, "" if done else "bad", path))
    return events
