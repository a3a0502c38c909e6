"""Every event of the table, posted once on a real PostgreSQL, in an order in which life would bring them."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from coinslot.engines.connect import Pool
from coinslot.ledger import events, store
from coinslot.ledger.entries import Entry, EntryKind
from coinslot.ledger.errors import InsufficientFunds, KeyConflict, LedgerError
from coinslot.ledger.events import Charged, Weight
from coinslot.ledger.verify import verify
from tests.postgres.ledger.books import CNY, OP, raw

AGREEMENT = (Weight("hotel", 30), Weight("factory", 60), Weight(None, 10))
CHARGED = Charged(principal_minor=321, weights=AGREEMENT)
LATER = Charged(principal_minor=321, weights=AGREEMENT, refunded_minor=100)
DUE = "merchant/m/refunds_due"

STORY: list[Entry] = [
    events.topup_with_bonus(OP, "pay:0", "c1", CNY, merchant="m", amount_minor=20000, bonus_minor=1000),
    events.cash_topup(OP, "cash:0", "c1", CNY, amount_minor=5000),
    # A session paid from the wallet, refunded in part, then for the rest by a chargeback.
    events.hold(OP, "s1", "c1", CNY, principal_minor=500),
    events.capture(
        OP, "s1", "c1", CNY, held_principal_minor=500, captured_minor=321, payables=events.shares(321, AGREEMENT)
    ),
    events.session_points(OP, "s1", "c1", granted=32),
    events.refund(OP, "s1", "c1", CNY, charged=CHARGED, amount_minor=100),
    events.chargeback(OP, "cb1", CNY, merchant="m", amount_minor=221),
    events.refund(OP, "s1", "c1", CNY, charged=LATER, amount_minor=221, return_principal_to="merchant/m/suspense"),
    events.chargeback(OP, "cb2", CNY, merchant="m", amount_minor=500),
    events.chargeback_explained(OP, "cb2", CNY, merchant="m", borne_by="operator/write_off", amount_minor=500),
    # One paid directly; what was not used goes back through the provider.
    events.direct_payment(OP, "pay1", CNY, merchant="m", amount_minor=500),
    events.capture(
        OP, "s2", "payer", CNY, held_principal_minor=500, captured_minor=321,
        payables=events.shares(321, AGREEMENT), return_principal_to=DUE, held_under="pay1",
    ),
    events.refund_done(OP, "r1", CNY, merchant="m", amount_minor=179),
    events.direct_payment(OP, "pay3", CNY, merchant="m", amount_minor=500),
    events.direct_returned(OP, "pay3", CNY, merchant="m", amount_minor=500),
    # One that never began, one that lapsed, one that turned up late.
    events.hold(OP, "s3", "c1", CNY, principal_minor=300, bonus_minor=200),
    events.release(OP, "s3", "c1", CNY, principal_minor=300, bonus_minor=200),
    events.direct_payment(OP, "pay2", CNY, merchant="m", amount_minor=500, session="s4"),
    events.lapse(OP, "s4", "payer", CNY, principal_minor=500, return_principal_to=DUE),
    events.late_usage(OP, "s3", "c1", CNY, arrears_minor=40, write_off_minor=5),
    events.arrears_repaid(OP, "repaid:1", "c1", CNY, amount_minor=30),
    events.write_off(OP, "given_up:1", "c1", CNY, amount_minor=10),
    # Gas.
    events.vend_hold(OP, "v1", "c1", CNY, principal_minor=10000),
    events.vend_done(OP, "v1", CNY, utility="gas", held_principal_minor=10000, commission_minor=100),
    events.vend_hold(OP, "v2", "c1", CNY, principal_minor=1000),
    events.vend_released(OP, "v2", "c1", CNY, principal_minor=1000),
    # Money out.
    events.withdrawal_asked(OP, "w1", "c1", CNY, amount_minor=2000),
    events.withdrawal_paid(OP, "w1", CNY, paid_from="merchant/m/clearing", amount_minor=2000),
    events.withdrawal_asked(OP, "w2", "c1", CNY, amount_minor=100),
    events.reversal(events.withdrawal_asked(OP, "w2", "c1", CNY, amount_minor=100)),
    # A tenth of the top-up goes back, and of its bonus; a guest's 5.00 by transfer.
    events.withdrawal_asked(OP, "r9", "c1", CNY, amount_minor=2000),
    events.bonus_taken(OP, "r9", "c1", CNY, amount_minor=100),
    events.withdrawal_paid(OP, "r9", CNY, paid_from="merchant/m/clearing", amount_minor=2000),
    events.refund_by_hand(OP, "r8", CNY, merchant="m", paid_from="bank/icbc", amount_minor=500),
    events.payout_sent(OP, "p1", CNY, party="hotel", amount_minor=96),
    events.payout_confirmed(OP, "p1", CNY, bank="icbc", amount_minor=96),
    events.payout_sent(OP, "p2", CNY, party="factory", amount_minor=193),
    events.payout_failed(OP, "p2", CNY, party="factory", amount_minor=193),
    # The provider.
    events.provider_settled(OP, "d1", CNY, merchant="m", bank="icbc", gross_minor=10000, fees_minor=60),
    events.unasked_payment(OP, "pay9", CNY, merchant="m", amount_minor=700),
    events.unasked_explained(OP, "pay9", CNY, merchant="m", belongs_to="customer/c1/principal", amount_minor=700),
    # What somebody had with an earlier system.
    events.opening_balance(OP, "old:c9", "c9", CNY, amount_minor=1500, bonus_minor=200),
    events.gift_points(OP, "g1", "c1", granted=5),
    events.gift_points(OP, "g2", "c1", granted=-5),
]  # fmt: skip

ENDS = {
    # 200 + 50 − 5 + 1.79 + 1.00 − 0.30 − 100 − 20 − 20 + 7
    "customer/c1/principal": 20000 + 5000 - 500 + 179 + 100 - 30 - 10000 - 2000 - 2000 + 700,
    "customer/c1/bonus": 1000 - 100,
    "customer/c9/principal": 1500,
    "customer/c9/bonus": 200,
    "operator/opening": 1500,
    "operator/promotions": 1000 - 100 + 200,
    "customer/c1/arrears": 0,
    "hold/pay1/principal": 0,
    "hold/s3/bonus": 0,
    "hold/s4/principal": 0,
    "hold/v1/principal": 0,
    "hold/v2/principal": 0,
    "party/hotel/payable": 0,
    "party/factory/payable": 193,
    "operator/revenue": 32 + 45 + 100,
    "operator/write_off": 500 + 5 + 10,
    "operator/withdrawals_due": 0,
    "merchant/m/clearing": 20000 - 221 - 500 + 500 - 179 + 500 + 500 - 2000 - 2000 - 10000 + 700,
    "merchant/m/fees": 60,
    "merchant/m/refunds_due": 500 + 500 - 500,
    "merchant/m/suspense": 0,
    "utility/gas/payable": 9900,
    "payout/p1/in_transit": 0,
    "payout/p2/in_transit": 0,
    "bank/icbc": 9940 - 96 - 500,
}


async def test_the_whole_table_is_posted_and_comes_to_what_was_worked_out_by_hand(pool: Pool) -> None:
    assert {entry.kind for entry in STORY} == set(EntryKind)
    for entry in STORY:
        (posted,) = await store.post(pool, [entry])
        assert posted.fresh, entry.key
    assert not any(posted.fresh for posted in await store.post(pool, STORY))
    found = {path: await store.balance(pool, OP, path, CNY) for path in ENDS}
    assert found == ENDS
    assert await store.balance(pool, OP, "customer/c1/points", "PTS") == 32
    async with pool.acquire() as connection:
        assert (await verify(connection)).sound


async def test_of_many_refunds_at_once_never_more_than_the_charge_is_given_back(pool: Pool) -> None:
    await store.post(pool, STORY[:4])
    asked = [
        events.refund(OP, "s1", "c1", CNY, charged=CHARGED, amount_minor=amount) for amount in range(300, 321)
    ]
    answers = await asyncio.gather(*(_try(pool, entry) for entry in asked))
    assert sum(answer is None for answer in answers) == 1
    assert {type(answer) for answer in answers if answer is not None} == {KeyConflict}
    assert await store.balance(pool, OP, "operator/revenue", CNY) >= 0


async def test_a_reversal_cannot_take_back_what_has_been_spent(pool: Pool) -> None:
    await store.post(pool, [STORY[1], events.hold(OP, "s9", "c1", CNY, principal_minor=1)])
    with pytest.raises(InsufficientFunds):
        await store.post(pool, [events.reversal(STORY[1])])


async def test_a_payout_that_was_confirmed_cannot_fail_as_well(pool: Pool) -> None:
    await store.post(
        pool,
        [
            raw("made", ("operator/cash", CNY, 96), ("party/hotel/payable", CNY, -96)),
            events.payout_sent(OP, "p1", CNY, party="hotel", amount_minor=96),
            events.payout_confirmed(OP, "p1", CNY, bank="icbc", amount_minor=96),
        ],
    )
    with pytest.raises(KeyConflict):
        await store.post(pool, [events.payout_failed(OP, "p1", CNY, party="hotel", amount_minor=96)])


async def _try(pool: Pool, entry: Entry) -> LedgerError | asyncpg.PostgresError | None:
    try:
        await store.post(pool, [entry])
    except (LedgerError, asyncpg.PostgresError) as error:
        return error
    return None
