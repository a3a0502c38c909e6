"""What may go wrong, one switch each. A switch is on for one operation or for all, for some times or until it is
turned off."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

EVERY: Final = "*"
"""Any operation."""


class Failure(StrEnum):
    """A failure of a provider or of the way to it. `value` is what a failure may be told in addition."""

    # Answers to our requests. Operations: create, query, close, refund, query_refund, bill, bill_file, openid,
    # split, query_split, return_split, query_return, receiver, payout, query_payout, and what other providers call theirs.
    SILENT_AFTER = "silent_after"
    """Done, and never answered."""
    SILENT_BEFORE = "silent_before"
    """Not done, and never answered."""
    CUT_AFTER = "cut_after"
    """Done; the connection ends in the middle of the answer."""
    SERVER_ERROR = "server_error"
    """500, and not done."""
    SERVER_ERROR_AFTER = "server_error_after"
    """500, and done all the same."""
    RATE_LIMIT = "rate_limit"
    """429, and not done."""
    TAMPERED = "tampered"
    """An answer changed after it was signed."""
    UNSIGNED = "unsigned"
    """An answer without any signature."""
    UNKNOWN_SIGNER = "unknown_signer"
    """An answer signed by a key that nobody has heard of."""
    REFUSED_UNSIGNED = "refused_unsigned"
    """Not done; an error without signature, as somebody between us and the provider would send it."""
    REFUSED = "refused"
    """Not done; an error signed as it should be. `value`: status and code, such as `403 NO_AUTH`."""

    # What answers and notifications say. Operations: those above, notify_payment, notify_refund.
    WRONG_AMOUNT = "wrong_amount"
    """`value`: the amount in minor units that is told instead; default one less."""
    WRONG_MERCHANT = "wrong_merchant"
    WRONG_APP = "wrong_app"
    WRONG_NUMBER = "wrong_number"

    # Notifications. Operations: notify_payment, notify_refund.
    NOTIFY_NEVER = "notify_never"
    NOTIFY_TWICE = "notify_twice"
    """The same one again after the first was taken."""
    NOTIFY_AT_ONCE = "notify_at_once"
    """Several copies at the same time. `value`: how many; default 5."""
    NOTIFY_LATE = "notify_late"
    """`value`: seconds; default 600."""
    NOTIFY_STALE = "notify_stale"
    """With a signature made long ago. `value`: seconds; default 600."""
    NOTIFY_TAMPERED = "notify_tampered"
    NOTIFY_UNKNOWN_SIGNER = "notify_unknown_signer"
    NOTIFY_WRONG_KEY = "notify_wrong_key"
    """Encrypted with another key than the merchant has."""
    NOTIFY_PROBE = "notify_probe"
    """A probe that must be answered as a failed verification, before the real one."""
    PAID_BEFORE_ANSWER = "paid_before_answer"
    """Paid, and notified of, before `create` is answered."""
    REFUNDED_BEFORE_ANSWER = "refunded_before_answer"
    """Refunded, and notified of, before `refund` is answered."""

    # Bills.
    BILL_NOT_READY = "bill_not_ready"
    BILL_LINK_EXPIRED = "bill_link_expired"
    BILL_WRONG_HASH = "bill_wrong_hash"
    BILL_REORDERED = "bill_reordered"
    """The same columns in another order."""
    BILL_UNKNOWN_LINE = "bill_unknown_line"
    """A payment that we never asked for."""
    BILL_MISSING_LINE = "bill_missing_line"
    """The first payment is left out."""

    # Refunds and splits.
    REFUND_STAYS = "refund_stays"
    """Stays in processing."""
    REFUND_ABNORMAL = "refund_abnormal"
    REFUND_CLOSED = "refund_closed"
    SPLIT_FAILS = "split_fails"
    """One receiver's part is not paid out. `value`: the receiver's account; default the first."""

    RETURN_FAILS = "return_fails"
    """A receiver's part does not come back. `value`: why, in the provider's word."""
    PAYOUT_FAILS = "payout_fails"
    """A transfer fails once the payee has confirmed it. `value`: why, in the provider's word."""
    PAYOUT_STAYS = "payout_stays"
    """It stays under way."""

    CLOCK_SKEW = "clock_skew"
    """The provider's clock is off. `value`: seconds, plus is ahead; default 600."""


@dataclass
class Armed:
    """One switch that is on."""

    failure: Failure
    on: str = EVERY
    """The operation."""
    times: int | None = None
    """How often it still happens; None: until turned off."""
    value: str = ""

    def number(self, default: int) -> int:
        """The value as a whole number."""
        return int(self.value) if self.value else default


class Switches:
    """Which failures are on."""

    def __init__(self) -> None:
        self._armed: list[Armed] = []

    def turn_on(
        self, failure: Failure, *, on: str = EVERY, times: int | None = None, value: str = ""
    ) -> Armed:
        """From now on this fails."""
        armed = Armed(failure, on, times, value)
        self._armed.append(armed)
        return armed

    def turn_off(self, failure: Failure | None = None) -> None:
        """This one, or all, work again."""
        self._armed = [each for each in self._armed if failure is not None and each.failure is not failure]

    def armed(self) -> tuple[Armed, ...]:
        """Those that are on."""
        return tuple(self._armed)

    def take(self, failure: Failure, on: str = EVERY) -> Armed | None:
        """Whether this is to fail now; counted."""
        for armed in self._armed:
            if armed.failure is failure and (EVERY in (armed.on, on) or armed.on == on):
                if armed.times is not None:
                    armed.times -= 1
                    if armed.times <= 0:
                        self._armed.remove(armed)
                return armed
        return None
