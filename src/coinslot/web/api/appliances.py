"""Appliances: what there is, how it stands, what it costs now, and where its QR leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.types import Guard
from msgspec.structs import asdict

from coinslot import tariffs
from coinslot.access import stickers
from coinslot.rows import many, one
from coinslot.web.api.bodies import ApplianceList, ApplianceListed, ApplianceView, OutletView
from coinslot.web.api.documents import problem_answers
from coinslot.web.customer.appliances import Appliance, Tap, find_appliance
from coinslot.web.customer.quotes import quotes
from coinslot.web.problems import not_found
from coinslot.web.request import ApiRequest
from coinslot.web.services import Services
from coinslot.web.views import quote_view
from coinslot.wire.ids import ID_PATTERN, is_id

MOST_LISTED = 200

_Services: TypeAlias = NamedDependency[SkipValidation[Services]]

_LIST = """
    SELECT a.code, a.appliance_id AS id, a.name, a.kind, a.room, a.closed, s.name AS site
    FROM appliance a JOIN site s USING (operator_id, site_id)
    WHERE a.operator_id = $1
"""
_PAGE = _LIST + " AND a.code > COALESCE($2, '') ORDER BY a.code LIMIT $3"
_ONE = _LIST + " AND a.code = $2"


@get(
    "/appliances",
    summary="List appliances",
    description="By code. `next` of the answer is `after` of the next page.",
    responses=problem_answers("invalid"),
)
async def list_appliances(
    request: ApiRequest,
    services: _Services,
    after: Annotated[
        str | None, QueryParameter(name="after", pattern=ID_PATTERN, description="Only codes after this one.")
    ] = None,
    limit: Annotated[
        int, QueryParameter(name="limit", ge=1, le=MOST_LISTED, description="At most so many.")
    ] = 50,
) -> ApplianceList:
    """List appliances."""
    rows = await services.pool.fetch(_PAGE, request.user, after, limit)
    found = many(rows, ApplianceListed)
    return ApplianceList(appliances=found, next=found[-1].code if len(found) == limit else None)


@get(
    "/appliances/{code:str}",
    summary="Look at an appliance",
    description="Each outlet, whether it can be started now, and what it would promise somebody who starts now.",
    responses=problem_answers("not_found"),
)
async def show_appliance(request: ApiRequest, code: FromPath[str], services: _Services) -> ApplianceView:
    """Look at an appliance."""
    if not is_id(code):
        raise not_found()
    token = stickers.sign(services.keyring, code)
    outlets: list[OutletView] = []
    async with services.pool.acquire() as connection:
        row = await connection.fetchrow(_ONE, request.user, code)
        if row is None:
            raise not_found()
        # None: nothing drives it, or nothing does any more.
        found = await find_appliance(connection, services.keyring, token)
        if found is not None:
            promised = await quotes(connection, found, None)
            outlets = [_outlet(found, tap, promised.get(tap.choice)) for tap in found.taps]
    base = services.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
    return ApplianceView(**asdict(one(row, ApplianceListed)), url=f"{base}/m/{token}", outlets=outlets)


def _outlet(found: Appliance, tap: Tap, quote: tariffs.Quote | None) -> OutletView:
    return OutletView(
        terminal=tap.terminal,
        outlet=tap.outlet,
        name=tap.name,
        state=found.standing(tap, None),
        session=None if tap.use is None else tap.use.session,
        hold_minor=None if quote is None else quote.hold_minor,
        minimum_start_minor=None if quote is None else quote.minimum_start_minor,
        quote=None if quote is None else quote_view(quote),
    )


def appliance_routes(guards: Sequence[Guard]) -> Router:
    """The routes of this module, behind `guards`."""
    return Router(
        "/",
        route_handlers=[list_appliances, show_appliance],
        guards=guards,
        tags=["Appliances"],
        security=[{"key": []}],
    )
