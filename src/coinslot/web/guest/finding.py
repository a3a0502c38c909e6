"""The payment behind an address, with everything that became of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from litestar.response import Response
from msgspec import Struct

from coinslot.access import receipts
from coinslot.payments.model import Attempt, Intent, Refund
from coinslot.payments.standing import Stand, Standing, stand
from coinslot.rows import many, one
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.payments.direct_rows import DirectOrder, Outcome, order_of_intent
from coinslot.settlement.payments.rows import REFUND_COLUMNS, attempts_of, find_intent
from coinslot.settlement.rows import SESSION_COLUMNS, session_of
from coinslot.web.customer.own import Own, Place
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import unknown_page
from coinslot.wire.ids import OperatorId

# Every code is made with its first attempt, and those are found by their intent alone.
_OPERATOR: Final = "SELECT operator_id FROM payment_attempt WHERE intent_id = $1 LIMIT 1"
_SESSION: Final = f"SELECT {SESSION_COLUMNS} FROM session s WHERE s.intent_id = $2 AND s.operator_id = $1"
_DECIDED: Final = (
    "SELECT true FROM payment_start WHERE operator_id = $1 AND intent_id = $2 AND session_id IS NULL"
)
# What no provider would carry was handed over by a person once its entry is there: see settlement/payments/by_hand.py.
_REFUNDS: Final = f"""
    SELECT {REFUND_COLUMNS}, CASE WHEN r.state = 'closed' THEN (SELECT e.posted_at FROM ledger_entry e
        WHERE e.operator_id = r.operator_id AND e.key = 'refund:' || r.number || ':done') END AS handed_at
    FROM refund r WHERE r.operator_id = $1 AND r.attempt_number = ANY($2::text[]) ORDER BY r.requested_at, r.number
"""
_PLACE: Final = """
    SELECT a.name AS appliance, a.code, a.kind, a.room, y.name AS site, y.timezone, o.name AS operator, o.help_phone,
           coalesce(u.name, '') AS outlet, coalesce(u.several, false) AS several
    FROM appliance a
    JOIN site y ON y.operator_id = a.operator_id AND y.site_id = a.site_id
    JOIN operator o ON o.operator_id = a.operator_id
    CROSS JOIN LATERAL (SELECT min(x.name) FILTER (WHERE x.terminal_id = $3 AND x.outlet = $4) AS name,
                               count(*) > 1 AS several
        FROM outlet x WHERE x.operator_id = a.operator_id AND x.appliance_id = a.appliance_id) u
    WHERE a.operator_id = $1 AND a.appliance_id = $2
"""


class Stage(StrEnum):
    """What the page is about."""

    WAITING = "waiting"
    """The code can be paid."""
    ENDING = "ending"
    """Its time is over, or something else was chosen; its provider has not yet confirmed that nobody paid."""
    EXPIRED = "expired"
    """Nobody paid it in time."""
    REVIEW = "review"
    """The provider says what does not agree."""
    STARTING = "starting"
    """Paid; the start is decided in a moment."""
    LIVE = "live"
    """A session is under way."""
    FINISHED = "finished"
    """It was used, and the bill is there."""
    NOT_STARTED = "not_started"
    """It was paid, nothing was used, and all of it goes back."""


class Where(Place, frozen=True, kw_only=True):
    """The appliance, and the room that it belongs to; empty where it belongs to none."""

    room: str


class GuestRefund(Refund, frozen=True, kw_only=True):
    """Money on its way back."""

    handed_at: datetime | None
    """When a person gave it, where the provider would not."""


class Guest(Struct, frozen=True, kw_only=True):
    """One payment."""

    token: str
    intent: Intent
    order: DirectOrder
    stand: Stand
    session: Session | None
    given_up: bool
    """It was decided that no session follows."""
    refunds: tuple[GuestRefund, ...]
    place: Where

    @property
    def path(self) -> str:
        """Of its page."""
        return f"/b/{self.token}"

    @property
    def operator(self) -> OperatorId:
        """Whose it is."""
        return self.intent.operator_id

    @property
    def paid_by(self) -> Attempt | None:
        """The try that paid it."""
        return self.stand.attempt if self.stand.standing is Standing.PAID else None

    @property
    def stage(self) -> Stage:
        """What the page is about."""
        return stage_of(self.stand, self.order.outcome, self.session, given_up=self.given_up)

    @property
    def number(self) -> str:
        """What to name when calling: the bill's, or before there is one the payment's."""
        return self.intent.intent_id if self.session is None else self.session.id

    @property
    def own(self) -> Own:
        """As the pages of customers know it; only where there is a session."""
        assert self.session is not None
        return Own(self.session, self.place)


def stage_of(standing: Stand, outcome: Outcome | None, session: Session | None, *, given_up: bool) -> Stage:
    """The stage of a payment that stands so. Pure."""
    if session is not None:
        if session.live:
            return Stage.LIVE
        # Used after all that had been given back: a guest owes nothing.
        return Stage.FINISHED if session.state is State.SETTLED else Stage.NOT_STARTED
    if given_up:
        return Stage.NOT_STARTED
    match standing.standing:
        case Standing.PAID:
            return Stage.STARTING
        case Standing.REVIEW:
            return Stage.REVIEW
        case Standing.EXPIRED:
            return Stage.EXPIRED
        case Standing.ENDING:
            return Stage.ENDING
        case Standing.CHOOSING:
            return Stage.EXPIRED
        case Standing.MAKING | Standing.WAITING:
            return Stage.WAITING if outcome is None else Stage.ENDING


async def find_guest(page: Page, token: str) -> Guest | None:
    """The payment of an address of ours; None for any other text whatever."""
    intent_id = receipts.read(page.services.keyring, token)
    if intent_id is None:
        return None
    pool = page.services.pool
    operator = await pool.fetchval(_OPERATOR, intent_id)
    if operator is None:
        return None
    order = await order_of_intent(pool, operator, intent_id)
    intent = await find_intent(pool, operator, intent_id)
    if order is None or intent is None:
        return None
    # What follows from a payment is read before the payment itself would be old: a session without it is never seen.
    attempts = await attempts_of(pool, intent)
    now: datetime = await pool.fetchval("SELECT clock_timestamp()")
    row = await pool.fetchrow(_SESSION, operator, intent_id)
    session = None if row is None else session_of(row)
    given_up = session is None and await pool.fetchval(_DECIDED, operator, intent_id) is True
    refunds = await pool.fetch(_REFUNDS, operator, [one.number for one in attempts])
    # Where it took place; of a code that was never used, where it was shown.
    appliance, terminal, outlet = (
        (order.appliance_id, order.terminal_id, order.outlet)
        if session is None
        else (session.appliance, session.terminal, session.outlet)
    )
    place = await pool.fetchrow(_PLACE, operator, appliance, terminal, outlet)
    assert place is not None  # an appliance is never deleted
    return Guest(
        token=token,
        intent=intent,
        order=order,
        stand=stand(intent, attempts, now),
        session=session,
        given_up=given_up,
        refunds=tuple(many(refunds, GuestRefund)),
        place=one(place, Where),
    )


def private(answer: Response[bytes]) -> Response[bytes]:
    """An answer whose address opens a bill: told to nobody, and kept by no search engine."""
    answer.headers.update({"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"})
    return answer


def nothing_here(page: Page) -> Response[bytes]:
    """The one answer to every address that opens nothing."""
    return private(unknown_page(page))
