"""Codes for keypads: made, looked at, cancelled, for an operator's own app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation
from litestar.response import Response
from litestar.types import Guard

from coinslot.settlement.codes.issuing import cancel, find_any, issue, issue_for_friend
from coinslot.settlement.codes.model import CodeRefusal, CodeRefused, CodeView
from coinslot.settlement.requests import Refusal, Refused
from coinslot.web.api.documents import BODY, problem_answers
from coinslot.web.api.keypad_code_bodies import KeypadCode, KeypadCodeBody
from coinslot.web.api.once import Key
from coinslot.web.api.refusals import already_live, key_conflict, refusal_problem, too_many_live
from coinslot.web.problems import Problem, invalid, not_found
from coinslot.web.reading import Place, place_of_code
from coinslot.web.request import ApiRequest
from coinslot.web.services import Services
from coinslot.wire.ids import CustomerId

_Services: TypeAlias = NamedDependency[SkipValidation[Services]]
_OTHERWISE: Final = {CodeRefusal.NO_SUCH_PLACE: Refusal.NO_SUCH_OUTLET}
_OWN: Final = {CodeRefusal.TOO_MANY_LIVE: too_many_live, CodeRefusal.ALREADY_LIVE: already_live}
_REASONS: Final = tuple(
    (_OTHERWISE.get(reason) or Refusal(reason.value)).value for reason in CodeRefusal if reason not in _OWN
)


@post(
    "/keypad-codes",
    opt={"body": KeypadCodeBody},
    summary="Make a code for a keypad",
    description=(
        "What the customer types at the appliance. Judged as a start would be, and again when it is typed; nothing is"
        " held before that. The same `Idempotency-Key` gives the same code, as it then stands."
    ),
    responses=problem_answers(*BODY, *_REASONS, "too_many_live", "already_live", "key_conflict"),
)
async def make_keypad_code(
    request: ApiRequest, data: JSONBody[KeypadCodeBody], services: _Services, idempotency_key: Key
) -> Response[KeypadCode]:
    """Make a code for a keypad."""
    if data.cap_minor is not None and (data.any_of_room or data.renew or data.outlet is not None):
        raise invalid(
            "cap_minor", "a code to give away is for one appliance; leave out what else is asked for"
        )
    if data.any_of_room and data.outlet is not None:
        raise invalid("outlet", "give `outlet` or `any_of_room`, not both")
    place = await place_of_code(services.pool, request.user, data.appliance)
    if place is None or (data.any_of_room and not place.room):
        raise refusal_problem(Refused(reason=Refusal.NO_SUCH_OUTLET))
    answer = await _make(request, services, data, place, f"api:{idempotency_key}")
    if isinstance(answer, CodeRefused):
        raise _problem(answer)
    if not _is_what_was_asked(answer, data, place):
        raise key_conflict()
    return Response(
        _shown(answer), status_code=201, headers={"Location": f"/api/v1/keypad-codes/{answer.code_id}"}
    )


async def _make(
    request: ApiRequest, services: Services, data: KeypadCodeBody, place: Place, key: str
) -> CodeView | CodeRefused:
    customer = CustomerId(data.customer)
    if data.cap_minor is not None:
        return await issue_for_friend(
            services.pool,
            services.keyring,
            operator=request.user,
            customer=customer,
            appliance=place.appliance,
            cap_minor=data.cap_minor,
            key=key,
        )
    return await issue(
        services.pool,
        services.keyring,
        operator=request.user,
        customer=customer,
        appliance=place.appliance,
        outlet=data.outlet,
        room=place.room if data.any_of_room else None,
        site=place.site if data.any_of_room else None,
        key=key,
        renew=data.renew,
    )


def _is_what_was_asked(code: CodeView, data: KeypadCodeBody, place: Place) -> bool:
    """Whether what an earlier request with this key made is what this one asks for."""
    if code.cap_minor != data.cap_minor or code.site != place.site:
        return False
    if data.any_of_room:
        return code.appliance is None and code.room == place.room
    return code.appliance == place.appliance and data.outlet in (None, code.outlet)


@get(
    "/keypad-codes/{code_id:str}",
    summary="Look at a code for a keypad",
    description="As it stands, for a week. Its digits are there while it can be typed; they may change meanwhile.",
    responses=problem_answers("not_found"),
)
async def show_keypad_code(request: ApiRequest, code_id: FromPath[str], services: _Services) -> KeypadCode:
    """Look at a code for a keypad."""
    found = await find_any(services.pool, services.keyring, operator=request.user, code_id=code_id)
    if found is None:
        raise not_found()
    return _shown(found)


@post(
    "/keypad-codes/{code_id:str}/cancel",
    status_code=200,
    summary="Cancel a code for a keypad",
    description="From then on it opens nothing. Harmless when repeated, and for one that has ended.",
    responses=problem_answers("not_found"),
)
async def cancel_keypad_code(request: ApiRequest, code_id: FromPath[str], services: _Services) -> KeypadCode:
    """Cancel a code for a keypad."""
    found = await find_any(services.pool, services.keyring, operator=request.user, code_id=code_id)
    if found is None:
        raise not_found()
    ended = await cancel(services.pool, operator=request.user, customer=found.customer, code_id=found.code_id)
    if ended is None:
        raise not_found()
    return _shown(ended)


def _shown(code: CodeView) -> KeypadCode:
    return KeypadCode(
        id=code.code_id,
        customer=code.customer,
        digits=code.digits or None,
        scope=code.scope,
        appliance=code.appliance,
        terminal=code.terminal,
        outlet=code.outlet,
        room=code.room,
        cap_minor=code.cap_minor,
        state=code.state,
        session=code.session,
        created_at=code.created_at,
        expires_at=code.expires_at,
    )


def _problem(refused: CodeRefused) -> Problem:
    if refused.reason in _OWN:
        return _OWN[refused.reason]()
    reason = _OTHERWISE.get(refused.reason) or Refusal(refused.reason.value)
    owes = reason is Refusal.ARREARS
    return refusal_problem(
        Refused(
            reason=reason,
            needed_minor=refused.needed_minor,
            balance_minor=None if owes else refused.balance_minor,
            arrears_minor=refused.balance_minor if owes else None,
            again_at=refused.again_at,
        )
    )


def keypad_code_routes(guards: Sequence[Guard]) -> Router:
    """The routes of this module, behind `guards`."""
    return Router(
        "/",
        route_handlers=[make_keypad_code, show_keypad_code, cancel_keypad_code],
        guards=guards,
        tags=["Codes for keypads"],
        security=[{"key": []}],
    )
