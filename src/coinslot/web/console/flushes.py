"""Technicians let water run, at most five minutes and 100 litres, and see what came of it."""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response

from coinslot.engines.connect import UNANSWERED
from coinslot.fields import FieldError, MissingError
from coinslot.fleet.store import find_appliance, list_appliances
from coinslot.settlement.batching import Closed
from coinslot.settlement.flushing import MOST_ML, MOST_S, FlushReason, FlushWish, flush, list_flushes
from coinslot.settlement.ports import UNDECIDABLE, Conflict
from coinslot.settlement.requests import Refusal, Refused
from coinslot.web import reading
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.web.customer.visit import new_key
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked
from coinslot.wire.ids import SessionId

_PATH: Final = "/console/flush"
REASONS: Final = {
    FlushReason.HYGIENE: marked("Hygiene: water that stood goes"),
    FlushReason.REPAIR: marked("Test after a repair"),
    FlushReason.CALIBRATION: marked("Calibration of the meter"),
    FlushReason.CLEANING: marked("Cleaning"),
    FlushReason.OTHER: marked("Something else"),
}
_WHY_NOT: Final = {
    Refusal.NO_SUCH_OUTLET: marked("There is no such outlet any more."),
    Refusal.FAULT: marked("A fault stands at this outlet: it is not opened before that has gone."),
    Refusal.BUSY: marked("Somebody is using it, or what became of the last start is not known yet."),
    Refusal.OFFLINE: marked("The terminal is not connected."),
}
_UNDECIDED: Final = marked("It could not be started at this moment. Press again: it starts once.")


@get(_PATH)
async def flushes_page(staffed: StaffedOf) -> Response[bytes]:
    """All appliances, and what was let run lately."""
    async with staffed.pool.acquire() as connection:
        appliances = await list_appliances(connection, staffed.operator)
        lately = await list_flushes(connection, staffed.operator)
    return staffed.show(
        "console/flushes.html", appliances=appliances, lately=lately, reasons=_reasons(staffed)
    )


@get(f"{_PATH}/{{appliance_id:str}}")
async def flush_page(staffed: StaffedOf, appliance_id: FromPath[str]) -> Response[bytes]:
    """One appliance: its flushes, and the next one."""
    return await _page(staffed, appliance_id)


@post(f"{_PATH}/{{appliance_id:str}}", status_code=200)
async def let_run(staffed: StaffedOf, appliance_id: FromPath[str]) -> Response[bytes]:
    """Start it."""
    form = await staffed.form()
    async with staffed.pool.acquire() as connection:
        appliance = await find_appliance(connection, staffed.operator, appliance_id)
    try:
        wish = FlushWish(
            operator=staffed.operator,
            currency=staffed.who.currency,
            appliance=appliance.appliance_id,
            outlet=_number(form, "outlet"),
            reason=_reason(form.text("reason")),
            words=form.text("words"),
            limit_ml=_number(form, "litres") * 1_000,
            limit_s=_number(form, "seconds"),
            key=form.text("key"),
        )
        answer = await flush(staffed.pool, staffed.page.services.starter, wish, staffed.who.staff_id)
    except FieldError as error:
        return await _page(staffed, appliance_id, form=form, wrong=str(error), status=422)
    except MissingError:
        text = staffed.say(_WHY_NOT[Refusal.NO_SUCH_OUTLET])
        return await _page(staffed, appliance_id, form=form, wrong=text, status=422)
    except (Conflict, Closed, *UNDECIDABLE, *UNANSWERED):
        return await _page(staffed, appliance_id, form=form, wrong=staffed.say(_UNDECIDED), status=503)
    if isinstance(answer, Refused):
        text = staffed.say(_WHY_NOT.get(answer.reason, _UNDECIDED))
        return await _page(staffed, appliance_id, form=form, wrong=text, status=409)
    return staffed.go(f"{_PATH}/{appliance.appliance_id}")


@post(f"{_PATH}/{{appliance_id:str}}/stop")
async def stop_it(staffed: StaffedOf, appliance_id: FromPath[str]) -> Response[bytes]:
    """Ask a flush, and nothing else, to end."""
    form = await staffed.form()
    session = await reading.find_session(staffed.pool, staffed.operator, form.text("session"))
    if session is None or session.flush_by is None or session.appliance != appliance_id:
        raise MissingError("flush", form.text("session")[:60])
    await staffed.page.services.starter.stop(staffed.operator, SessionId(session.id))
    return staffed.go(f"{_PATH}/{appliance_id}")


def _number(form: Form, name: str) -> int:
    text = form.text(name)
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise FieldError(name, "must be a whole number")
    return int(text)


def _reason(text: str) -> FlushReason:
    try:
        return FlushReason(text)
    except ValueError:
        raise FieldError("reason", "must be one of the list") from None


def _reasons(staffed: Staffed) -> dict[FlushReason, str]:
    return {reason: staffed.say(word) for reason, word in REASONS.items()}


async def _page(
    staffed: Staffed, appliance_id: str, *, form: Form | None = None, wrong: str = "", status: int = 200
) -> Response[bytes]:
    async with staffed.pool.acquire() as connection:
        appliance = await find_appliance(connection, staffed.operator, appliance_id)
        lately = await list_flushes(connection, staffed.operator, appliance.appliance_id)
        outlets = await connection.fetch(
            "SELECT outlet, name FROM outlet WHERE operator_id = $1 AND appliance_id = $2 ORDER BY outlet",
            staffed.operator,
            appliance.appliance_id,
        )
    typed = form or Form({})
    return staffed.show(
        "console/flush.html",
        status=status,
        appliance=appliance,
        lately=lately,
        outlets=[(str(row["outlet"]), row["name"]) for row in outlets],
        reasons=_reasons(staffed),
        typed=typed,
        key=typed.text("key") or new_key(),
        wrong=wrong,
        most_litres=MOST_ML // 1_000,
        most_s=MOST_S,
        may_act=staffed.may("POST", f"{_PATH}/{{appliance_id}}"),
    )


FLUSHES: Final[list[HTTPRouteHandler]] = [flushes_page, flush_page, let_run, stop_it]
