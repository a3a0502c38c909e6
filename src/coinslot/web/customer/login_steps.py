"""Logging in at an appliance, as it is shown: the number, the code, and whether the number is still the same person's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from litestar.response import Response

from coinslot.people.login_rules import CODE_LIFE
from coinslot.web.customer.pending import Pending, find_pending
from coinslot.web.customer.visit import Visit, show
from coinslot.web.customer.wait_words import seconds_until
from coinslot.web.pages import figures
from coinslot.web.pages.page import Page

GOOD_MINUTES: Final = CODE_LIFE // timedelta(minutes=1)


def show_login(page: Page, visit: Visit, *, status: int = 200, notice: str = "") -> Response[bytes]:
    """The step at which this browser is."""
    pending = find_pending(page, visit.here.operator)
    if pending is None or page.request.query_params.get("step") == "phone":
        return show_phone(page, visit, status=status, notice=notice)
    if pending.proof:
        return show_yours(page, visit, pending, status=status, notice=notice)
    return show_code(page, visit, pending, status=status, notice=notice)


def show_phone(
    page: Page, visit: Visit, *, status: int = 200, notice: str = "", phone: str = "", error: str = ""
) -> Response[bytes]:
    """The number, with what the appliance costs."""
    waits = visit.hopeless
    return show(
        page,
        visit,
        "phone.html",
        status=status,
        scripts=("watch.js",) if waits else ("once.js",),
        notice=notice,
        phone=phone,
        error=error,
    )


def show_code(
    page: Page, visit: Visit, pending: Pending, *, status: int = 200, notice: str = "", error: str = ""
) -> Response[bytes]:
    """The code from the message."""
    return show(
        page,
        visit,
        "code.html",
        status=status,
        scripts=("once.js", "code.js"),
        notice=notice,
        error=error,
        phone=figures.phone(pending.phone),
        minutes=GOOD_MINUTES,
        wait_s=seconds_until(datetime.fromtimestamp(pending.again_s, UTC)),
    )


def show_yours(
    page: Page,
    visit: Visit,
    pending: Pending,
    *,
    status: int = 200,
    notice: str = "",
    error: str = "",
    may_prove: str = "yes",
) -> Response[bytes]:
    """The right code for a number that may have been given to somebody else."""
    return show(
        page,
        visit,
        "yours.html",
        status=status,
        notice=notice,
        error=error,
        phone=figures.phone(pending.phone),
        may_prove=may_prove,
    )
