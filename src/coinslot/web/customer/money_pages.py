"""The pages about a customer's money: topping up, paying, withdrawing, what came and went."""

from __future__ import annotations

from typing import Final

from litestar.types import ControllerRouterHandler

from coinslot.web.customer import money, payers, paying, topup, withdrawing

MONEY: Final[list[ControllerRouterHandler]] = [
    topup.topup_page,
    topup.topup,
    payers.begin_step,
    payers.end_step,
    paying.pay_page,
    paying.pay_state,
    paying.pay_events,
    paying.pay_again,
    paying.choose_way,
    paying.ask_provider,
    withdrawing.withdraw_page,
    withdrawing.withdraw_again,
    withdrawing.review_withdrawal,
    withdrawing.withdraw_for_sure,
    withdrawing.withdrawal_page,
    withdrawing.withdrawal_state,
    money.money_page,
]
