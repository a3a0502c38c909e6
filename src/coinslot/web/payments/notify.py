"""`/notify/{provider}/{merchant}`: what providers tell us, over an address that anybody may call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from litestar import Request, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import InternalServerException
from litestar.params import FromPath, SkipValidation
from litestar.response import Response

from coinslot.engines.connect import UNANSWERED
from coinslot.payments.model import Merchant
from coinslot.payments.port import Headers, HttpReply, Outcome, Provider
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.inbox import take_notification
from coinslot.web.metrics import Metrics
from coinslot.web.payments.known import KnownMerchants
from coinslot.web.problems import Problem, not_found, unavailable

log = logging.getLogger(__name__)

MAX_NOTIFICATION_BYTES: Final = 64 * 1024
"""Providers' own are 1 to 4 kB."""
WITHIN_S: Final = 3.5
"""For storing. WeChat Pay counts an answer after 5 s as none; what is left is for the way to us and back."""
_LOOK_S: Final = 1.0
"""For finding the merchant; only the first question after a start takes any time."""
MOST_AT_ONCE: Final = 256
"""Notifications that wait for the database; what comes on top is to be said again. Forged ones never wait."""


class NotifyDoor:
    """One per process: what the route works with."""

    def __init__(
        self,
        payments: PaymentDoor,
        *,
        within_s: float = WITHIN_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._payments = payments
        self._known = KnownMerchants(payments.pool)
        self._within_s = within_s
        self._now = now
        self._under_way: set[asyncio.Task[HttpReply]] = set()

    async def provider_of(self, provider: str, merchant_id: str) -> tuple[Merchant, Provider] | None:
        """Merchant and adapter; None where there is none of that name, with that provider, with keys here.
        TimeoutError, and what a database raises that does not answer."""
        async with asyncio.timeout(_LOOK_S):
            merchant = await self._known.find(provider, merchant_id)
        adapter = None if merchant is None else self._payments.find(merchant)
        return None if merchant is None or adapter is None else (merchant, adapter)

    async def take(self, merchant: Merchant, provider: Provider, headers: Headers, raw: bytes) -> HttpReply:
        """Verify, store, answer. After `within_s` the provider is asked to say it again, while what was begun goes on:
        the same notification twice is one."""
        if len(self._under_way) >= MOST_AT_ONCE:
            return provider.answer(Outcome.AGAIN)
        taking = asyncio.create_task(
            take_notification(
                self._payments.pool, merchant, provider, headers, raw, self._now(), self._payments.nudge
            )
        )
        self._under_way.add(taking)
        taking.add_done_callback(self._taken)
        # Not cancelled: a connection to a database that hangs takes its time to be given up, too.
        await asyncio.wait([taking], timeout=self._within_s)
        if taking.done():
            return taking.result()
        log.warning("a notification for %s is not stored in time", merchant.merchant_id)
        return provider.answer(Outcome.AGAIN)

    def _taken(self, task: asyncio.Task[HttpReply]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a notification could not be taken: %s", type(error).__name__, exc_info=error)


@post(
    "/notify/{provider:str}/{merchant_id:str}",
    status_code=200,
    include_in_schema=False,
    request_max_body_size=MAX_NOTIFICATION_BYTES,
)
async def notify(
    request: Request[object, object, State],
    provider: FromPath[str],
    merchant_id: FromPath[str],
    notify_door: NamedDependency[SkipValidation[NotifyDoor]],
    metrics: NamedDependency[SkipValidation[Metrics | None]],
) -> Response[bytes]:
    """A provider's word. Whoever is no provider of ours learns that there is nothing here."""
    try:
        found = await notify_door.provider_of(provider, merchant_id)
    except UNANSWERED as error:
        log.warning("merchants cannot be looked up: %s", type(error).__name__)
        raise unavailable("unavailable", "The database does not answer; say it again.") from None
    if found is None:
        raise not_found()
    merchant, adapter = found
    reply = await notify_door.take(merchant, adapter, headers_of(request), await _body(request))
    if metrics is not None:
        metrics.notified(merchant.provider, outcome_of(reply))
    return Response(reply.body, status_code=reply.status, media_type=reply.media_type)


def headers_of(request: Request[object, object, State]) -> Headers:
    """Names in lower case. One that stands twice has both values: no signature fits then, whichever was meant."""
    pairs: Iterable[tuple[bytes, bytes]] = request.scope["headers"]
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def outcome_of(reply: HttpReply) -> Outcome:
    """What a provider was told, by the status: every adapter takes with 2xx and refuses with 4xx."""
    if reply.status < 300:
        return Outcome.TAKEN
    return Outcome.REFUSED if reply.status < 500 else Outcome.AGAIN


async def _body(request: Request[object, object, State]) -> bytes:
    try:
        return await request.body()
    except InternalServerException:
        # Gone before it had said everything: nobody hears this, and it is no error of ours.
        raise Problem(400, "cut_off", "Cut off", "The body did not come to its end.") from None
