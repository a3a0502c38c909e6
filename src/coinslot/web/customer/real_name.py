"""Giving one's real name, where an operator wants to know it."""

from __future__ import annotations

from litestar import get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Response

from coinslot.fields import FieldError, FieldErrors, InputError
from coinslot.people.real_names import RealName, RealNameState, submit
from coinslot.web.customer.limits import count_form, count_view, limits_of
from coinslot.web.customer.visit import Customer, Visit, open_visit, show
from coinslot.web.customer.words import wording
from coinslot.web.pages import figures
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import AnyRequest, Page
from coinslot.web.pages.routes import PageOf, problem_page, unknown_page
from coinslot.web.problems import Problem

MAX_BODY_BYTES = 9 * 1024 * 1024
"""A picture of 8 MB, and the fields around it."""


def _too_large(request: AnyRequest, _error: HTTPException) -> Response[bytes]:
    return problem_page(
        request,
        Problem(
            413,
            "too_large",
            marked("The picture is too large"),
            marked("It may have at most 8 MB. Take it with a lower resolution, then hand it in again."),
        ),
    )


@get("/m/{token:str}/name")
async def name_page(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """The form, or how far the check is."""
    count_view(page)
    visit = await open_visit(page, token)
    if visit is None:
        return unknown_page(page)
    if visit.customer is None or not visit.customer.name_needed:
        return page.go(visit.path)
    found = visit.customer.name
    if found is not None and found.state is RealNameState.PENDING:
        return _checking(page, visit, found)
    return _form(page, visit, visit.customer)


@post(
    "/m/{token:str}/name",
    status_code=200,
    request_max_body_size=MAX_BODY_BYTES,
    exception_handlers={413: _too_large},
)
async def hand_in(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """Take name, number and picture."""
    count_form(page)
    visit = await open_visit(page, token)
    if visit is None:
        return unknown_page(page)
    # Before the form is read: nobody who is not asked for a picture has nine megabytes of our memory.
    if visit.customer is None or not visit.customer.name_needed:
        return page.go(visit.path)
    form = await page.form()
    try:
        await _submit(page, visit, visit.customer, form)
    except FieldErrors as errors:
        return _form(page, visit, visit.customer, form, errors.errors)
    except FieldError as error:
        return _form(page, visit, visit.customer, form, (error,))
    except InputError:
        # The account was erased in between: there is nobody any more to keep a name of.
        return page.go(visit.path)
    return page.go(f"{visit.path}/name")


async def _submit(page: Page, visit: Visit, customer: Customer, form: Form) -> RealName:
    # A picture keeps its connection for a second: few at a time, or nobody else would have one.
    async with limits_of(page).pictures, page.services.pool.acquire() as connection:
        return await submit(
            connection,
            page.services.keyring,
            visit.here.operator,
            customer.customer_id,
            name=form.text("name"),
            id_number=form.text("id_number"),
            picture=form.file("picture"),
            by=customer.customer_id,
        )


def _form(
    page: Page,
    visit: Visit,
    customer: Customer,
    form: Form | None = None,
    errors: tuple[FieldError, ...] = (),
) -> Response[bytes]:
    told = {error.field: wording(page, error) for error in errors}
    if form is not None and "picture" not in told:
        # A browser never fills a file in again.
        told["picture"] = page.say("Choose the picture once more, please.")
    return show(
        page,
        visit,
        "name.html",
        status=422 if errors else 200,
        scripts=("once.js", "picture.js"),
        errors=told,
        rejected="" if customer.name is None or form is not None else customer.name.reason,
        name="" if form is None else form.text("name"),
        id_number="" if form is None else form.text("id_number"),
    )


def _checking(page: Page, visit: Visit, found: RealName) -> Response[bytes]:
    return show(
        page,
        visit,
        "checking.html",
        scripts=("watch.js",),
        since=figures.moment(found.submitted_at, visit.here.timezone, page.language),
    )
