"""What a session's row, its meter and its journal entries must agree in; pure, for `reconcile`.

Nothing is taken at its word: usage comes from the meter's state, the charge from the frozen quote and that
usage, the hold from the entries and from the hold accounts' balances.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from coinslot import metering, tariffs
from coinslot.ledger.accounts import POINTS, AccountKind, parse_account
from coinslot.ledger.entries import EntryKind
from coinslot.ledger.errors import UnknownAccount
from coinslot.ledger.events import Taken, take
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.difference_kinds import Difference, What
from coinslot.settlement.settle import meter_of
from coinslot.settlement.shares import parties_hold
from coinslot.sharing import SharingError
from coinslot.wire.registers import Register

__all__ = ["Difference", "PostedLeg", "What", "judge"]


class PostedLeg(NamedTuple):
    """A leg of an entry that names a session."""

    session: str
    key: str
    kind: str
    account: str
    currency: str
    amount_minor: int


_EARNED = (AccountKind.PARTY_PAYABLE, AccountKind.OPERATOR_REVENUE, AccountKind.UTILITY_PAYABLE)
_PRINCIPAL_BACK = (AccountKind.CUSTOMER_PRINCIPAL, AccountKind.MERCHANT_REFUNDS_DUE)
_CLOSES = (EntryKind.CAPTURE, EntryKind.RELEASE, EntryKind.LAPSE)


@dataclass
class _Tally:
    """A session's legs, added up by what they mean; minor units, positive in the direction of the name."""

    held: dict[AccountKind, int] = field(default_factory=dict)
    closings: dict[str, str] = field(default_factory=dict)
    """Kinds by key."""
    earned_minor: int = 0
    late_minor: int = 0
    refunded_minor: int = 0
    arrears_minor: int = 0
    returned_principal_minor: int = 0
    returned_bonus_minor: int = 0
    shared: dict[str, int] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)


def judge(session: Session, legs: Sequence[PostedLeg], account: Taken) -> Iterator[Difference]:
    """Every disagreement about one session; `account` is what its hold accounts hold now."""
    tally = _tally(session, legs)
    found = [
        *((What.FOREIGN, f"touches {account}") for account in sorted(tally.foreign)),
        *_hold(session, tally, account),
        *_closing(session, tally),
    ]
    if session.state in (State.SETTLED, State.LATE):
        found += _charge(session)
    found += _money(session, tally)
    for what, detail in found:
        yield Difference(
            what=what,
            operator=session.operator,
            detail=detail,
            session=session.id,
            terminal=session.terminal,
            outlet=session.outlet,
        )


def _tally(session: Session, legs: Sequence[PostedLeg]) -> _Tally:
    tally = _Tally()
    for leg in legs:
        if leg.currency == POINTS:
            continue
        if leg.kind in _CLOSES:
            tally.closings[leg.key] = leg.kind
        try:
            account = parse_account(leg.account)
        except UnknownAccount:
            tally.foreign.add(leg.account)
            continue
        if leg.currency != session.currency or not _own(session, leg.account):
            tally.foreign.add(f"{leg.account} in {leg.currency} ({leg.key})")
        _add(tally, leg, account)
    return tally


def _own(session: Session, account: str) -> bool:
    """Whether money of this account may move in the session's name."""
    whose, name = account.split("/")[:2]
    match whose:
        case "customer":
            return name == session.customer
        case "hold":
            return name == session.held_under
        case "merchant":
            return session.merchant is None or name == session.merchant
        case _:
            return True


def _add(tally: _Tally, leg: PostedLeg, account: AccountKind) -> None:
    if account is AccountKind.PARTY_PAYABLE:
        tally.shared[leg.account] = tally.shared.get(leg.account, 0) - leg.amount_minor
    if account in _EARNED:
        if leg.kind == EntryKind.REFUND:
            tally.refunded_minor += leg.amount_minor
        elif leg.kind == EntryKind.ARREARS:
            tally.late_minor -= leg.amount_minor
        else:
            tally.earned_minor -= leg.amount_minor
    elif leg.kind == EntryKind.HOLD:
        tally.held[account] = tally.held.get(account, 0) - leg.amount_minor
    elif leg.kind == EntryKind.ARREARS and account is AccountKind.CUSTOMER_ARREARS:
        tally.arrears_minor += leg.amount_minor
    elif leg.kind in (*_CLOSES, EntryKind.REVERSAL) and account in _PRINCIPAL_BACK:
        tally.returned_principal_minor -= leg.amount_minor
    elif leg.kind in (*_CLOSES, EntryKind.REVERSAL) and account is AccountKind.CUSTOMER_BONUS:
        tally.returned_bonus_minor -= leg.amount_minor


Found = Iterator[tuple[What, str]]


def _hold(session: Session, tally: _Tally, account: Taken) -> Found:
    row = Taken(session.hold_principal_minor, session.hold_bonus_minor)
    posted = Taken(tally.held.get(AccountKind.HOLD_PRINCIPAL, 0), tally.held.get(AccountKind.HOLD_BONUS, 0))
    if posted != row:
        yield What.HOLD, f"entries hold {_halves(posted)}, the session {_halves(row)}"
    expected = row if session.live else Taken(0, 0)
    if account != expected:
        yield (
            What.HOLD_ACCOUNT,
            f"{session.state.value}: the accounts hold {_halves(account)}, not {_halves(expected)}",
        )


def _closing(session: Session, tally: _Tally) -> Found:
    kinds = sorted(tally.closings.values())
    expected = _closings(session)
    if kinds not in expected:
        names = " or ".join(each[0] if each else "none" for each in expected)
        yield What.CLOSING, f"{session.state.value}: closed by {', '.join(kinds) or 'none'}, not by {names}"


def _closings(session: Session) -> list[list[str]]:
    if session.live or not session.hold_minor:
        return [[]]
    if session.state is State.SETTLED:
        return [[EntryKind.CAPTURE.value if session.captured_minor else EntryKind.RELEASE.value]]
    return [[EntryKind.RELEASE.value], [EntryKind.LAPSE.value]]


def _charge(session: Session) -> Found:
    """The row against its own quote and meter."""
    try:
        quote = tariffs.decode_quote(session.quote.encode())
        meter = meter_of(session)
        usage: dict[Register, int] = {} if meter is None else meter.usage
        stored = msgspec.json.decode((session.registers or "{}").encode(), type=dict[str, int])
    except (tariffs.QuoteError, metering.MeterStateError, msgspec.MsgspecError) as error:
        yield What.UNREADABLE, str(error)
        return
    measured = {register.value: used for register, used in usage.items()}
    if stored != measured:
        yield What.USAGE, f"stored {_units(stored)}, metered {_units(measured)}"
    charge_minor = tariffs.rate(quote, usage, cut_short=session.cut_short).amount_minor
    if session.charge_minor != charge_minor:
        yield What.CHARGE, f"stored {session.charge_minor}, rated {charge_minor}"
    captured_minor = min(charge_minor, session.hold_minor) if session.state is State.SETTLED else 0
    if (session.captured_minor or 0) != captured_minor:
        yield What.CAPTURED, f"stored {session.captured_minor}, it must be {captured_minor}"


def _money(session: Session, tally: _Tally) -> Found:
    """The row against the entries."""
    captured_minor = session.captured_minor or 0
    if tally.earned_minor != captured_minor:
        yield What.EARNED, f"entries credit {tally.earned_minor}, captured were {captured_minor}"
    returned = Taken(tally.returned_principal_minor, tally.returned_bonus_minor)
    if not session.live:
        taken = take(captured_minor, session.hold_principal_minor, session.hold_bonus_minor)
        expected = Taken(
            session.hold_principal_minor - taken.principal_minor, session.hold_bonus_minor - taken.bonus_minor
        )
        if returned != expected:
            yield What.RETURNED, f"{_halves(returned)} went back, not {_halves(expected)}"
    owed_minor = min(session.charge_minor or 0, session.hold_minor) if session.state is State.LATE else 0
    if tally.late_minor != owed_minor:
        yield What.ARREARS, f"entries credit {tally.late_minor} after the release, not {owed_minor}"
    if tally.arrears_minor != session.arrears_minor:
        yield What.ARREARS, f"the customer was charged {tally.arrears_minor}, stored {session.arrears_minor}"
    if tally.refunded_minor > tally.earned_minor + tally.late_minor:
        charged_minor = tally.earned_minor + tally.late_minor
        yield What.REFUNDED, f"{tally.refunded_minor} of {charged_minor} were refunded"
    elif (tally.earned_minor, tally.late_minor) == (captured_minor, owed_minor):
        yield from _shares(session, tally)


def _shares(session: Session, tally: _Tally) -> Found:
    """Each party, refunds taken off, against the agreement that the session has kept."""
    try:
        expected = parties_hold(session, tally.refunded_minor)
    except SharingError as error:
        yield What.UNREADABLE, str(error)
        return
    shared = {account: amount_minor for account, amount_minor in tally.shared.items() if amount_minor}
    if shared != expected:
        yield What.SHARED, f"parties have {shared or 'nothing'}, agreed is {expected or 'nothing'}"


def _halves(amount: Taken) -> str:
    return f"{amount.principal_minor} + {amount.bonus_minor} bonus" if amount.bonus_minor else f"{amount[0]}"


def _units(usage: dict[str, int]) -> str:
    return ", ".join(f"{used} {register}" for register, used in sorted(usage.items())) or "nothing"
