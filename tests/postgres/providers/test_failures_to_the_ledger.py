"""Failures of a direct payment's way, with the real adapters over the wires of made-up providers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from coinslot.ledger.accounts import merchant_refunds_due
from coinslot.payments.states import IntentState, RefundState
from coinslot.sandbox.providers.switches import Failure
from coinslot.settlement.payments.starts import give_up_start

if TYPE_CHECKING:
    from tests.postgres.providers.conftest import WiredShop


async def test_paid_but_not_started_goes_back_exactly_once_whatever_the_wire_does(wired: WiredShop) -> None:
    attempt = await wired.direct()
    till = wired.till
    assert (await till.intent(attempt)).state is IntentState.PAID
    for failure in (Failure.SERVER_ERROR_AFTER, Failure.RATE_LIMIT, Failure.TAMPERED, Failure.SERVER_ERROR):
        wired.switches.turn_on(failure, on="refund", times=1)
    given_up = [give_up_start(till.pool, till.operator, attempt.intent_id) for _ in range(5)]
    refunds = await asyncio.gather(*given_up)
    assert len({refund.number for refund in refunds if refund is not None}) == 1
    await wired.works(rounds=12, every_s=400)
    (refund,) = await till.refunds()
    assert (refund.state, refund.amount_minor) == (RefundState.SUCCEEDED, attempt.amount_minor)
    assert (await till.intent(attempt)).state is IntentState.REFUNDED
    assert await till.clearing(wired.merchant) == 0
    assert await till.balance(merchant_refunds_due(wired.merchant.merchant_id)) == 0


# Alipay has no such state: it gives back or refuses.
@pytest.mark.parametrize("wired", ["wechat"], indirect=True)
async def test_a_refund_that_the_payers_account_cannot_take_is_a_persons(wired: WiredShop) -> None:
    attempt = await wired.direct()
    wired.switches.turn_on(Failure.REFUND_ABNORMAL, times=1)
    await give_up_start(wired.till.pool, wired.till.operator, attempt.intent_id)
    await wired.works(rounds=3)
    (refund,) = await wired.till.refunds()
    assert refund.state is RefundState.ABNORMAL
    assert await wired.till.reviews() == ["refund_abnormal"]
    assert await wired.till.clearing(wired.merchant) == attempt.amount_minor
