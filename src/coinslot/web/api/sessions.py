"""Sessions: start, look, list, stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter, SkipValidation
from litestar.response import Response
from litestar.types import Guard

from coinslot.fields import plain_text
from coinslot.sessions.states import State
from coinslot.settlement.reports import report_bill
from coinslot.settlement.requests import Refusal, Refused, StartRequest
from coinslot.web import reading
from coinslot.web.api.bodies import LiveFigures, ReportAnswer, ReportBody, SessionPage, StartBody
from coinslot.web.api.documents import BODY, problem_answers
from coinslot.web.api.once import Key
from coinslot.web.api.refusals import not_ended, refusal_problem
from coinslot.web.customer.report import Complaint
from coinslot.web.problems import invalid, not_found
from coinslot.web.request import ApiRequest
from coinslot.web.services import Services
from coinslot.web.views import SessionView, view_of
from coinslot.wire.ids import ID_PATTERN, CustomerId, OperatorId, SessionId, TerminalId

MOST_LISTED: Final = 200

_Services: TypeAlias = NamedDependency[SkipValidation[Services]]


@post(
    "/sessions",
    opt={"body": StartBody},
    summary="Start a session",
    description=(
        "Holds the tariff's amount, commits, and sends the start to the terminal. The same `Idempotency-Key` with "
        "the same body gives the same session, as it then stands; with another body it is a conflict. "
        "After a time-out or a 503, send the same request again."
    ),
    responses=problem_answers(*BODY, *(refusal.value for refusal in Refusal)),
)
async def start_session(
    request: ApiRequest, data: JSONBody[StartBody], services: _Services, idempotency_key: Key
) -> Response[SessionView]:
    """Start a session."""
    operator = request.user
    answer = await services.starter.start(
        StartRequest(
            operator=operator,
            customer=CustomerId(data.customer),
            terminal=await _terminal(services, operator, data),
            outlet=data.outlet,
            key=idempotency_key,
        )
    )
    if isinstance(answer, Refused):
        raise refusal_problem(answer)
    return Response(view_of(answer), status_code=201, headers={"Location": f"/api/v1/sessions/{answer.id}"})


async def _terminal(services: Services, operator: OperatorId, body: StartBody) -> TerminalId:
    if body.terminal is not None:
        if body.appliance is not None:
            raise invalid("appliance", "give `terminal` or `appliance`, not both")
        return TerminalId(body.terminal)
    if body.appliance is None:
        raise invalid("terminal", "give `terminal` or `appliance`")
    found = await reading.terminals_of_appliance(services.pool, operator, body.appliance, body.outlet)
    if not found:
        raise refusal_problem(Refused(reason=Refusal.NO_SUCH_OUTLET))
    if len(found) > 1:
        raise invalid("appliance", "several of its terminals have this outlet number; give `terminal`")
    return found[0]


@get(
    "/sessions/{session_id:str}",
    summary="Look at a session",
    description="The session as it stands; with its bill once it has ended.",
    responses=problem_answers("not_found"),
)
async def show_session(request: ApiRequest, session_id: FromPath[str], services: _Services) -> SessionView:
    """Look at a session."""
    found = await reading.find_sold(services.pool, request.user, session_id)
    if found is None:
        raise not_found()
    return view_of(found)


@get(
    "/sessions",
    summary="List sessions",
    description="The newest first. `next` of the answer is `before` of the next page.",
    responses=problem_answers("invalid"),
)
async def list_sessions(
    request: ApiRequest,
    services: _Services,
    customer: Annotated[
        str | None, QueryParameter(name="customer", pattern=ID_PATTERN, description="Only this customer's.")
    ] = None,
    in_state: Annotated[State | None, QueryParameter(name="state", description="Only in this state.")] = None,
    before: Annotated[
        str | None,
        QueryParameter(name="before", pattern=ID_PATTERN, description="Only those made before it."),
    ] = None,
    limit: Annotated[
        int, QueryParameter(name="limit", ge=1, le=MOST_LISTED, description="At most so many.")
    ] = 50,
) -> SessionPage:
    """List sessions."""
    found = await reading.list_sessions(
        services.pool,
        request.user,
        customer=None if customer is None else CustomerId(customer),
        state=in_state,
        before=None if before is None else SessionId(before),
        limit=limit,
    )
    more = found[-1].id if len(found) == limit else None
    return SessionPage(sessions=[view_of(session) for session in found], next=more)


@post(
    "/sessions/{session_id:str}/stop",
    status_code=200,
    summary="Stop a session",
    description=(
        "Asks the terminal to end it; the answer shows the session as it then stands. Asking again, or after "
        "the end, changes nothing and is no error."
    ),
    responses=problem_answers("not_found"),
)
async def stop_session(request: ApiRequest, session_id: FromPath[str], services: _Services) -> SessionView:
    """Stop a session."""
    # Looked up first: the text may be anything, and settlement is asked only about what is there.
    found = await reading.find_sold(services.pool, request.user, session_id)
    if found is not None and found.live:
        found = await services.starter.stop(request.user, found.id)
    if found is None:
        raise not_found()
    return view_of(found)


@get(
    "/sessions/{session_id:str}/live",
    summary="Watch a session",
    description=(
        "Its figures now. While somebody asks, at least every few seconds, the terminal reports each second."
    ),
    responses=problem_answers("not_found"),
)
async def live_session(request: ApiRequest, session_id: FromPath[str], services: _Services) -> LiveFigures:
    """Watch a session."""
    found = await services.live.look(request.user, session_id)
    if found is None:
        raise not_found()
    return LiveFigures(
        session=SessionId(found.session),
        state=found.state,
        currency=found.currency,
        usage=dict(found.usage),
        charge_minor=found.charge_minor,
        hold_minor=found.hold_minor,
        duration_ms=found.duration_ms,
        flow_ml_per_min=found.flow_ml_per_min,
        valve_open=found.valve_open,
        sensors=dict(found.sensors),
        online=found.online,
        at=found.at,
    )


@post(
    "/sessions/{session_id:str}/reports",
    opt={"body": ReportBody},
    status_code=200,
    summary="Report a session",
    description=(
        "What its customer finds wrong with an ended session, for a person to look at. One for each session:"
        " what was said first stays, and saying it again is no error."
    ),
    responses=problem_answers(*BODY, "not_found", "not_ended"),
)
async def report_session(
    request: ApiRequest, session_id: FromPath[str], data: JSONBody[ReportBody], services: _Services
) -> ReportAnswer:
    """Report a session."""
    words = plain_text(data.words)
    if data.kind is Complaint.OTHER and not words:
        raise invalid("words", "say in a few words what is wrong")
    found = await reading.find_sold(services.pool, request.user, session_id)
    if found is None:
        raise not_found()
    if found.live:
        raise not_ended()
    async with services.pool.acquire() as connection:
        return ReportAnswer(new=await report_bill(connection, found, data.kind.value, words))


def session_routes(guards: Sequence[Guard]) -> Router:
    """The routes of this module, behind `guards`."""
    return Router(
        "/",
        route_handlers=[
            start_session,
            show_session,
            list_sessions,
            stop_session,
            live_session,
            report_session,
        ],
        guards=guards,
        tags=["Sessions"],
        security=[{"key": []}],
    )
