"""How page routes are put together: their page, their problems, their limits."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, TypeAlias

import asyncpg
from litestar import Request, Router
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, NotFoundException, ValidationException
from litestar.params import SkipValidation
from litestar.response import Response
from litestar.types import ControllerRouterHandler, ExceptionHandlersMap

from coinslot.fields import FieldError, FieldErrors, MissingError
from coinslot.ledger.errors import LedgerError
from coinslot.settlement.batching import Closed
from coinslot.settlement.ports import Conflict
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page, make_page
from coinslot.web.problems import Problem
from coinslot.web.services import Services

log = logging.getLogger(__name__)

PageOf: TypeAlias = NamedDependency[SkipValidation[Page]]
"""A page route's first argument: `page: PageOf`."""

OWN_PROBLEM: Final = "problem_page"
"""The option under which routers name their own way to show a problem."""
MAX_PAGE_BODY_BYTES: Final = 16 * 1024
_WORTH_AGAIN: Final = (403, 409, 413, 429, 500, 503)
UNREACHABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.TransactionRollbackError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""The database or the broker is away, or at its end: asking again may succeed."""


async def _page(
    request: Request[object, object, State], services: NamedDependency[SkipValidation[Services]]
) -> Page:
    return await make_page(request, services)


def page_router(
    handlers: Sequence[ControllerRouterHandler],
    others: ExceptionHandlersMap | None = None,
) -> Router:
    """Routes that answer with pages; what goes wrong in them is a page, too. `others` are errors of these routes alone."""
    return Router(
        "/",
        route_handlers=list(handlers),
        dependencies={"page": Provide(_page)},
        exception_handlers={
            Problem: problem_page,
            HTTPException: _http_page,
            Conflict: _try_again_page,
            Closed: _try_again_page,
            **dict.fromkeys(UNREACHABLE, _try_again_page),
            # The application answers these as JSON, and the nearest kind of an error goes before the nearest layer.
            ValidationException: _http_page,
            **dict.fromkeys((FieldErrors, FieldError, MissingError, LedgerError), _unexpected_page),
            Exception: _unexpected_page,
            **(others or {}),
        },
        request_max_body_size=MAX_PAGE_BODY_BYTES,
        include_in_schema=False,
    )


def _try_again_page(request: Request[object, object, State], error: Exception) -> Response[bytes]:
    """The database, the broker or this server's end: people are told so in words, too."""
    log.error("%s could not be answered: %s", request.scope["path_template"], type(error).__name__)
    return problem_page(
        request,
        Problem(
            503,
            "unavailable",
            marked("Not available right now"),
            marked("Nothing was changed. Try again in a moment."),
            headers={"Retry-After": "2"},
        ),
    )


def _unexpected_page(request: Request[object, object, State], error: Exception) -> Response[bytes]:
    log.error("%s %s failed", request.method, request.scope["path_template"], exc_info=error)
    return problem_page(
        request,
        Problem(
            500,
            "unexpected",
            marked("An error of ours"),
            marked("It has been noted. Try again; if it comes back, call the help line."),
        ),
    )


def problem_page(request: Request[object, object, State], error: Problem) -> Response[bytes]:
    """The problem as a page, in the visitor's language."""
    handler = request.scope.get("route_handler")
    own = None if handler is None else handler.opt.get(OWN_PROBLEM)
    if callable(own):
        shown: Response[bytes] = own(request, error)
        return shown
    services: Services = request.app.state.services
    page = Page(request, services, ())
    details = error.details
    if details.status == 404:
        return unknown_page(page)
    answer = page.show(
        "problem.html",
        status=details.status,
        title=page.say(details.title),
        detail=page.say(details.detail),
        again=request.url.path if details.status in _WORTH_AGAIN else "",
    )
    answer.headers.update(error.headers)
    return answer


def unknown_page(page: Page) -> Response[bytes]:
    """The one answer to whatever is not there, is another's, or never was: they all look alike."""
    return page.show(
        "problem.html",
        status=404,
        title=page.say(marked("There is nothing here")),
        detail=page.say(
            marked("Scan the code on the appliance again. If it still leads here, the sticker is not ours.")
        ),
        again="",
    )


def _http_page(request: Request[object, object, State], error: HTTPException) -> Response[bytes]:
    if isinstance(error, NotFoundException) or error.status_code in (404, 405):
        problem = Problem(404, "not_found", "", "")
    elif error.status_code == 413:
        problem = Problem(413, "too_large", marked("Too large"), marked("Send less at once."))
    elif error.status_code >= 500:
        raise error
    else:
        problem = Problem(
            400,
            "bad_request",
            marked("This cannot be read"),
            marked("Load the page again and try once more."),
        )
    return problem_page(request, problem)
