"""Giving customers their principal back, for an operator's own app and its desk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation
from litestar.types import Guard

from coinslot.audit import Connection
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.errors import BonusHeld, KeyReused, TooMuch
from coinslot.settlement.payments.withdrawal_views import (
    WithdrawalView as Found,
)
from coinslot.settlement.payments.withdrawal_views import (
    find_withdrawal,
    preview_withdrawal,
    withdrawals_lately,
)
from coinslot.settlement.payments.withdrawals import WithdrawalRequest, withdraw
from coinslot.web import reading
from coinslot.web.api.customers import BY, own_customer
from coinslot.web.api.documents import BODY, problem_answers
from coinslot.web.api.once import Key, once
from coinslot.web.api.payment_bodies import (
    Noted,
    PlannedPart,
    WithdrawalPart,
    WithdrawalPreview,
    WithdrawalView,
    WithdrawBody,
)
from coinslot.web.api.refusals import bonus_held, key_conflict, too_many_withdrawals, too_much
from coinslot.web.problems import not_found
from coinslot.web.reading import Balance
from coinslot.web.request import ApiRequest
from coinslot.web.services import Services
from coinslot.wire.ids import CustomerId, OperatorId, is_id

if TYPE_CHECKING:
    from coinslot.web.reading import Reader

MOST_A_DAY: Final = 20

_Services: TypeAlias = NamedDependency[SkipValidation[Services]]


@post(
    "/customers/{customer_id:str}/withdrawals/preview",
    opt={"body": WithdrawBody},
    status_code=200,
    summary="What a withdrawal would do",
    description="To which payments it would go back, the oldest first, and what is to be paid at the counter.",
    responses=problem_answers(*BODY, "not_found", "too_much"),
)
async def preview(
    request: ApiRequest, customer_id: FromPath[str], data: JSONBody[WithdrawBody], services: _Services
) -> WithdrawalPreview:
    """What a withdrawal would do."""
    async with services.pool.acquire() as connection:
        customer = (await own_customer(connection, request.user, customer_id)).customer_id
        held = await _balance(connection, request.user, customer)
        free_minor = _free_minor(held)
        amount_minor = _wanted(data, free_minor)
        found = await preview_withdrawal(
            connection, Purse(request.user, customer, held.currency), amount_minor
        )
    return WithdrawalPreview(
        currency=held.currency,
        free_minor=free_minor,
        amount_minor=amount_minor,
        parts=[
            PlannedPart(amount_minor=part.amount_minor, provider=part.provider, paid_at=part.paid_at)
            for part in found.parts
        ],
        by_hand_minor=found.by_hand_minor,
        bonus_minor=held.bonus_minor,
        bonus_back_minor=found.bonus_back_minor,
    )


@post(
    "/customers/{customer_id:str}/withdrawals",
    opt={"body": WithdrawBody},
    summary="Withdraw",
    description=(
        "Takes principal out of the wallet at once and returns it to the payments it came from, the oldest first;"
        " what no refund can carry is paid at the counter. The part of the bonus that belongs to them leaves the wallet, too,"
        " as far as it is not spent. Without an amount it is all that is free at that moment."
        " The same `Idempotency-Key` is one withdrawal."
    ),
    responses=problem_answers(
        *BODY, "not_found", "key_conflict", "too_much", "bonus_held", "too_many_withdrawals"
    ),
)
async def begin_withdrawal(
    request: ApiRequest,
    customer_id: FromPath[str],
    data: JSONBody[WithdrawBody],
    services: _Services,
    idempotency_key: Key,
) -> WithdrawalView:
    """Withdraw."""
    operator = request.user

    async def work(connection: Connection) -> Noted:
        customer = (await own_customer(connection, operator, customer_id)).customer_id
        if await withdrawals_lately(connection, operator, customer) >= MOST_A_DAY:
            raise too_many_withdrawals()
        return Noted(amount_minor=_wanted(data, _free_minor(await _balance(connection, operator, customer))))

    noted = await once(services, operator, idempotency_key, data, Noted, work, about=customer_id)
    customer = CustomerId(customer_id)
    held = await _balance(services.pool, operator, customer)
    wanted = WithdrawalRequest(
        purse=Purse(operator, customer, held.currency),
        key=f"api:{idempotency_key}",
        amount_minor=noted.amount_minor,
        by=BY,
    )
    try:
        made = await withdraw(services.pool, wanted)
    except TooMuch as refused:
        raise too_much(refused.left_minor) from None
    except BonusHeld as refused:
        raise bonus_held(refused.held_minor) from None
    except KeyReused:
        raise key_conflict() from None
    if services.payments is not None:
        services.payments.nudge()
    return await _view(services, operator, made.withdrawal_id)


@get(
    "/withdrawals/{withdrawal_id:str}",
    summary="Look at a withdrawal",
    description="How far each of its parts is.",
    responses=problem_answers("not_found"),
)
async def show_withdrawal(
    request: ApiRequest, withdrawal_id: FromPath[str], services: _Services
) -> WithdrawalView:
    """Look at a withdrawal."""
    return await _view(services, request.user, withdrawal_id)


async def _balance(reader: Reader, operator: OperatorId, customer: CustomerId) -> Balance:
    found = await reading.find_balance(reader, operator, customer)
    if found is None:
        raise not_found()
    return found


def _free_minor(held: Balance) -> int:
    return max(0, held.principal_minor - held.arrears_minor)


def _wanted(data: WithdrawBody, free_minor: int) -> int:
    amount_minor = free_minor if data.amount_minor is None else data.amount_minor
    if not 0 < amount_minor <= free_minor:
        raise too_much(free_minor)
    return amount_minor


async def _view(services: Services, operator: OperatorId, withdrawal_id: str) -> WithdrawalView:
    found = await find_withdrawal(services.pool, operator, withdrawal_id) if is_id(withdrawal_id) else None
    if found is None:
        raise not_found()
    return _shown(found)


def _shown(found: Found) -> WithdrawalView:
    made = found.withdrawal
    return WithdrawalView(
        id=made.withdrawal_id,
        customer=made.customer_id,
        currency=made.currency,
        amount_minor=made.amount_minor,
        paid_minor=made.paid_minor,
        back_minor=made.back_minor,
        by_hand_minor=made.by_hand_minor,
        by_hand_paid=found.is_by_hand_paid,
        parts=[
            WithdrawalPart(
                amount_minor=part.refund.amount_minor,
                provider=part.provider,
                state=part.refund.state,
                paid_at=part.paid_at,
                ended_at=part.refund.ended_at,
            )
            for part in found.parts
        ],
        asked_at=made.asked_at,
        ended_at=made.ended_at,
    )


def withdrawal_routes(guards: Sequence[Guard]) -> Router:
    """The routes of this module, behind `guards`."""
    return Router(
        "/",
        route_handlers=[preview, begin_withdrawal, show_withdrawal],
        guards=guards,
        tags=["Payments"],
        security=[{"key": []}],
    )
