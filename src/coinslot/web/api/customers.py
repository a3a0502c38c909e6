"""Customers, as far as programs need them to start sessions: what is on the wallet."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from litestar.types import Guard

from coinslot.web import reading
from coinslot.web.api.documents import problem_answers
from coinslot.web.problems import not_found
from coinslot.web.request import ApiRequest
from coinslot.web.services import Services


@get(
    "/customers/{customer_id:str}/balance",
    summary="Read a balance",
    description="Principal and bonus can be spent; what sessions hold is apart, and so is what is owed.",
    responses=problem_answers(401, 404),
)
async def show_balance(
    request: ApiRequest,
    customer_id: FromPath[str],
    services: NamedDependency[SkipValidation[Services]],
) -> reading.Balance:
    """Read a balance."""
    found = await reading.find_balance(services.pool, request.user, customer_id)
    if found is None:
        raise not_found()
    return found


def customer_routes(guards: Sequence[Guard]) -> Router:
    """The routes of this module, behind `guards`."""
    return Router(
        "/", route_handlers=[show_balance], guards=guards, tags=["Customers"], security=[{"key": []}]
    )
