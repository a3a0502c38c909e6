"""Terminals: a new one trades its claim code for an identity."""

from __future__ import annotations

from typing import Final

from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, SkipValidation

from coinslot.fleet.provisioning import ClaimError, claim
from coinslot.fleet.releases import keys_in_force
from coinslot.web.api.bodies import ClaimAnswer, ClaimBody
from coinslot.web.api.documents import BODY, problem_answers
from coinslot.web.api.refusals import no_such_code, too_many_tries
from coinslot.web.request import ApiRequest
from coinslot.web.services import Services
from coinslot.web.throttle import Throttle

# A code has 60 random bits, so this is no defence of the code but of the database. A technician behind one
# address claims a whole building; only what fails counts.
BURST: Final = 10
EVERY_S: Final = 6.0
ALL_BURST: Final = 100
ALL_EVERY_S: Final = 0.6


def claim_throttle() -> Throttle:
    """The limits on wrong claim codes of one server process."""
    return Throttle(burst=BURST, every_s=EVERY_S, all_burst=ALL_BURST, all_every_s=ALL_EVERY_S)


@post(
    "/terminals/claim",
    opt={"body": ClaimBody},
    status_code=200,
    summary="Claim a terminal",
    description="Trades a one-time code for the terminal's id and secret, which are told this once.",
    responses=problem_answers(*BODY, "no_such_code", "too_many_tries", keyed=False),
)
async def claim_terminal(
    request: ApiRequest,
    data: JSONBody[ClaimBody],
    services: NamedDependency[SkipValidation[Services]],
    throttle: NamedDependency[SkipValidation[Throttle]],
) -> ClaimAnswer:
    """Claim a terminal."""
    address = request.client.host if request.client is not None else ""
    wait_s = throttle.wait_s(address)
    if wait_s:
        raise too_many_tries(wait_s)
    try:
        async with services.pool.acquire() as connection:
            claimed = await claim(connection, data.code)
            keys = await keys_in_force(connection, claimed.operator_id)
    except ClaimError:
        throttle.failed(address)
        raise no_such_code() from None
    door = services.door
    return ClaimAnswer(
        terminal_id=claimed.terminal_id,
        secret=claimed.secret,
        mqtt_host=door.mqtt_host or request.url.hostname or "127.0.0.1",
        mqtt_port=door.mqtt_port,
        tls=door.tls,
        ca=door.ca,
        operator_id=claimed.operator_id,
        update_keys=keys,
    )


def terminal_routes() -> Router:
    """The routes of this module; the code is all that is asked of the caller."""
    return Router("/", route_handlers=[claim_terminal], tags=["Terminals"])
