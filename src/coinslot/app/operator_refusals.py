"""Why a session may not start, and what whoever stands at the desk can do about it."""

from __future__ import annotations

from typing import assert_never

from coinslot.app.errors import Problem
from coinslot.fleet.hours import NEVER
from coinslot.money import format_amount
from coinslot.settlement.requests import Refusal, Refused


def refusal_problem(refused: Refused, currency: str) -> Problem:
    """The refusal in words, with its figures, and the next step. Nothing is held."""

    def amount(minor: int | None) -> str:
        return f"{format_amount(minor or 0, currency)} {currency}"

    match refused.reason:
        case Refusal.NO_SUCH_OUTLET:
            return Problem("There is no such outlet", "`coinslot operator outlet list` shows what there is.")
        case Refusal.NO_SUCH_CUSTOMER:
            return Problem(
                "This customer is blocked",
                "`coinslot operator customer show` tells since when; `customer unblock` lets them in again.",
            )
        case Refusal.CLOSED:
            return Problem("The appliance is closed", "Open it with `coinslot operator appliance open NAME`.")
        case Refusal.OUT_OF_HOURS:
            return Problem(
                f"The appliance is shut at this hour; it opens {_when(refused)}",
                "`coinslot operator hours list` shows its hours and `hours set` changes them.",
            )
        case Refusal.NO_TARIFF:
            return Problem(
                "The outlet has no tariff, and nothing is free by omission",
                "Give it one: coinslot operator outlet set-tariff TERMINAL OUTLET TARIFF",
            )
        case Refusal.FAULT:
            return Problem(
                "The outlet is out of order",
                "`coinslot operator alarm list` tells what is wrong; it opens again when that has gone.",
            )
        case Refusal.OFFLINE:
            return Problem(
                "The terminal is not connected",
                "Check its power and network; `coinslot operator terminal list` shows when it is back.",
            )
        case Refusal.BUSY:
            return Problem(
                "The outlet is in use, or what became of its last start is not known yet",
                "`coinslot operator session list` shows the session; wait for its end, or stop it.",
            )
        case Refusal.REAL_NAME:
            return Problem(
                "The operator wants a real name before the first use, and has approved none of this customer",
                "`coinslot operator real-name list` shows those that wait; without one, the customer hands it in"
                " on the appliance's page. `coinslot operator rules set --real-name not-asked` lifts the rule.",
            )
        case Refusal.ARREARS:
            return Problem(
                f"The customer owes {amount(refused.arrears_minor)} for earlier use",
                "It is to be paid first: coinslot operator customer top-up CUSTOMER AMOUNT --key RECEIPT",
            )
        case Refusal.QUOTA:
            return Problem(
                f"The customer has used up a quota; there is more {_when(refused)}",
                "`coinslot operator quota list` shows the quotas and `quota remove` lifts one.",
            )
        case Refusal.NO_BALANCE:
            return Problem(
                f"The wallet holds {amount(refused.balance_minor)}, "
                f"and the tariff asks for {amount(refused.needed_minor)} to start",
                "Top it up: coinslot operator customer top-up CUSTOMER AMOUNT --key RECEIPT",
            )
        case Refusal.KEY_CONFLICT:
            return Problem(
                "This --key was used for another customer or outlet",
                "Use a new key for a new session, or leave --key out.",
            )
        case _:
            assert_never(refused.reason)


def _when(refused: Refused) -> str:
    if refused.again_at is None or refused.again_at == NEVER:
        return "at a time that is not known"
    return f"at {refused.again_at:%Y-%m-%d %H:%M} UTC"
