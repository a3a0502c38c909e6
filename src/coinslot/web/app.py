"""The web application, put together from its routes."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import TypeAlias

import asyncpg
from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from coinslot.fields import FieldError, FieldErrors, MissingError
from coinslot.ledger.errors import LedgerError
from coinslot.settlement.batching import Closed
from coinslot.settlement.ports import Conflict
from coinslot.web.api.appliances import appliance_routes
from coinslot.web.api.customers import customer_routes
from coinslot.web.api.documents import openapi
from coinslot.web.api.keypad_codes import keypad_code_routes
from coinslot.web.api.logins import login_routes
from coinslot.web.api.payments import payment_routes
from coinslot.web.api.real_names import Pictures, real_name_routes
from coinslot.web.api.sessions import session_routes
from coinslot.web.api.terminals import claim_throttle, terminal_routes
from coinslot.web.api.withdrawals import withdrawal_routes
from coinslot.web.console.pages import CONSOLE, DOOR
from coinslot.web.console.routes import console_router
from coinslot.web.customer.arriving import ARRIVING
from coinslot.web.customer.keypad_pages import KEYPAD
from coinslot.web.customer.money_pages import MONEY
from coinslot.web.customer.using import USING
from coinslot.web.desk.routes import DESK
from coinslot.web.guest.routes import GUEST
from coinslot.web.health import healthz
from coinslot.web.keys import ApiKeys, key_guard
from coinslot.web.kiosk.routes import KIOSK
from coinslot.web.metrics import Metrics, metrics_route
from coinslot.web.pages.routes import page_router, problem_page
from coinslot.web.payments.notify import NotifyDoor, notify
from coinslot.web.problems import (
    FieldProblem,
    Problem,
    invalid,
    invalid_fields,
    not_found,
    too_large,
    unavailable,
)
from coinslot.web.request import MAX_BODY_BYTES, ApiRequest
from coinslot.web.services import Services
from coinslot.web.tracing import route_of
from coinslot.web.updates import artifact
from coinslot.web.wall.routes import wall_pages

log = logging.getLogger(__name__)

_MISSING = re.compile(r"^Missing required (\w+) parameter '([^']+)'")

AnyRequest: TypeAlias = Request[object, object, State]


def build_app(services: Services, metrics: Metrics | None = None) -> Litestar:
    """The ASGI application. It owns nothing that has to be opened or closed."""
    guards = [key_guard(ApiKeys(services.pool))]
    throttle, pictures = claim_throttle(), Pictures()
    api = Router(
        "/api/v1",
        route_handlers=[
            appliance_routes(guards),
            customer_routes(guards),
            payment_routes(guards),
            withdrawal_routes(guards),
            real_name_routes(guards),
            login_routes(guards),
            session_routes(guards),
            keypad_code_routes(guards),
            terminal_routes(),
        ],
        request_class=ApiRequest,
        request_max_body_size=MAX_BODY_BYTES,
    )
    pages = page_router(
        [
            *ARRIVING,
            *USING,
            *KEYPAD,
            *MONEY,
            *GUEST,
            *DOOR,
            *DESK,
            *KIOSK,
            *(wall_pages() if services.wall is not None else ()),
        ]
    )
    door = services.payments
    notify_door = None if door is None else NotifyDoor(door)
    return Litestar(
        [
            api,
            pages,
            console_router(CONSOLE),
            healthz,
            artifact,
            metrics_route,
            *(() if notify_door is None else (notify,)),
        ],
        state=State({"services": services}),
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "throttle": Provide(lambda: throttle, sync_to_thread=False),
            "pictures": Provide(lambda: pictures, sync_to_thread=False),
            "metrics": Provide(lambda: metrics, sync_to_thread=False),
            "notify_door": Provide(lambda: notify_door, sync_to_thread=False),
        },
        exception_handlers={
            Problem: _problem,
            ValidationException: _invalid,
            HTTPException: _http_error,
            Conflict: _conflict,
            Closed: _closing,
            FieldErrors: _fields,
            FieldError: _field,
            MissingError: _missing,
            LedgerError: _refused_by_the_ledger,
            asyncpg.TransactionRollbackError: _conflict,
            asyncpg.PostgresConnectionError: _no_database,
            asyncpg.OperatorInterventionError: _no_database,
            asyncpg.InsufficientResourcesError: _no_database,
            asyncpg.InterfaceError: _no_database,
            asyncpg.InternalClientError: _no_database,
            OSError: _no_database,
            TimeoutError: _no_database,
            Exception: _unexpected,
        },
        openapi_config=openapi(),
        logging_config=None,
        response_headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        debug=False,
        pdb_on_exception=False,
    )


def _problem(_request: AnyRequest, error: Problem) -> Response[bytes]:
    return error.response()


def _invalid(_request: AnyRequest, error: ValidationException) -> Response[bytes]:
    """What the framework found wrong with a path, a query or a header."""
    found = error.extra if isinstance(error.extra, list) else []
    fields = [_field_problem(one) for one in found if isinstance(one, dict)]
    if missing := _MISSING.search(str(error.detail)):
        fields.append(_field_problem({"source": missing[1], "key": missing[2], "message": "is required"}))
    return invalid_fields(tuple(fields) or (FieldProblem("request", "cannot be read"),)).response()


def _field_problem(found: Mapping[str, object]) -> FieldProblem:
    name = str(found.get("key", "request"))
    if found.get("source") == "header":
        name = name.replace("_", "-").title()
    elif name == "in_state":  # the framework keeps `state` for itself
        name = "state"
    return FieldProblem(name, str(found.get("message", "cannot be read")))


def _http_error(_request: AnyRequest, error: HTTPException) -> Response[bytes]:
    status = error.status_code
    if status in (404, 405) and _wants_page(_request):
        # What no route knows: people get a page, programs their own kind of answer.
        return problem_page(_request, not_found())
    if status == 404:
        return not_found().response()
    if status == 413:
        handler = _request.scope["route_handler"]
        limit = handler.resolve_request_max_body_size() if isinstance(handler, HTTPRouteHandler) else None
        return too_large(limit or MAX_BODY_BYTES).response()
    reasons = {405: "method_not_allowed"}
    if status >= 500:
        return _unexpected(_request, error)
    return Problem(
        status,
        reasons.get(status, "bad_request"),
        {405: "Method not allowed"}.get(status, "Bad request"),
        "This request cannot be answered.",
        headers=error.headers or {},
    ).response()


def _wants_page(request: AnyRequest) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def _conflict(_request: AnyRequest, error: Conflict | asyncpg.TransactionRollbackError) -> Response[bytes]:
    log.warning("given up: %s", error if isinstance(error, Conflict) else type(error).__name__)
    return unavailable(
        "busy_database", "Too much is being asked at this moment; nothing was held."
    ).response()


def _closing(_request: AnyRequest, _error: Closed) -> Response[bytes]:
    return unavailable("closing", "This server is stopping; ask again.").response()


def _fields(_request: AnyRequest, error: FieldErrors) -> Response[bytes]:
    return invalid_fields(tuple(FieldProblem(one.field, one.reason) for one in error.errors)).response()


def _field(_request: AnyRequest, error: FieldError) -> Response[bytes]:
    return invalid(error.field, error.reason).response()


def _missing(_request: AnyRequest, _error: MissingError) -> Response[bytes]:
    """Gone since it was looked up. What it was is not repeated: it may be anything."""
    return not_found().response()


def _refused_by_the_ledger(_request: AnyRequest, error: LedgerError) -> Response[bytes]:
    log.error("the ledger refused what settlement planned: %s", error)
    return Problem(
        500, "not_posted", "Not posted", "The ledger refused this, so nothing was held. It has been logged."
    ).response()


def _no_database(_request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error("the database or the broker does not answer: %s", type(error).__name__)
    return unavailable("unavailable", "The database or the broker does not answer; ask again.").response()


def _unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error("%s %s failed", request.method, route_of(request.scope), exc_info=error)
    return Problem(500, "unexpected", "An error of ours", "It has been logged.").response()
