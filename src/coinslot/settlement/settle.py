"""How a session ends in money: rated by its frozen quote, captured within its hold, the rest returned.

LEDGER.md's rule holds here: captured = min(charge, hold). What a meter's last pulse shows beyond the
hold is unbilled; usage after a release becomes arrears within the customer's cap, the rest a loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from coinslot import metering, tariffs
from coinslot.ledger import accounts
from coinslot.ledger import events as ledger
from coinslot.ledger.entries import Entry
from coinslot.sessions.model import Session
from coinslot.settlement.authorize import use_scope
from coinslot.settlement.changes import Batch, Purse, Review, ReviewReason, UseKey
from coinslot.settlement.commands import limits_of
from coinslot.settlement.shares import captured_payables, late_payables
from coinslot.wire.registers import Register

GiveBack: TypeAlias = Callable[..., Entry]
"""`ledger.release` or `ledger.lapse`."""


def settle(batch: Batch, session: Session) -> Session:
    """Rate, capture at most the hold, return the rest. In review where the meter is in doubt."""
    quote = tariffs.decode_quote(session.quote.encode())
    usage = _final_usage(batch, session, quote)
    charge_minor = tariffs.rate(quote, usage, cut_short=session.cut_short).amount_minor
    captured_minor = min(charge_minor, session.hold_minor)
    if captured_minor:
        batch.entries.append(
            ledger.capture(
                session.operator,
                session.id,
                session.customer,
                session.currency,
                held_principal_minor=session.hold_principal_minor,
                held_bonus_minor=session.hold_bonus_minor,
                captured_minor=captured_minor,
                payables=captured_payables(session, captured_minor),
                return_principal_to=_due_through(session),
                held_under=session.intent,
            )
        )
    else:
        _give_back(batch, session, ledger.release)
    _count_uses(batch, session, quote, usage)
    return replace(
        session,
        charge_minor=charge_minor,
        captured_minor=captured_minor,
        registers=msgspec.json.encode(usage).decode(),
    )


def release(batch: Batch, session: Session) -> Session:
    """Give the whole hold back, and the reserved allowance with it: nothing was used."""
    return _close_unused(batch, session, ledger.release)


def lapse(batch: Batch, session: Session) -> Session:
    """The same, because the hold's time ran out."""
    return _close_unused(batch, session, ledger.lapse)


def settle_late(batch: Batch, session: Session) -> Session:
    """Usage after a release: it will be owed, as far as the customer's cap allows (`book_late`). A guest, who has
    the money back, owes nothing: it is the operator's loss."""
    quote = tariffs.decode_quote(session.quote.encode())
    usage = _final_usage(batch, session, quote)
    # Nobody is ever charged above the hold they saw, neither at once nor afterwards.
    charge_minor = tariffs.rate(quote, usage, cut_short=session.cut_short).amount_minor
    owed_minor = min(charge_minor, session.hold_minor)
    if owed_minor:
        payables = late_payables(session, owed_minor)  # one that cannot be read is this session's fault alone
        if session.customer is None:
            batch.entries.append(_late(session, payables, arrears_minor=0, write_off_minor=owed_minor))
        else:
            batch.late.append((session, owed_minor))
    _count_uses(batch, session, quote, usage, reserved=False)
    return replace(
        session,
        charge_minor=charge_minor,
        captured_minor=0,
        registers=msgspec.json.encode(usage).decode(),
    )


def book_late(batch: Batch, room: dict[Purse, int]) -> None:
    """Post what late usage owes: arrears as far as the cap leaves room, the rest given up."""
    for session, owed_minor in batch.late:
        purse = purse_of(session)
        arrears_minor = min(owed_minor, room.get(purse, 0))
        room[purse] = room.get(purse, 0) - arrears_minor
        payables = late_payables(session, owed_minor)
        batch.entries.append(
            _late(session, payables, arrears_minor=arrears_minor, write_off_minor=owed_minor - arrears_minor)
        )
        stored = batch.sessions[session.id]
        batch.put_session(replace(stored, arrears_minor=arrears_minor))


def purse_of(session: Session) -> Purse:
    """The accounts of its customer; it must have one."""
    assert session.customer is not None
    return Purse(session.operator, session.customer, session.currency)


def _late(
    session: Session, payables: Sequence[ledger.Payable], *, arrears_minor: int, write_off_minor: int
) -> Entry:
    return ledger.late_usage(
        session.operator,
        session.id,
        session.customer,
        session.currency,
        arrears_minor=arrears_minor,
        write_off_minor=write_off_minor,
        payables=payables,
    )


def _due_through(session: Session) -> str | None:
    """Where what is left of a guest's payment goes, to be refunded from there; None for a customer's wallet."""
    return None if session.merchant is None else accounts.merchant_refunds_due(session.merchant)


def meter_of(session: Session) -> metering.MeterState | None:
    """The registers so far; None before the first."""
    return None if session.meter is None else metering.decode_state(session.meter.encode())


@lru_cache(maxsize=256)
def meter_spec(text: str) -> metering.MeterSpec:
    """What is plausible of the outlet's meter, as it was when the session began."""
    return msgspec.json.decode(text, type=metering.MeterSpec)


def _final_usage(batch: Batch, session: Session, quote: tariffs.Quote) -> dict[Register, int]:
    meter = meter_of(session)
    if meter is None:
        return {}
    spec = meter_spec(session.meter_spec)
    meter = metering.finish(meter, spec, quote.priced)
    usage = meter.usage
    if meter.needs_review:
        doubts = ", ".join(f"{at.register.value}: {at.doubt.value}" for at in meter.doubts)
        _review(batch, session, ReviewReason.METER, doubts)
    over = _overshoot(session, usage, spec)
    if over:
        _review(batch, session, ReviewReason.OVERSHOOT, over)
    return usage


def _overshoot(session: Session, usage: dict[Register, int], spec: metering.MeterSpec) -> str:
    """Registers further beyond their limit than two seconds at full speed: the terminal did not stop."""
    limits = limits_of(session)
    most = {
        Register.ML: limits.ml,
        Register.S: limits.s,
        Register.WH: limits.wh,
        Register.COUNT: limits.count,
    }
    return ", ".join(
        f"{register.value}: {used} of {most[register]}"
        for register, used in usage.items()
        if used > most[register] + 2 * spec.of(register).max_per_s + spec.of(register).pulse
    )


def _close_unused(batch: Batch, session: Session, post: GiveBack) -> Session:
    _give_back(batch, session, post)
    _count_uses(batch, session, tariffs.decode_quote(session.quote.encode()), {})
    return session


def _give_back(batch: Batch, session: Session, post: GiveBack) -> None:
    if session.hold_minor:
        batch.entries.append(
            post(
                session.operator,
                session.id,
                session.customer,
                session.currency,
                principal_minor=session.hold_principal_minor,
                bonus_minor=session.hold_bonus_minor,
                return_principal_to=_due_through(session),
                held_under=session.intent,
            )
        )


def _count_uses(
    batch: Batch,
    session: Session,
    quote: tariffs.Quote,
    usage: dict[Register, int],
    *,
    reserved: bool = True,
) -> None:
    """Return the allowance that was reserved and not needed; count the rest towards tiers."""
    used = tariffs.free_used(quote, usage)
    for register, free in quote.free.items():
        needed = used.get(register, 0) - (free if reserved else 0)
        batch.use(_use_key(session, quote, quote.day, register), needed)
    for rate in quote.rates:
        if rate.scope and usage.get(rate.register):
            batch.use(_use_key(session, quote, rate.scope, rate.register), usage[rate.register])


def _use_key(session: Session, quote: tariffs.Quote, scope: str, register: Register) -> UseKey:
    assert session.customer is not None, "a guest's quote counts nothing over sessions"
    return UseKey(session.operator, session.customer, use_scope(quote, scope), register.value)


def _review(batch: Batch, session: Session, reason: ReviewReason, detail: str) -> None:
    batch.reviews.append(
        Review(
            operator=session.operator,
            reason=reason.value,
            session=session.id,
            terminal=session.terminal,
            detail=detail,
        )
    )
