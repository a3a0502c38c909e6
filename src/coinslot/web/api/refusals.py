"""Settlement's refusals and the API's own as problems: a status programs can act on, words people can."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from coinslot.settlement.requests import Refusal, Refused
from coinslot.web.problems import Problem, unavailable


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
    Refusal.OUT_OF_HOURS: _Wording(
        423, "Out of hours", "This appliance is shut at this hour; `again_at` says when it opens."
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
    Refusal.QUOTA: _Wording(
        403,
        "Quota used up",
        "This customer has used what your operator allows in a day or a week, uses under way included; `again_at`"
        " says when the next one begins.",
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
        again_at=refused.again_at,
    )


def too_many_live() -> Problem:
    """More codes than guessing allows."""
    return Problem(
        429,
        "too_many_live",
        "Too many codes are live there",
        "More would make guessing too easy; one ends within minutes.",
        headers={"Retry-After": "60"},
    )


def already_live() -> Problem:
    """One code for each customer."""
    return Problem(
        409,
        "already_live",
        "This customer has a live code",
        "Use it, cancel it, or ask with `renew`; of codes to give away there is one at a time.",
    )


def key_conflict() -> Problem:
    """This idempotency key stands for another request."""
    return refusal_problem(Refused(reason=Refusal.KEY_CONFLICT))


def phone_taken() -> Problem:
    """Another customer of the operator has the number."""
    return Problem(
        409, "phone_taken", "This number is registered", "Another customer has it; find them by it."
    )


def no_merchant() -> Problem:
    """Nothing can be collected there."""
    return Problem(
        409,
        "no_merchant",
        "No such merchant to pay",
        "Your operator has no such merchant, or it takes no new payments; `/top-up-choices` names those that do.",
    )


def payment_over() -> Problem:
    """Nobody can pay it any more."""
    return Problem(
        409, "payment_over", "This payment is over", "Its time is over, or nearly; begin a new one."
    )


def too_many_attempts() -> Problem:
    """It was tried in too many ways."""
    return Problem(
        409, "too_many_attempts", "Tried too often", "Begin a new payment; this one was tried too often."
    )


def too_many_open() -> Problem:
    """The customer has begun too many."""
    return Problem(
        429,
        "too_many_open",
        "Too many payments wait",
        "This customer has begun several that are not paid; pay one, or wait until they are over.",
        headers={"Retry-After": "60"},
    )


def too_much(balance_minor: int) -> Problem:
    """More than there is."""
    return Problem(
        409,
        "too_much",
        "More than can be withdrawn",
        f"{balance_minor} minor units are free: principal that no use holds and nothing is owed against.",
        balance_minor=balance_minor,
    )


def bonus_held(held_minor: int) -> Problem:
    """It is neither in the wallet nor spent."""
    return Problem(
        409,
        "bonus_held",
        "Bonus is set aside",
        f"{held_minor} minor units of the bonus that goes with it are set aside for a use that runs;"
        " withdraw less, or when that is over.",
    )


def too_many_withdrawals() -> Problem:
    """Providers take only so many refunds of one payment."""
    return Problem(
        429,
        "too_many_withdrawals",
        "Too many withdrawals",
        "This customer has withdrawn as often as one may within a day.",
        headers={"Retry-After": "3600"},
    )


def erased() -> Problem:
    """Nothing personal can be kept of this customer any more."""
    return Problem(
        409,
        "erased",
        "This customer was forgotten",
        "Their personal data was erased at their wish, and none is taken again; register a new customer.",
    )


def busy_pictures() -> Problem:
    """More pictures than can be looked at."""
    return unavailable("busy_pictures", "Too many pictures are being looked at; send this one again.", 5)


def not_ended() -> Problem:
    """There is no bill yet."""
    return Problem(
        409, "not_ended", "Not ended", "What is reported is a bill; stop the session, then report it."
    )


def too_many_codes(again_at: datetime, now: datetime) -> Problem:
    """No login code for now; which limit it is, is not told."""
    wait_s = max(1, int((again_at - now).total_seconds()) + 1)
    return Problem(
        429,
        "too_many_codes",
        "Too many codes",
        f"Another can be sent from {again_at:%Y-%m-%dT%H:%M:%SZ} on, in {wait_s} seconds.",
        headers={"Retry-After": str(wait_s)},
    )


def not_sent(reason: str) -> Problem:
    """The message cannot leave before something is put right; `reason` names nobody."""
    return unavailable("not_sent", f"The code could not be sent: {reason}", 60)


def still_yours(proof: str) -> Problem:
    """The code was right, and the wallet behind the number may be an earlier owner's."""
    return Problem(
        409,
        "still_yours",
        "Is this number still theirs?",
        "Nobody proved it for long. Ask for the end of the ID number (`/logins/still-mine`), or begin anew"
        " (`/logins/anew`); `proof` goes with both, for ten minutes.",
        proof=proof,
    )


def wrong_code(tries_left: int) -> Problem:
    """Other digits were sent."""
    return Problem(
        403, "wrong_code", "Not the code", f"{tries_left} more tries are left.", tries_left=tries_left
    )


def wrong_tail(tries_left: int) -> Problem:
    """Not the end of the ID number; with none left the proof still begins anew."""
    if tries_left:
        detail = f"{tries_left} more tries are left."
    else:
        detail = "No more tries today; the desk can help, or begin anew with the same `proof`."
    return Problem(403, "wrong_tail", "Not the end of the ID number", detail, tries_left=tries_left)


def code_over() -> Problem:
    """Nothing can be done with this code or proof any more; why is not told."""
    return Problem(
        410, "code_over", "This code is over", "It is used, too old, or was never; ask for a new one."
    )


def too_many_tries(wait_s: int) -> Problem:
    """Too many wrong claim codes."""
    return Problem(
        429,
        "too_many_tries",
        "Too many wrong codes",
        f"Wait {wait_s} seconds, then try again.",
        headers={"Retry-After": str(wait_s)},
    )


def no_such_code() -> Problem:
    """Not a claim code that can be used."""
    return Problem(
        422,
        "no_such_code",
        "This code cannot be used",
        "It is unknown, used or too old; ask the operator for a new one.",
    )
