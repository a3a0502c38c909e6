"""Shared by the ledger's tests: short ways to write entries, and random books."""

from __future__ import annotations

import random
from collections.abc import Iterator

from coinslot.ledger import events
from coinslot.ledger.entries import Entry, EntryKind, Posting
from coinslot.wire.ids import OperatorId

OP = OperatorId("op_a")
OTHER = OperatorId("op_b")
CNY = "CNY"
MINE = "customer/c1/principal"


def cash(key: str, amount_minor: int, customer: str = "c1", operator: OperatorId = OP) -> Entry:
    """Counter cash into a wallet."""
    return events.cash_topup(operator, key, customer, CNY, amount_minor=amount_minor)


def hold(session: str, amount_minor: int, customer: str = "c1", operator: OperatorId = OP) -> Entry:
    """A hold of a wallet's principal."""
    return events.hold(operator, session, customer, CNY, principal_minor=amount_minor)


def capture(session: str, held_minor: int, captured_minor: int, customer: str = "c1") -> Entry:
    """A capture with one party at three tenths."""
    return events.capture(
        OP, session, customer, CNY, held_principal_minor=held_minor, captured_minor=captured_minor,
        payables=[events.Payable("hotel", captured_minor * 3 // 10)],
    )  # fmt: skip


def raw(key: str, *legs: tuple[str, str, int], operator: OperatorId = OP) -> Entry:
    """An entry that no builder would make."""
    return Entry(operator, key, EntryKind.REVERSAL, tuple(Posting(*leg) for leg in legs))


def random_books(seed: int, wanted: int) -> Iterator[Entry]:
    """Valid entries of two operators: top-ups, holds, captures, releases, late usage, points."""
    rng = random.Random(seed)
    serial = 0
    for serial in range(wanted):
        operator = rng.choice((OP, OTHER))
        customer, session = f"c{rng.randrange(50)}", f"s{serial}"
        amount_minor = rng.randrange(1, 1000)
        match serial % 5:
            case 0:
                yield cash(f"cash:{serial}", 100_000, customer, operator)
                yield hold(session, amount_minor, customer, operator)
            case 1:
                yield events.late_usage(operator, session, customer, CNY, arrears_minor=1)
            case 2:
                yield events.points(operator, f"points:{serial}", customer, granted=amount_minor)
            case 3:
                yield events.topup_with_bonus(
                    operator, f"pay:{serial}", customer, CNY, merchant="m1", amount_minor=amount_minor, bonus_minor=5
                )  # fmt: skip
            case _:
                yield cash(f"cash:{serial}", amount_minor, customer, operator)
                yield hold(session, amount_minor, customer, operator)
                if rng.random() < 0.5:
                    yield events.capture(
                        operator, session, customer, CNY, held_principal_minor=amount_minor,
                        captured_minor=rng.randrange(amount_minor + 1), payables=(),
                    )  # fmt: skip
                else:
                    yield events.release(operator, session, customer, CNY, principal_minor=amount_minor)
