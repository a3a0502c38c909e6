"""Today's rows as the page says them. Pure; finished texts, so that scripts only put them in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from coinslot.fleet.front_desks import DeskHere
from coinslot.sessions.model import BURNT
from coinslot.sessions.states import State
from coinslot.web.desk.reading import ApplianceRow, OrderRow, SessionRow, Today
from coinslot.web.desk.views import ApplianceView, DeskView, Kind, UseView
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.wire.messages import Limits
from coinslot.wire.records import StopReason

LONGEST_S: Final = 6 * 3600
"""A limit beyond that is a safeguard and no promise: what is left of it says nothing."""
SHOWN: Final = 100
"""Uses on one page; the sums are of all."""
PROVIDERS: Final = {
    "wechat": marked("WeChat Pay"),
    "alipay": marked("Alipay"),
    "stripe": marked("Card"),
    "counter": marked("Cash"),
}
_CUT_SHORT: Final = frozenset({StopReason.FAULT.value, StopReason.POWER_LOSS.value, StopReason.COMMAND.value})


class Say(Protocol):
    """A text in the page's language, `%(name)s` replaced."""

    def __call__(self, text: str, **values: object) -> str:
        """See `Page.say`."""


def desk_view(say: Say, desk: DeskHere, today: Today) -> DeskView:
    """Everything in words."""
    sessions = {each.session_id: each for each in today.sessions}
    of_intent = {each.intent_id: each for each in today.sessions if each.intent_id is not None}
    clock = _clock(desk.timezone)
    uses = [
        _order(
            say,
            order,
            of_intent.get(order.intent_id) or sessions.get(order.session_id or ""),
            today.now,
            clock,
        )
        for order in today.orders
    ]
    seen = {order.intent_id for order in today.orders}
    uses += [
        _session(say, each, today.now, clock)
        for each in today.sessions
        if each.intent_id is None or each.intent_id not in seen
    ]
    uses.sort(key=lambda use: (use.at, use.key), reverse=True)
    paid = [order for order in today.orders if order.paid_at is not None and order.currency == desk.currency]
    returned_minor = sum(order.refunded_minor + order.refunding_minor for order in paid)
    wallet_minor = sum(
        each.captured_minor or 0
        for each in today.sessions
        if each.intent_id is None and each.currency == desk.currency
    )
    local = today.now.astimezone(ZoneInfo(desk.timezone))
    return DeskView(
        day=f"{local:%Y-%m-%d}",
        clock=f"{local:%H:%M:%S}",
        uses=tuple(uses[:SHOWN]),
        more=max(0, len(uses) - SHOWN),
        paid_uses=sum(use.paid for use in uses),
        received=figures.money(sum(order.amount_minor for order in paid) + wallet_minor, desk.currency),
        returned=figures.money(returned_minor, desk.currency) if returned_minor else "",
        appliances=tuple(_appliances(say, today.appliances)),
    )


def _order(
    say: Say, order: OrderRow, session: SessionRow | None, now: datetime, clock: Callable[[datetime], str]
) -> UseView:
    word, kind, left_s = _order_state(say, order, session, now)
    paid = order.paid_at is not None
    note, failed = _note(say, order, session)
    return UseView(
        key=order.intent_id,
        at=order.paid_at or order.at,
        clock=clock(order.paid_at or order.at),
        room=order.room,
        appliance=order.appliance,
        package=order.package,
        amount=figures.money(order.amount_minor, order.currency),
        payer=say(PROVIDERS.get(order.provider, order.provider)),
        confirmed="" if order.paid_at is None else clock(order.paid_at),
        word=word,
        kind=kind,
        note=note,
        left_s=left_s,
        paid=paid,
        fault=failed,
    )


def _order_state(
    say: Say, order: OrderRow, session: SessionRow | None, now: datetime
) -> tuple[str, Kind, int | None]:
    if session is not None:
        return _session_state(say, session, now)
    if order.paid_at is None:
        return say(marked("Waiting for payment")), Kind.PLAIN, None
    if order.decided_at is None or order.session_id is not None:
        return say(marked("Paid, starting")), Kind.RUN, None
    return say(marked("Did not start")), Kind.BAD, None


def _note(say: Say, order: OrderRow, session: SessionRow | None) -> tuple[str, bool]:
    """What happens to money on its way back, and whether somebody may come to the desk about it."""
    notes = []
    failed = order.paid_at is not None and order.decided_at is not None and order.session_id is None
    if session is not None and session.state in (State.SETTLED, State.RELEASED) and _is_cut_short(session):
        failed = True
        notes.append(say(marked("It stopped by itself.")))
    if order.refund_stuck:
        failed = True
        notes.append(say(marked("The refund needs a person: see the console.")))
    elif order.refunding_minor:
        amount = figures.money(order.refunding_minor, order.currency)
        notes.append(say(marked("%(amount)s is on its way back."), amount=amount))
    if order.refunded_minor:
        amount = figures.money(order.refunded_minor, order.currency)
        notes.append(say(marked("%(amount)s was refunded."), amount=amount))
    return " ".join(notes), failed


def _is_cut_short(session: SessionRow) -> bool:
    return session.state is State.RELEASED or session.stop_reason in _CUT_SHORT


def _session(say: Say, session: SessionRow, now: datetime, clock: Callable[[datetime], str]) -> UseView:
    word, kind, left_s = _session_state(say, session, now)
    minor = session.hold_minor if session.captured_minor is None else session.captured_minor
    return UseView(
        key=session.session_id,
        at=session.at,
        clock=clock(session.at),
        room=session.room,
        appliance=session.appliance,
        package="",
        amount="" if session.captured_minor is None else figures.money(minor, session.currency),
        # A guest's use that began before midnight: its payment is yesterday's.
        payer=say(marked("Balance")) if session.intent_id is None else "",
        confirmed="",
        word=word,
        kind=kind,
        note="",
        left_s=left_s,
        paid=True,
        fault=session.state is State.SETTLED and _is_cut_short(session),
    )


def _session_state(say: Say, session: SessionRow, now: datetime) -> tuple[str, Kind, int | None]:
    match session.state:
        case State.AUTHORIZED | State.UNKNOWN:
            return say(marked("Paid, starting")), Kind.RUN, None
        case State.PROMISED:
            return say(marked("Code not used yet")), Kind.PLAIN, None
        case State.RUNNING if session.stop_asked:
            return say(marked("Stopping")), Kind.RUN, None
        case State.RUNNING:
            return say(marked("Under way")), Kind.RUN, _left_s(session, now)
        case State.STOPPING:
            return say(marked("Stopping")), Kind.RUN, None
        case State.SETTLED if _is_cut_short(session):
            return say(marked("Broke off")), Kind.WARN, None
        case State.SETTLED | State.LATE:
            return say(marked("Finished")), Kind.PLAIN, None
        case State.RELEASED if session.stop_reason == BURNT:
            return say(marked("Code not used")), Kind.PLAIN, None
        case State.RELEASED:
            return say(marked("Did not start")), Kind.BAD, None


def _left_s(session: SessionRow, now: datetime) -> int | None:
    limit_s = msgspec.json.decode(session.limits, type=Limits).s
    if session.started_at is None or limit_s > LONGEST_S:
        return None
    return max(0, (session.started_at + timedelta(seconds=limit_s) - now) // timedelta(seconds=1))


def _appliances(say: Say, rows: Iterable[ApplianceRow]) -> list[ApplianceView]:
    found = []
    for row in rows:
        word, kind = _standing(say, row)
        found.append(
            ApplianceView(
                key=row.appliance_id,
                room=row.room,
                name=row.name,
                word=word,
                kind=kind,
                fault=row.faulty and not row.closed,
            )
        )
    # What needs somebody comes first, then by room as people count: 9 before 10.
    order = {Kind.BAD: 0, Kind.WARN: 1, Kind.RUN: 2, Kind.PLAIN: 3}
    found.sort(key=lambda each: (order[each.kind], len(each.room), each.room, each.name))
    return found


def _standing(say: Say, row: ApplianceRow) -> tuple[str, Kind]:
    if row.closed:
        return say(marked("Taken out of service")), Kind.WARN
    if row.faulty:
        return say(marked("Out of order")), Kind.BAD
    if row.running:
        return say(marked("In use")), Kind.RUN
    if not row.online:
        return say(marked("Offline")), Kind.BAD
    return say(marked("Free")) if row.priced else say(marked("Has no price")), Kind.PLAIN


def _clock(timezone: str) -> Callable[[datetime], str]:
    zone = ZoneInfo(timezone)
    return lambda at: f"{at.astimezone(zone):%H:%M:%S}"
