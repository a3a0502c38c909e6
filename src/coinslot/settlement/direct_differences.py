"""What a payment for one use, its session and its refunds must agree in; pure, for `reconcile`."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from coinslot.settlement.difference_kinds import What


class DirectPaid(Struct, frozen=True, kw_only=True):
    """A payment for one use, with what became of it. Minor units."""

    intent_id: str
    amount_minor: int
    account_minor: int
    """What its hold account has now."""
    decided: bool
    """Whether a session or a refund was chosen for it."""
    paid_to: str
    """The merchant that collected it."""
    session_id: str | None
    merchant_id: str | None
    """By the session, like …"""
    held_minor: int | None
    captured_minor: int
    ended: bool
    returned: bool
    """… and whether it notes that its rest was asked back."""
    asked: int
    asked_minor: int
    """Refunds asked of the provider for what no use has needed."""


def judge_rest(paid: DirectPaid) -> Iterator[tuple[What, str]]:
    """Every disagreement about one payment."""
    if paid.session_id is None:
        yield from _without_session(paid)
        return
    if paid.held_minor != paid.amount_minor:
        yield What.HOLD, f"{paid.intent_id}: {paid.amount_minor} were paid, its session has {paid.held_minor}"
    if paid.merchant_id != paid.paid_to:
        yield (
            What.FOREIGN,
            f"{paid.intent_id} was paid to {paid.paid_to}, its session names {paid.merchant_id}",
        )
    if not paid.decided:
        yield What.REST, f"{paid.intent_id}: a session, and nobody has noted that it is the one"
    due_minor = paid.amount_minor - paid.captured_minor if paid.ended and paid.returned else 0
    if (paid.asked, paid.asked_minor) != (int(due_minor > 0), due_minor):
        yield (
            What.REST,
            f"{paid.intent_id}: {paid.asked_minor} asked back in {paid.asked} refunds, due are {due_minor}",
        )


def _without_session(paid: DirectPaid) -> Iterator[tuple[What, str]]:
    due_minor = paid.amount_minor if paid.decided else 0
    if paid.account_minor != paid.amount_minor - due_minor:
        yield (
            What.HOLD_ACCOUNT,
            f"{paid.intent_id}: {paid.account_minor} are held, not {paid.amount_minor - due_minor}",
        )
    if (paid.asked, paid.asked_minor) != (int(due_minor > 0), due_minor):
        yield (
            What.REST,
            f"{paid.intent_id}: {paid.asked_minor} asked back in {paid.asked} refunds, due are {due_minor}",
        )
