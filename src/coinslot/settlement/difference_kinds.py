"""Differences by name, each with what to do about it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class What(StrEnum):
    """Where two things that must agree do not; `advice` says what to do about it."""

    HOLD = "hold"
    """The hold entries and the session's hold."""
    HOLD_ACCOUNT = "hold_account"
    """The balance of a hold account and what its session still holds."""
    STRAY_HOLD = "stray_hold"
    """Money is held for a session that does not exist."""
    UNKNOWN_SESSION = "unknown_session"
    """Entries name a session that does not exist."""
    CLOSING = "closing"
    """The entry that closes the hold and the session's state."""
    USAGE = "usage"
    """The stored usage and the meter's."""
    CHARGE = "charge"
    """The stored charge and what the frozen quote makes of the usage."""
    CAPTURED = "captured"
    """The captured amount and the smaller of charge and hold."""
    EARNED = "earned"
    """What the entries credit to revenue and parties, and the captured amount."""
    SHARED = "shared"
    """What each party has of it, and its part by the agreement the session has kept."""
    RETURNED = "returned"
    """What went back to the payer, and what was held less what was captured."""
    ARREARS = "arrears"
    """What is owed for usage after a release."""
    REFUNDED = "refunded"
    """Refunds above the charge."""
    REST = "rest"
    """What a guest's payment has left, and what its provider was asked to give back."""
    FOREIGN = "foreign"
    """An entry that touches another customer, payment or merchant, or another currency."""
    UNREADABLE = "unreadable"
    """A quote, a meter or a limit that cannot be read any more."""
    BACKWARDS = "backwards"
    """A register stands below where the session before had left it."""
    OVERCOUNTED = "overcounted"
    """A session has counted more than its register moved."""

    @property
    def advice(self) -> str:
        """What to do about it."""
        return _ADVICE[self]


_SPOILT = (
    "The row was changed by hand or comes from another backup: compare it with the audit and the last backup."
)
_CORRECT = "Correct it by a refund or a reversal with a note, never by an UPDATE."
_ADVICE = {
    What.HOLD: f"{_SPOILT} The entries are what was posted.",
    What.HOLD_ACCOUNT: "Run coinslot ledger verify; if it is sound, the money is still held: release it by an entry.",
    What.STRAY_HOLD: "Find the session in the last backup; without one, reverse the hold so that its payer has it back.",
    What.UNKNOWN_SESSION: f"A session's row is gone: find it in the last backup. {_CORRECT}",
    What.CLOSING: f"The state and the entries tell two stories: read the session's reviews. {_CORRECT}",
    What.USAGE: f"{_SPOILT} The meter's state holds the readings.",
    What.CHARGE: f"{_SPOILT} The quote and the registers decide what is owed.",
    What.CAPTURED: f"Nobody is charged above the hold or the charge. {_CORRECT}",
    What.EARNED: f"The books and the session disagree on the price. {_CORRECT}",
    What.SHARED: f"Compare the parties' statements with the agreement's version. {_CORRECT}",
    What.RETURNED: f"The payer has too much or too little back. {_CORRECT}",
    What.ARREARS: f"The customer owes another amount than the session says. {_CORRECT}",
    What.REFUNDED: "More went back than was charged: stop refunds of this session and ask who made them.",
    What.REST: "Compare the payment's refunds with its session; ask the missing part back, or stop what is too much.",
    What.FOREIGN: f"Money of somebody else was moved in this session's name. {_CORRECT}",
    What.UNREADABLE: f"{_SPOILT} Until then this session cannot be checked.",
    What.BACKWARDS: "Was the meter or its controller replaced? Note it; otherwise have the meter looked at.",
    What.OVERCOUNTED: f"{_SPOILT} The customer may have been charged for more than flowed: refund the rest.",
}


class Difference(Struct, frozen=True, kw_only=True):
    """One thing that does not agree, and where."""

    what: What
    operator: str
    detail: str
    session: str | None = None
    terminal: str | None = None
    outlet: int | None = None
