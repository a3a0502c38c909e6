"""What waits for the visitor: a code that was not typed yet, a use that runs. Shown first wherever they arrive."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct

from coinslot.sessions.states import State
from coinslot.settlement.codes.issuing import live_codes
from coinslot.web.customer import own
from coinslot.web.customer.code_text import Phase, phase_of
from coinslot.web.pages.page import Page
from coinslot.wire.ids import OperatorId


class Kind(StrEnum):
    """What it is."""

    USE = "use"
    """Water runs, or is about to."""
    CODE = "code"
    """A code of one's own can be typed."""
    FRIEND = "friend"
    """A friend's can."""
    OFFLINE = "offline"
    """Money is held for a code that works without a link."""


class Waiting(Struct, frozen=True, kw_only=True):
    """One of them, and where its page is."""

    kind: Kind
    operator: OperatorId
    path: str


async def find_waiting(page: Page) -> list[Waiting]:
    """Everything that waits, what runs first."""
    if not page.logins:
        return []
    found = await own.past_sessions(page.services.pool, page.logins, before=None, limit=own.PER_PAGE)
    waiting = [
        Waiting(kind=Kind.USE, operator=past.operator_id, path=f"/s/{past.session_id}")
        for past in found
        if past.live and past.state is not State.PROMISED
    ]
    waiting += await find_codes(page)
    return waiting + [
        Waiting(kind=Kind.OFFLINE, operator=past.operator_id, path=f"/offline/{past.session_id}")
        for past in found
        if past.state is State.PROMISED
    ]


async def find_codes(page: Page) -> list[Waiting]:
    """The codes that can be typed now, one's own before a friend's."""
    now, waiting = datetime.now(UTC), []
    for login in page.logins:
        codes = await live_codes(
            page.services.pool, page.services.keyring, operator=login.operator_id, customer=login.customer_id
        )
        waiting += [
            Waiting(
                kind=Kind.FRIEND if code.for_friend else Kind.CODE,
                operator=login.operator_id,
                path=f"/code/{code.code_id}",
            )
            for code in codes
            if phase_of(code, now) is Phase.LIVE
        ]
    return sorted(waiting, key=lambda one: one.kind is Kind.FRIEND)
