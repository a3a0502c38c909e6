"""How the console's routes are put together: the guard before them, their problems after them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from litestar import Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from coinslot.fields import MissingError
from coinslot.web.console.may import check_table
from coinslot.web.console.staffed import LoggedOut, Staffed, only_staff, open_staff
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import OWN_PROBLEM, PageOf, page_router
from coinslot.web.problems import Problem, not_found
from coinslot.web.services import Services

AnyRequest = Request[object, object, State]
_PATH: Final = re.compile(r"/(?:console|desk)(?:/[A-Za-z0-9_-]+)*")
_WORTH_AGAIN: Final = (403, 409, 413, 429, 500, 503)


def console_router(handlers: Sequence[HTTPRouteHandler]) -> Router:
    """Routes for staff alone. ValueError when the table of roles does not name each of them."""
    check_table(handlers)
    return Router(
        "/",
        route_handlers=[page_router(handlers, {LoggedOut: _log_in_first, MissingError: _nothing_there})],
        guards=[only_staff],
        dependencies={"staffed": Provide(_staffed, sync_to_thread=False)},
        opt={OWN_PROBLEM: problem_page},
        include_in_schema=False,
    )


def _staffed(page: PageOf) -> Staffed:
    return open_staff(page)


def path_after_login(wanted: str) -> str:
    """Where to go once logged in: a path of the console, and of nobody else."""
    return wanted if _PATH.fullmatch(wanted) else "/console"


def _log_in_first(request: AnyRequest, _error: Exception) -> Response[bytes]:
    page = Page(request, _services(request), ())
    if request.method != "GET":
        return page.go("/console/log-in?ended=yes")
    path = path_after_login(request.url.path)
    return page.go("/console/log-in" if path == "/console" else f"/console/log-in?next={path}")


def _nothing_there(request: AnyRequest, _error: Exception) -> Response[bytes]:
    return problem_page(request, not_found())


def problem_page(request: AnyRequest, error: Problem) -> Response[bytes]:
    """The problem as a page of the console; without a word of it to who is not logged in."""
    page = Page(request, _services(request), ())
    try:
        staffed = open_staff(page)
    except LoggedOut:
        return _log_in_first(request, error)
    details = error.details
    title, detail = details.title, details.detail
    if details.status == 404:
        title = marked("There is nothing here")
        detail = marked("It may have another number, or belong to somebody else. Look for it in the lists.")
    answer = staffed.show(
        "console/problem.html",
        status=details.status,
        title=page.say(title),
        detail=page.say(detail),
        again=request.url.path if details.status in _WORTH_AGAIN and request.method == "GET" else "",
    )
    answer.headers.update(error.headers)
    return answer


def _services(request: AnyRequest) -> Services:
    services: Services = request.app.state.services
    return services
