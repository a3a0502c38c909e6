"""Every switch, as people find it: in groups, with a sentence, and what may be said in addition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

from coinslot.sandbox.providers.switches import Failure


class Takes(Enum):
    """What a switch may be told in addition."""

    NOTHING = auto()
    NUMBER = auto()
    WORD = auto()


class Described(NamedTuple):
    """One switch."""

    failure: Failure
    sentence: str
    takes: Takes = Takes.NOTHING


CALLS: Final = (
    *("create", "query", "close", "refund", "query_refund", "bill", "bill_file", "openid"),
    *("split", "query_split", "return_split", "query_return", "receiver"),
    *("payout", "query_payout"),
)
NOTICES: Final = ("notify_payment", "notify_refund")
MOST: Final = 400 * 86_400
"""No number that anybody means is above it: seconds of 400 days."""


class Group(NamedTuple):
    """Switches of one kind, and the operations they may be for; none: they are not about one."""

    title: str
    on: Sequence[str]
    failures: Sequence[Described]


GROUPS: Final = (
    Group(
        "Answers",
        CALLS,
        (
            Described(Failure.SILENT_AFTER, "Done, and never answered"),
            Described(Failure.SILENT_BEFORE, "Not done, and never answered"),
            Described(Failure.CUT_AFTER, "Done; the answer breaks off"),
            Described(Failure.SERVER_ERROR, "500, and not done"),
            Described(Failure.SERVER_ERROR_AFTER, "500, and done all the same"),
            Described(Failure.RATE_LIMIT, "429, and not done"),
            Described(Failure.TAMPERED, "Changed after it was signed"),
            Described(Failure.UNSIGNED, "Without any signature"),
            Described(Failure.UNKNOWN_SIGNER, "Signed by a key that nobody knows"),
            Described(Failure.REFUSED_UNSIGNED, "Refused, and the error is not signed"),
            Described(Failure.REFUSED, "Refused, signed; value: status and code", Takes.WORD),
        ),
    ),
    Group(
        "What is told",
        (*CALLS, *NOTICES),
        (
            Described(Failure.WRONG_AMOUNT, "Another amount; value: minor units", Takes.NUMBER),
            Described(Failure.WRONG_MERCHANT, "Another merchant"),
            Described(Failure.WRONG_APP, "Another app"),
            Described(Failure.WRONG_NUMBER, "Another number"),
        ),
    ),
    Group(
        "Notifications",
        NOTICES,
        (
            Described(Failure.NOTIFY_NEVER, "Never"),
            Described(Failure.NOTIFY_TWICE, "Twice"),
            Described(Failure.NOTIFY_AT_ONCE, "Several at once; value: how many", Takes.NUMBER),
            Described(Failure.NOTIFY_LATE, "Late; value: seconds", Takes.NUMBER),
            Described(Failure.NOTIFY_STALE, "With an old signature; value: seconds", Takes.NUMBER),
            Described(Failure.NOTIFY_TAMPERED, "Changed after it was signed"),
            Described(Failure.NOTIFY_UNKNOWN_SIGNER, "Signed by a key that nobody knows"),
            Described(Failure.NOTIFY_WRONG_KEY, "Encrypted with another key"),
            Described(Failure.NOTIFY_PROBE, "A probe before it"),
        ),
    ),
    Group(
        "Order of events",
        (),
        (
            Described(Failure.PAID_BEFORE_ANSWER, "Paid before the order is answered"),
            Described(Failure.REFUNDED_BEFORE_ANSWER, "Refunded before the refund is answered"),
        ),
    ),
    Group(
        "Refunds, shares, transfers",
        (),
        (
            Described(Failure.REFUND_STAYS, "A refund stays under way"),
            Described(Failure.REFUND_ABNORMAL, "A refund is abnormal"),
            Described(Failure.REFUND_CLOSED, "A refund is closed"),
            Described(Failure.SPLIT_FAILS, "One share is not paid; value: whose account", Takes.WORD),
            Described(Failure.RETURN_FAILS, "A share does not come back; value: why", Takes.WORD),
            Described(Failure.PAYOUT_FAILS, "A transfer fails; value: why", Takes.WORD),
            Described(Failure.PAYOUT_STAYS, "A transfer stays under way"),
        ),
    ),
    Group(
        "Bills",
        (),
        (
            Described(Failure.BILL_NOT_READY, "Not ready"),
            Described(Failure.BILL_LINK_EXPIRED, "The link has expired"),
            Described(Failure.BILL_WRONG_HASH, "The hash is wrong"),
            Described(Failure.BILL_REORDERED, "Columns in another order"),
            Described(Failure.BILL_UNKNOWN_LINE, "A payment that nobody asked for"),
            Described(Failure.BILL_MISSING_LINE, "The first payment is left out"),
        ),
    ),
    Group(
        "Clock",
        (),
        (Described(Failure.CLOCK_SKEW, "The provider's clock is off; value: seconds", Takes.NUMBER),),
    ),
)
_BY_FAILURE: Final[Mapping[Failure, Described]] = {
    each.failure: each for group in GROUPS for each in group.failures
}


def refused(failure: Failure, times: int | None, value: str) -> str:
    """Why a switch cannot be turned on like this; empty when it can."""
    if times is not None and times < 1:
        return "must be at least 1"
    described = _BY_FAILURE.get(failure)
    if value and described is not None and described.takes is Takes.NUMBER:
        try:
            number = int(value)
        except ValueError:
            return "must be a whole number"
        if abs(number) > (100 if failure is Failure.NOTIFY_AT_ONCE else MOST):
            return "is too much"
    return ""
