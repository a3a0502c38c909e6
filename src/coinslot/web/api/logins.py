"""Logging customers in by phone and code, for an operator's own app: it asks here and keeps its own sessions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final, TypeAlias

from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, SkipValidation
from litestar.types import Guard

from coinslot.addresses import source_of
from coinslot.audit import Connection
from coinslot.fleet.store import find_operator
from coinslot.people.login_rules import CODE_LIFE
from coinslot.people.logins import (
    CodeOver,
    LoggedIn,
    StillYours,
    TooManyCodes,
    WrongCode,
    WrongTail,
    ask_code,
    begin_anew,
    log_out,
    prove_still_yours,
    try_code,
)
from coinslot.people.notices import LoginCodeNotice, NotSent, Recipient
from coinslot.web.api.bodies import AnewBody, CodeAsked, CodeBody, LoginAnswer, LoginBody, StillMineBody
from coinslot.web.api.documents import BODY, problem_answers
from coinslot.web.api.refusals import code_over, not_sent, still_yours, too_many_codes, wrong_code, wrong_tail
from coinslot.web.problems import invalid
from coinslot.web.request import ApiRequest
from coinslot.web.services import Services
from coinslot.wire.ids import OperatorId

log = logging.getLogger(__name__)

SEND_S: Final = 15.0
"""A provider that has not answered by then is not waited for: the code may come all the same."""

_Services: TypeAlias = NamedDependency[SkipValidation[Services]]


@post(
    "/login-codes",
    opt={"body": CodeBody},
    status_code=202,
    summary="Send a login code",
    description=(
        "Sends six digits to the phone. Whether the number is known is not told. `address` is where your customer"
        " asks from: limits are kept by it, and by number."
    ),
    responses=problem_answers(*BODY, "too_many_codes", "not_sent"),
)
async def send_code(request: ApiRequest, data: JSONBody[CodeBody], services: _Services) -> CodeAsked:
    """Send a login code."""
    source = _source(request.user, data.address)
    async with services.pool.acquire() as connection:
        try:
            asked = await ask_code(
                connection, services.keyring, request.user, phone=data.phone, source=source
            )
        except TooManyCodes as error:
            raise too_many_codes(error.again_at, datetime.now(UTC)) from None
        name = (await find_operator(connection, request.user)).name
    notice = LoginCodeNotice(
        operator_name=name, code=asked.code, minutes=int(CODE_LIFE.total_seconds() // 60)
    )
    sent = await _send(services, Recipient(phone=asked.phone, language=data.language), notice)
    return CodeAsked(
        login_code=asked.login_code_id, sent=sent, expires_at=asked.expires_at, again_at=asked.again_at
    )


def _source(operator: OperatorId, address: str) -> str:
    """Of this operator alone: the address is its word, and may not use up what another's customers are allowed."""
    try:
        ip_address(address)
    except ValueError:
        raise invalid("address", "must be an IPv4 or IPv6 address, such as 203.0.113.7") from None
    return f"api {operator} {source_of(address)}"


async def _send(services: Services, to: Recipient, notice: LoginCodeNotice) -> bool:
    """Whether it is known to have left. Problem 503 where it cannot until something is put right."""
    try:
        async with asyncio.timeout(SEND_S):
            await services.notifier.send(to, notice)
    except NotSent as error:
        log.warning("a login code was not sent: %s", error.reason)
        if not error.again:
            raise not_sent(error.reason) from None
        return False
    except TimeoutError:
        log.warning("a login code may not have been sent: no answer within %.0f s", SEND_S)
        return False
    return True


@post(
    "/logins",
    opt={"body": LoginBody},
    status_code=200,
    summary="Log in with a code",
    description=(
        "A number that is new becomes a customer. 409 `still_yours`: nobody proved this number for long, and the"
        " wallet behind it may be an earlier owner's; go on with `proof`."
    ),
    responses=problem_answers(*BODY, "wrong_code", "still_yours", "code_over"),
)
async def log_in(request: ApiRequest, data: JSONBody[LoginBody], services: _Services) -> LoginAnswer:
    """Log in with a code."""
    async with services.pool.acquire() as connection:
        tried = await try_code(
            connection,
            services.keyring,
            request.user,
            login_code_id=data.login_code,
            phone=data.phone,
            code=data.code,
            language=data.language,
            token=None,
        )
        return await _answer(connection, tried)


@post(
    "/logins/still-mine",
    opt={"body": StillMineBody},
    status_code=200,
    summary="Prove that a number is still one's own",
    description="With the last four characters of the ID number on the approved real name.",
    responses=problem_answers(*BODY, "wrong_tail", "code_over"),
)
async def still_mine(request: ApiRequest, data: JSONBody[StillMineBody], services: _Services) -> LoginAnswer:
    """Prove that a number is still one's own."""
    async with services.pool.acquire() as connection:
        tried = await prove_still_yours(
            connection,
            services.keyring,
            request.user,
            proof=data.proof,
            id_tail=data.id_tail,
            language=data.language,
            token=None,
        )
        return await _answer(connection, tried)


@post(
    "/logins/anew",
    opt={"body": AnewBody},
    status_code=200,
    summary="Begin anew with a number",
    description="The number goes to a new customer; the earlier one keeps wallet and history, without it.",
    responses=problem_answers(*BODY, "code_over"),
)
async def anew(request: ApiRequest, data: JSONBody[AnewBody], services: _Services) -> LoginAnswer:
    """Begin anew with a number."""
    async with services.pool.acquire() as connection:
        tried = await begin_anew(
            connection, services.keyring, request.user, proof=data.proof, language=data.language, token=None
        )
        return await _answer(connection, tried)


async def _answer(
    connection: Connection, tried: LoggedIn | StillYours | WrongCode | WrongTail | CodeOver
) -> LoginAnswer:
    match tried:
        case LoggedIn():
            # The caller keeps its own sessions: ours for a browser is not wanted.
            await log_out(connection, tried.token)
            return LoginAnswer(customer=tried.customer_id, new=tried.new)
        case StillYours():
            raise still_yours(tried.proof)
        case WrongCode():
            raise wrong_code(tried.tries_left)
        case WrongTail():
            raise wrong_tail(tried.tries_left)
        case CodeOver():
            raise code_over()


def login_routes(guards: Sequence[Guard]) -> Router:
    """The routes of this module, behind `guards`."""
    return Router(
        "/",
        route_handlers=[send_code, log_in, still_mine, anew],
        guards=guards,
        tags=["Logins"],
        security=[{"key": []}],
    )
