"""Webhooks in the console: endpoints, what became of each message, and sending one again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.response import Response
from msgspec import Struct

from coinslot.fleet.store import list_sites
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.web.pages.languages import marked
from coinslot.web.problems import Problem
from coinslot.webhooks import deliveries, endpoints
from coinslot.webhooks.model import Attempt, Delivery, DeliveryState, Endpoint, EventKind

DEAD_SINCE: Final = timedelta(days=1)
"""What the button for all dead messages sends again: older ones one by one, each looked at."""
_LISTED: Final = 100
_BODY_SHOWN: Final = 8000
KINDS: Final = {
    EventKind.SESSION_SETTLED: marked("Use settled"),
    EventKind.PAYMENT_RECEIVED: marked("Payment received"),
    EventKind.REFUND_DONE: marked("Refund done"),
    EventKind.TEST: marked("Test"),
}
STATES: Final = {
    DeliveryState.WAITING: (marked("Waiting"), "warn"),
    DeliveryState.DELIVERED: (marked("Delivered"), ""),
    DeliveryState.DEAD: (marked("Given up"), "bad"),
}


class EndpointLine(Struct, frozen=True, kw_only=True):
    """An endpoint in the list."""

    id: str
    name: str
    url: str
    site: str
    kinds: str
    off: str
    """Why it is switched off; empty while it is on."""
    counts: dict[str, int]


class DeliveryLine(Struct, frozen=True, kw_only=True):
    """A message in the list."""

    path: str
    at: str
    kind: str
    about: str
    endpoint: str
    word: str
    colour: str
    tries: int
    next: str
    error: str


class AttemptLine(Struct, frozen=True, kw_only=True):
    """One try."""

    number: int
    at: str
    status: str
    took_ms: int | None
    error: str
    answer: str


@get("/console/messages")
async def messages_page(
    staffed: StaffedOf,
    chosen: Annotated[str, QueryParameter(name="state")] = "",
    at: Annotated[str, QueryParameter(name="endpoint")] = "",
) -> Response[bytes]:
    """Endpoints with their counts, and the newest messages, by state where one is chosen."""
    state = next((each for each in DeliveryState if each.value == chosen), None)
    async with staffed.pool.acquire() as connection:
        known = await endpoints.list_endpoints(connection, staffed.operator)
        sites: dict[str, str] = {
            each.site_id: each.name for each in await list_sites(connection, staffed.operator)
        }
        counts = await deliveries.count_deliveries(connection, staffed.operator)
        found = await deliveries.list_deliveries(
            connection, staffed.operator, endpoint_id=at or None, state=state, limit=_LISTED
        )
    names = {each.endpoint_id: each.name for each in known}
    return staffed.show(
        "console/messages.html",
        endpoints=[
            _endpoint(
                staffed,
                each,
                sites.get(each.site_id or ""),
                {s.value: counts.get((each.endpoint_id, s), 0) for s in DeliveryState},
            )
            for each in known
        ],
        lines=[_delivery(staffed, each, names) for each in found],
        states=[(each.value, staffed.say(STATES[each][0])) for each in DeliveryState],
        chosen=state.value if state else "",
        at=at if at in names else "",
        most=_LISTED,
        may_act=staffed.may("POST", "/console/messages/{endpoint_id}/replay-dead"),
    )


@get("/console/messages/{endpoint_id:str}/{event_id:str}")
async def message_page(
    staffed: StaffedOf, endpoint_id: FromPath[str], event_id: FromPath[str]
) -> Response[bytes]:
    """One message to one endpoint, with its tries and what is sent."""
    async with staffed.pool.acquire() as connection:
        found, attempts, body = await deliveries.find_delivery(
            connection, staffed.operator, endpoint_id, event_id
        )
        known = {
            each.endpoint_id: each.name
            for each in await endpoints.list_endpoints(connection, staffed.operator)
        }
    return staffed.show(
        "console/message.html",
        line=_delivery(staffed, found, known),
        event_id=event_id,
        endpoint_id=endpoint_id,
        attempts=[_attempt(staffed, each) for each in attempts],
        body="" if body is None else msgspec.json.format(body, indent=2).decode()[:_BODY_SHOWN],
        may_act=endpoint_id in known
        and staffed.may("POST", "/console/messages/{endpoint_id}/{event_id}/replay"),
    )


@post("/console/messages/{endpoint_id:str}/{event_id:str}/replay")
async def replay_one(
    staffed: StaffedOf, endpoint_id: FromPath[str], event_id: FromPath[str]
) -> Response[bytes]:
    """Send it again: a new try under the same id."""
    await staffed.form()
    async with staffed.pool.acquire() as connection:
        endpoint = await endpoints.find_endpoint(connection, staffed.operator, endpoint_id)
        if not await deliveries.replay(connection, endpoint, event_id, by=staffed.by):
            raise _is_off()
    return staffed.go(f"/console/messages/{endpoint.endpoint_id}/{event_id}")


@post("/console/messages/{endpoint_id:str}/replay-dead")
async def replay_dead(staffed: StaffedOf, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Send again all that were given up since a day ago."""
    await staffed.form()
    async with staffed.pool.acquire() as connection:
        endpoint = await endpoints.find_endpoint(connection, staffed.operator, endpoint_id)
        if endpoint.off_since is not None:
            raise _is_off()
        await deliveries.replay_dead(connection, endpoint, datetime.now(UTC) - DEAD_SINCE, by=staffed.by)
    return staffed.go(f"/console/messages?endpoint={endpoint.endpoint_id}")


@post("/console/messages/{endpoint_id:str}/test")
async def send_test(staffed: StaffedOf, endpoint_id: FromPath[str]) -> Response[bytes]:
    """A test message, and what becomes of it."""
    await staffed.form()
    async with staffed.pool.acquire() as connection:
        endpoint = await endpoints.find_endpoint(connection, staffed.operator, endpoint_id)
        if endpoint.off_since is not None:
            raise _is_off()
        event_id = await deliveries.queue_test(connection, endpoint, by=staffed.by)
    return staffed.go(f"/console/messages/{endpoint.endpoint_id}/{event_id}")


@post("/console/messages/{endpoint_id:str}/switch")
async def switch(staffed: StaffedOf, endpoint_id: FromPath[str]) -> Response[bytes]:
    """Switch an endpoint on or off; pressed twice it stays as it is."""
    wanted = (await staffed.form()).text("to")
    async with staffed.pool.acquire() as connection:
        endpoint = await endpoints.find_endpoint(connection, staffed.operator, endpoint_id)
        at = (connection, staffed.operator, endpoint.endpoint_id)
        if wanted == "on" and endpoint.off_since is not None:
            await endpoints.switch_on(*at, by=staffed.by)
        elif wanted == "off":
            await endpoints.switch_off(*at, why="by hand", by=staffed.by)
    return staffed.go("/console/messages")


def _is_off() -> Problem:
    return Problem(
        409,
        "endpoint_off",
        marked("This endpoint is switched off"),
        marked("Nothing was sent. Switch it on first, then send again what it has missed."),
    )


def _endpoint(staffed: Staffed, each: Endpoint, site: str | None, counts: dict[str, int]) -> EndpointLine:
    return EndpointLine(
        id=each.endpoint_id,
        name=each.name,
        url=each.url,
        site=site or "",
        kinds=" · ".join(staffed.say(KINDS[kind]) for kind in each.kinds),
        off="" if each.off_since is None else each.off_why,
        counts=counts,
    )


def _delivery(staffed: Staffed, each: Delivery, names: dict[str, str]) -> DeliveryLine:
    word, colour = STATES[each.state]
    return DeliveryLine(
        path=f"/console/messages/{each.endpoint_id}/{each.event_id}",
        at=staffed.moment(each.made_at),
        kind=staffed.say(KINDS[each.kind]),
        about=each.about,
        endpoint=names.get(each.endpoint_id, each.endpoint_id),
        word=staffed.say(word),
        colour=colour,
        tries=each.tries,
        next=staffed.moment(each.next_at),
        error=each.error,
    )


def _attempt(staffed: Staffed, each: Attempt) -> AttemptLine:
    error = each.error or (
        "" if each.took_ms is not None else staffed.say(marked("No outcome is known (yet)."))
    )
    return AttemptLine(
        number=each.attempt,
        at=staffed.moment(each.at),
        status="" if each.status is None else str(each.status),
        took_ms=each.took_ms,
        error=error,
        answer=each.answer,
    )


MESSAGES: Final[list[HTTPRouteHandler]] = [
    messages_page,
    message_page,
    replay_one,
    replay_dead,
    send_test,
    switch,
]
