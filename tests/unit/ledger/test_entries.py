"""The rules one entry must meet by itself."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from coinslot.ledger.entries import Entry, EntryKind, Posting, check, fingerprint
from coinslot.ledger.errors import AmountOutOfRange, InvalidEntry, LedgerError, Unbalanced, UnknownAccount
from coinslot.wire.ids import OperatorId

CASH, MINE = "operator/cash", "customer/c1/principal"


def entry(*legs: tuple[str, str, int]) -> Entry:
    return Entry(OperatorId("op"), "k", EntryKind.CASH, tuple(Posting(*leg) for leg in legs))


GOOD = entry((CASH, "CNY", 5), (MINE, "CNY", -5))

BAD: list[tuple[Entry, type[LedgerError]]] = [
    (entry(), Unbalanced),
    (entry((CASH, "CNY", 5)), Unbalanced),
    (entry((CASH, "CNY", 5), (MINE, "CNY", -4)), Unbalanced),
    (entry((CASH, "CNY", 5), (MINE, "EUR", -5)), Unbalanced),
    (entry((CASH, "CNY", 0), (MINE, "CNY", 0)), AmountOutOfRange),
    (entry((CASH, "CNY", 2**63), (MINE, "CNY", -(2**63))), AmountOutOfRange),
    (entry((CASH, "cny", 5), (MINE, "cny", -5)), InvalidEntry),
    (entry((CASH, "CNY", 5), ("customer/c1/wallet", "CNY", -5)), UnknownAccount),
    (entry((CASH, "PTS", 5), ("customer/c1/points", "PTS", -5)), UnknownAccount),
    (entry(("operator/points_issued", "CNY", 5), ("customer/c1/points", "CNY", -5)), UnknownAccount),
    (entry(*[(CASH, "CNY", 1), (MINE, "CNY", -1)] * 501), Unbalanced),
    (replace(GOOD, key=""), InvalidEntry),
    (replace(GOOD, key="k\n"), InvalidEntry),
    (replace(GOOD, key="k" * 201), InvalidEntry),
    (replace(GOOD, key="鍵"), InvalidEntry),
    (replace(GOOD, operator=OperatorId("a/b")), InvalidEntry),
    (replace(GOOD, session="s\n"), InvalidEntry),
    (replace(GOOD, session=""), InvalidEntry),
]


def test_a_balanced_entry_passes() -> None:
    check(GOOD)


@pytest.mark.parametrize(("bad", "error"), BAD)
def test_a_bad_entry_is_refused_by_name(bad: Entry, error: type[LedgerError]) -> None:
    with pytest.raises(error):
        check(bad)


def test_the_fingerprint_tells_contents_apart() -> None:
    legs = GOOD.postings
    seen = {
        fingerprint("cash", None, legs),
        fingerprint("cash", "s", legs),
        fingerprint("hold", None, legs),
        fingerprint("cash", None, legs[::-1]),
        fingerprint("cash", None, (legs[0]._replace(amount_minor=6), legs[1])),
    }
    assert len(seen) == 5
