"""Real names: handed in by an operator's own program, judged like those from the pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation
from litestar.types import Guard

from coinslot.people.real_names import RealName, find_real_name, submit
from coinslot.people.vault import Erased
from coinslot.web.api.bodies import RealNameBody
from coinslot.web.api.customers import BY, own_customer
from coinslot.web.api.documents import BODY, problem_answers
from coinslot.web.api.refusals import busy_pictures, erased
from coinslot.web.problems import not_found
from coinslot.web.request import ApiRequest
from coinslot.web.services import Services

MAX_BODY_BYTES: Final = 12 * 1024 * 1024
"""A picture of 8 MiB in base64, and room for the rest."""
AT_ONCE: Final = 2
"""Pictures looked at in one moment; each takes up to a second and a connection to the database."""
WAITING: Final = 6
"""Requests that wait for their turn, each with its picture in memory; more are sent away."""

_Services: TypeAlias = NamedDependency[SkipValidation[Services]]


class Pictures:
    """Few at a time, or nobody else would have a connection or memory."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._here = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """One picture's turn. Problem 503 when too many wait already."""
        if self._here >= AT_ONCE + WAITING:
            raise busy_pictures()
        self._here += 1
        try:
            async with self._turn:
                yield
        finally:
            self._here -= 1


@get(
    "/customers/{customer_id:str}/real-name",
    summary="How a real name stands",
    description="Whether one waits, is approved or was rejected, and why. The name itself is not told.",
    responses=problem_answers("not_found"),
)
async def show_real_name(request: ApiRequest, customer_id: FromPath[str], services: _Services) -> RealName:
    """How a real name stands."""
    async with services.pool.acquire() as connection:
        customer = await own_customer(connection, request.user, customer_id)
        found = await find_real_name(connection, request.user, customer.customer_id)
    if found is None:
        raise not_found()
    return found


@post(
    "/customers/{customer_id:str}/real-name",
    opt={"body": RealNameBody},
    request_max_body_size=MAX_BODY_BYTES,
    summary="Hand in a real name",
    description=(
        "Name, ID number (GB 11643) and a picture of the card. While one waits or is approved, that one is the"
        " answer: sending it twice changes nothing. All that is wrong is named at once."
    ),
    responses=problem_answers(*BODY, "not_found", "erased", "busy_pictures"),
)
async def hand_in_real_name(
    request: ApiRequest,
    customer_id: FromPath[str],
    data: JSONBody[RealNameBody],
    services: _Services,
    pictures: NamedDependency[SkipValidation[Pictures]],
) -> RealName:
    """Hand in a real name."""
    async with pictures.one(), services.pool.acquire() as connection:
        customer = await own_customer(connection, request.user, customer_id)
        try:
            return await submit(
                connection,
                services.keyring,
                request.user,
                customer.customer_id,
                name=data.name,
                id_number=data.id_number,
                picture=data.picture,
                by=BY,
            )
        except Erased:
            raise erased() from None


def real_name_routes(guards: Sequence[Guard]) -> Router:
    """The routes of this module, behind `guards`."""
    return Router(
        "/",
        route_handlers=[show_real_name, hand_in_real_name],
        guards=guards,
        tags=["Customers"],
        security=[{"key": []}],
    )
