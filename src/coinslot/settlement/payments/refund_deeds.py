"""A plan carried out: entries posted, refunds asked for, principal sent on its way; in the caller's transaction."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from coinslot.ledger.store import post
from coinslot.payments.model import Refund
from coinslot.rows import many
from coinslot.settlement.payments.proposals import Proposal, return_of
from coinslot.settlement.payments.refund_plans import Direct, Leaving, Plan
from coinslot.settlement.payments.refund_requests import RefundRequest
from coinslot.settlement.payments.refunds import RefundRequest as ProviderRefund
from coinslot.settlement.payments.refunds import add_refund
from coinslot.settlement.payments.rows import REFUND_COLUMNS, find_attempt
from coinslot.settlement.payments.suspense import accept_payment
from coinslot.settlement.payments.unit import Connection
from coinslot.settlement.payments.withdrawals import WithdrawalRequest, ask_withdrawal
from coinslot.wire.ids import StaffId

_RETURNS: Final = f"""
    SELECT {REFUND_COLUMNS} FROM refund r WHERE r.operator_id = $1 AND r.withdrawal_id = $2 ORDER BY r.number
"""


async def carry_out(connection: Connection, request: RefundRequest, plan: Plan, staff: StaffId) -> Proposal:
    """Do what was planned; the proposal with the numbers under which it is on its way. TooMuch, LedgerError."""
    if plan.entries:
        await post(connection, plan.entries)
    proposal = plan.proposal
    if plan.direct is not None:
        proposal = await _return_directly(connection, request, proposal, plan.direct)
    if plan.leaving is not None:
        proposal = await _leave_wallet(connection, request, proposal, plan.leaving, staff)
    return proposal


async def _return_directly(
    connection: Connection, request: RefundRequest, proposal: Proposal, direct: Direct
) -> Proposal:
    wanted = ProviderRefund(
        key=f"request:{request.request_id}", amount_minor=direct.amount_minor, why=direct.why
    )
    attempt = direct.attempt
    if direct.paid_as:
        attempt = await accept_payment(connection, attempt, direct.paid_as)
    refund = await add_refund(connection, attempt, wanted)
    return replace(proposal, returns=(return_of(direct.attempt, direct.amount_minor, refund.number),))


async def _leave_wallet(
    connection: Connection, request: RefundRequest, proposal: Proposal, leaving: Leaving, staff: StaffId
) -> Proposal:
    purse = leaving.purse
    wanted = WithdrawalRequest(
        purse=purse, key=f"request:{request.request_id}", amount_minor=leaving.amount_minor, by=staff
    )
    withdrawal = await ask_withdrawal(connection, wanted, only=leaving.only)
    rows = await connection.fetch(_RETURNS, purse.operator, withdrawal.withdrawal_id)
    returns = []
    for refund in many(rows, Refund):
        attempt = await find_attempt(connection, purse.operator, refund.attempt_number)
        assert attempt is not None
        returns.append(return_of(attempt, refund.amount_minor, refund.number))
    return replace(
        proposal,
        returns=tuple(returns),
        by_hand_minor=withdrawal.by_hand_minor,
        withdrawal=withdrawal.withdrawal_id,
    )
