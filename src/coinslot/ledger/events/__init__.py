"""What each event posts: pure builders of entries, one for each row of the table in docs/ledger.md.

Owns: which accounts an event touches, with which signs, and the key that makes it happen once.
Does not decide: when money moves, how much a use costs, or which weights parties agreed on.
Invariants: amounts are minor units and, unless a builder says otherwise, never negative; a leg of zero is left
out; every entry sums to zero; amounts that contradict each other raise `InvalidEntry`; keys come from the cause,
so that doing a thing twice posts it once.
"""

from coinslot.ledger.events.building import Payable, Taken, take
from coinslot.ledger.events.corrections import WHOLLY_OPERATORS, Charged, Weight, refund, reversal, shares
from coinslot.ledger.events.parties import (
    payout_confirmed,
    payout_failed,
    payout_sent,
    vend_done,
    vend_hold,
    vend_released,
)
from coinslot.ledger.events.payments import (
    chargeback,
    chargeback_explained,
    direct_payment,
    direct_returned,
    provider_settled,
    refund_by_hand,
    refund_done,
    unasked_explained,
    unasked_payment,
)
from coinslot.ledger.events.sessions import capture, hold, lapse, late_usage, release
from coinslot.ledger.events.wallet import (
    arrears_repaid,
    bonus_taken,
    bonus_taken_key,
    cash_topup,
    gift_points,
    opening_balance,
    points,
    session_points,
    session_points_key,
    topup_with_bonus,
    withdrawal_asked,
    withdrawal_paid,
    write_off,
)

__all__ = [
    "WHOLLY_OPERATORS",
    "Charged",
    "Payable",
    "Taken",
    "Weight",
    "arrears_repaid",
    "bonus_taken",
    "bonus_taken_key",
    "capture",
    "cash_topup",
    "chargeback",
    "chargeback_explained",
    "direct_payment",
    "direct_returned",
    "gift_points",
    "hold",
    "lapse",
    "late_usage",
    "opening_balance",
    "payout_confirmed",
    "payout_failed",
    "payout_sent",
    "points",
    "provider_settled",
    "refund",
    "refund_by_hand",
    "refund_done",
    "release",
    "reversal",
    "session_points",
    "session_points_key",
    "shares",
    "take",
    "topup_with_bonus",
    "unasked_explained",
    "unasked_payment",
    "vend_done",
    "vend_hold",
    "vend_released",
    "withdrawal_asked",
    "withdrawal_paid",
    "write_off",
]
