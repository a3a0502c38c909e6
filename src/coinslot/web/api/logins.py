"""Logging customers in by phone and code, for an operator's own app: it asks here and keeps its own sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, SkipValidation
from litestar.response import Response
from litestar.types import Guard

from coinslot.audit import Connection
from coinslot.fields import FieldError
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
from coinslot.web.api.documents import problem_answers
from coinslot.web.problems import Problem, invalid, unavailable
from coinslot.web.request import ApiRequest
from coinslot.web.services import Services

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
    responses=problem_answers(400, 401, 413, 422, 429, 503),
)
async def send_code(
    request: ApiRequest, data: JSONBody[CodeBody], services: _Services
) -> Response[CodeAsked]:
    """Send a login code."""
    async with services.pool.acquire() as connection:
        try:
            asked = await ask_code(
                connection, services.keyring, request.user, phone=data.phone, source=data.address
            )
        except FieldError as error:
            raise invalid(error.field, error.reason) from None
        except TooManyCodes as error:
            raise Problem(
                429,
                "too_many_codes",
                "Too many codes",
                f"Another can be sent from {error.again_at:%Y-%m-%dT%H:%M:%SZ} on.",
            ) from None
        name = (await find_operator(connection, request.user)).name
    notice = LoginCodeNotice(
        operator_name=name, code=asked.code, minutes=int(CODE_LIFE.total_seconds() // 60)
    )
    try:
        await services.notifier.send(Recipient(phone=asked.phone, language=data.language), notice)
    except NotSent as error:
        raise unavailable("not_sent", f"The code could not be sent: {error.reason}") from None
    return Response(
        CodeAsked(login_code=asked.login_code_id, expires_at=asked.expires_at, again_at=asked.again_at),
        status_code=202,
    )


@post(
    "/logins",
    opt={"body": LoginBody},
    status_code=200,
    summary="Log in with a code",
    description=(
        "A number that is new becomes a customer. 409 `still_yours`: nobody proved this number for long, and the"
        " wallet behind it may be an earlier owner's; go on with `proof`."
    ),
    responses=problem_answers(400, 401, 403, 409, 410, 413, 422),
)
async def log_in(request: ApiRequest, data: JSONBody[LoginBody], services: _Services) -> LoginAnswer:
    """Log in with a code."""
    async with services.pool.acquire() as connection:
        try:
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
        except FieldError as error:
            raise invalid(error.field, error.reason) from None
        return await _answer(connection, tried)


@post(
    "/logins/still-mine",
    opt={"body": StillMineBody},
    status_code=200,
    summary="Prove that a number is still one's own",
    description="With the last four characters of the ID number on the approved real name.",
    responses=problem_answers(400, 401, 403, 410, 413, 422),
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
    responses=problem_answers(400, 401, 410, 413, 422),
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
            raise Problem(
                409,
                "still_yours",
                "Is this number still theirs?",
                "Nobody proved it for long. Ask for the end of the ID number, or begin anew; `proof` goes with both.",
                proof=tried.proof,
            )
        case WrongCode() | WrongTail():
            raise Problem(403, "wrong_code", "Not the right one", f"{tried.tries_left} more tries are left.")
        case CodeOver():
            raise Problem(410, "code_over", "This code is over", "Ask for a new one.")


def login_routes(guards: Sequence[Guard]) -> Router:
    """The routes of this module, behind `guards`."""
    return Router(
        "/",
        route_handlers=[send_code, log_in, still_mine, anew],
        guards=guards,
        tags=["Logins"],
        security=[{"key": []}],
    )
