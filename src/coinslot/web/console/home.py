"""The console's first page: what waits for somebody."""

from __future__ import annotations

from typing import NamedTuple

from litestar import get
from litestar.response import Response

from coinslot.settlement.alarms import count_alarms
from coinslot.settlement.payments.refund_requests import open_requests
from coinslot.settlement.payments.suspense import list_suspense
from coinslot.web.console.reviews import open_reviews
from coinslot.web.console.staffed import Staffed, StaffedOf


class Waiting(NamedTuple):
    """Something that somebody has to do."""

    name: str
    things: int
    path: str
    kind: str


@get("/console")
async def home(staffed: StaffedOf) -> Response[bytes]:
    """What waits for this role."""
    return staffed.show("console/home.html", waiting=[one for one in await _waiting(staffed) if one.things])


async def _waiting(staffed: Staffed) -> list[Waiting]:
    waiting = []
    if staffed.may("GET", "/console/alarms"):
        alarms = await count_alarms(staffed.pool, staffed.operator)
        waiting.append(Waiting(staffed.say("Alarms"), alarms, "/console/alarms", "bad"))
    if staffed.may("GET", "/console/refunds"):
        requests = await open_requests(staffed.pool, staffed.operator)
        name = staffed.say("Refunds wait for a second person")
        waiting.append(Waiting(name, len(requests), "/console/refunds", "warn"))
    if staffed.may("GET", "/console/reviews"):
        reviews = await open_reviews(staffed)
        waiting.append(Waiting(staffed.say("Payments to look at"), len(reviews), "/console/reviews", "bad"))
        suspense = await list_suspense(staffed.pool, staffed.operator)
        name = staffed.say("Payments that nobody had asked for")
        waiting.append(Waiting(name, len(suspense), "/console/reviews", "warn"))
    return waiting
