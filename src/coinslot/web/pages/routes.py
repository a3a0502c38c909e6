"""How page routes are put together: their page, their problems, their limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from litestar import Request, Router
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import SkipValidation
from litestar.response import Response
from litestar.types import ControllerRouterHandler

from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page, make_page
from coinslot.web.problems import Problem
from coinslot.web.services import Services

PageOf: TypeAlias = NamedDependency[SkipValidation[Page]]
"""A page route's first argument: `page: PageOf`."""

MAX_PAGE_BODY_BYTES: Final = 16 * 1024
_WORTH_AGAIN: Final = (403, 409, 429, 503)


async def _page(
    request: Request[object, object, State], services: NamedDependency[SkipValidation[Services]]
) -> Page:
    return await make_page(request, services)


def page_router(handlers: Sequence[ControllerRouterHandler]) -> Router:
    """Routes that answer with pages; what goes wrong in them is a page, too."""
    return Router(
        "/",
        route_handlers=list(handlers),
        dependencies={"page": Provide(_page)},
        exception_handlers={Problem: problem_page, HTTPException: _http_page},
        request_max_body_size=MAX_PAGE_BODY_BYTES,
        include_in_schema=False,
    )


def problem_page(request: Request[object, object, State], error: Problem) -> Response[bytes]:
    """The problem as a page, in the visitor's language."""
    services: Services = request.app.state.services
    page = Page(request, services, ())
    details = error.details
    if details.status == 404:
        return unknown_page(page)
    return page.show(
        "problem.html",
        status=details.status,
        title=page.say(details.title),
        detail=page.say(details.detail),
        again=request.url.path if details.status in _WORTH_AGAIN else "",
    )


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
