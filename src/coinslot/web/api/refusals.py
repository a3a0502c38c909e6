"""Settlement's refusals as problems: a status programs can act on, words people can."""

from __future__ import annotations

from typing import Final, NamedTuple

from coinslot.settlement.requests import Refusal, Refused
from coinslot.web.problems import Problem


class _Wording(NamedTuple):
    status: int
    title: str
    detail: str


WORDINGS: Final[dict[Refusal, _Wording]] = {
    Refusal.NO_SUCH_OUTLET: _Wording(404, "No such outlet", "Your operator has no such terminal and outlet."),
    Refusal.NO_SUCH_CUSTOMER: _Wording(
        404, "No such customer", "Your operator has no such customer, or has blocked them."
    ),
    Refusal.CLOSED: _Wording(
        423, "Closed", "The operator has taken this appliance out of service; open it first."
    ),
    Refusal.NO_TARIFF: _Wording(
        409, "No tariff", "This outlet has no tariff, and nothing is free by omission; give it one."
    ),
    Refusal.FAULT: _Wording(
        423, "Out of order", "A fault keeps this outlet from being used; see its alarms."
    ),
    Refusal.OFFLINE: _Wording(503, "Offline", "The terminal is not connected; try again when it is."),
    Refusal.BUSY: _Wording(
        409, "Busy", "Somebody is using the outlet, or its last start is not settled yet; wait for its end."
    ),
    Refusal.REAL_NAME: _Wording(
        403,
        "Real name wanted",
        "Your operator wants this customer's real name before the first use, and has approved none; the customer"
        " hands it in on the appliance's page, and whoever reviews it approves it.",
    ),
    Refusal.ARREARS: _Wording(
        402, "Arrears", "The customer owes for earlier use; it is to be paid before the next session."
    ),
    Refusal.NO_BALANCE: _Wording(
        402, "The balance is too low", "The wallet holds less than the tariff asks for a start; top it up."
    ),
    Refusal.KEY_CONFLICT: _Wording(
        409, "Key used before", "This Idempotency-Key was used for another request; make a new one."
    ),
}
RETRY_AFTER_S: Final = 5
"""About what a terminal needs to connect again."""


def refusal_problem(refused: Refused) -> Problem:
    """The answer for a start that was refused; nothing is held and nothing was sent."""
    wording = WORDINGS[refused.reason]
    return Problem(
        wording.status,
        refused.reason.value,
        wording.title,
        wording.detail,
        headers={"Retry-After": str(RETRY_AFTER_S)} if wording.status == 503 else None,
        needed_minor=refused.needed_minor,
        balance_minor=refused.balance_minor,
        arrears_minor=refused.arrears_minor,
    )
