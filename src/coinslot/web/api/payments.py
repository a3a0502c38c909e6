"""Collecting money from customers, and giving it back, for an operator's own app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, assert_never

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation
from litestar.types import Guard

from coinslot.audit import Connection
from coinslot.fleet.store import find_operator
from coinslot.fleet.topup_rules import AmountRefused, find_topup_rules
from coinslot.payments.model import Intent, Merchant
from coinslot.payments.port import Channel
from coinslot.payments.standing import Standing
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.errors import KeyReused, NotPayable, Unpayable
from coinslot.settlement.payments.merchants import list_merchants
from coinslot.settlement.payments.offering import Offer, ask_now, offer
from coinslot.settlement.payments.rows import find_intent, find_merchant
from coinslot.settlement.payments.topups import TooManyOpen, TopupWish, open_topup
from coinslot.web.api.customers import own_customer
from coinslot.web.api.documents import BODY, problem_answers
from coinslot.web.api.once import Key, once
from coinslot.web.api.payment_bodies import (
    Noted,
    PayableMerchant,
    PayBody,
    PaymentView,
    TopUpChoice,
    TopUpChoices,
    WayBody,
)
from coinslot.web.api.payment_views import stand_of, view_of
from coinslot.web.api.refusals import (
    key_conflict,
    no_merchant,
    payment_over,
    too_many_attempts,
    too_many_open,
)
from coinslot.web.problems import invalid, not_found
from coinslot.web.request import ApiRequest
from coinslot.web.services import Services
from coinslot.wire.ids import OperatorId, is_id

_Services: TypeAlias = NamedDependency[SkipValidation[Services]]


@get(
    "/top-up-choices",
    summary="What may be topped up",
    description="The operator's amounts with the bonus of each, its limits, and the merchants that can be paid now.",
    responses=problem_answers(),
)
async def top_up_choices(request: ApiRequest, services: _Services) -> TopUpChoices:
    """What may be topped up."""
    async with services.pool.acquire() as connection:
        operator = await find_operator(connection, request.user)
        rules = await find_topup_rules(connection, request.user)
        merchants = await list_merchants(connection, request.user)
    door = services.payments
    return TopUpChoices(
        currency=operator.currency,
        choices=[
            TopUpChoice(amount_minor=one.amount_minor, bonus_minor=one.bonus_minor) for one in rules.choices
        ],
        least_minor=rules.least_minor,
        most_minor=rules.most_minor,
        own_amounts=rules.own_amounts,
        bonus_pause_days=rules.bonus_pause_days,
        merchants=[
            PayableMerchant(merchant=one.merchant_id, provider=one.provider, name=one.name)
            for one in merchants
            if door is not None and one.active and door.find(one) is not None
        ],
    )


@post(
    "/customers/{customer_id:str}/payments",
    opt={"body": PayBody},
    summary="Begin a top-up",
    description=(
        "Opens what is to be collected, with the bonus that is promised now, and has the provider say how it is"
        " paid. Where the provider does not answer the state is `making`: send the same request again. It is"
        " credited on the provider's word alone. The same `Idempotency-Key` is one payment."
    ),
    responses=problem_answers(
        *BODY,
        "not_found",
        "key_conflict",
        "no_merchant",
        "payment_over",
        "too_many_attempts",
        "too_many_open",
    ),
)
async def begin_payment(
    request: ApiRequest,
    customer_id: FromPath[str],
    data: JSONBody[PayBody],
    services: _Services,
    idempotency_key: Key,
) -> PaymentView:
    """Begin a top-up."""
    operator = request.user
    _check(data)

    async def work(connection: Connection) -> Noted:
        await own_customer(connection, operator, customer_id)
        rules = await find_topup_rules(connection, operator)
        try:
            rules.check_amount(data.amount_minor)
        except AmountRefused as refused:
            raise invalid("amount_minor", refused.reason) from None
        return Noted(amount_minor=data.amount_minor)

    noted = await once(services, operator, idempotency_key, data, Noted, work, about=customer_id)
    async with services.pool.acquire() as connection:
        customer = (await own_customer(connection, operator, customer_id)).customer_id
        currency = (await find_operator(connection, operator)).currency
    door, merchant = await _merchant(services, operator, data)
    wish = TopupWish(
        purse=Purse(operator, customer, currency),
        key=f"api:{idempotency_key}",
        amount_minor=noted.amount_minor,
    )
    try:
        intent = await open_topup(services.pool, wish)
    except KeyReused:
        raise key_conflict() from None
    except TooManyOpen:
        raise too_many_open() from None
    except AmountRefused as refused:
        raise invalid("amount_minor", refused.reason) from None
    return await _offered(door, intent, merchant, data, idempotency_key)


@get(
    "/payments/{payment_id:str}",
    summary="Look at a payment",
    description="How it stands, and while it can be paid, how.",
    responses=problem_answers("not_found"),
)
async def show_payment(request: ApiRequest, payment_id: FromPath[str], services: _Services) -> PaymentView:
    """Look at a payment."""
    return await view_of(services.pool, await _intent(services, request.user, payment_id))


@post(
    "/payments/{payment_id:str}/attempts",
    opt={"body": WayBody},
    summary="Pay it in another way",
    description=(
        "What was begun before is closed with its provider; should it be paid all the same, it counts, or goes back"
        " by itself. The same `Idempotency-Key` is one attempt, asked for again where the provider did not answer."
    ),
    responses=problem_answers(
        *BODY, "not_found", "key_conflict", "no_merchant", "payment_over", "too_many_attempts"
    ),
)
async def pay_otherwise(
    request: ApiRequest,
    payment_id: FromPath[str],
    data: JSONBody[WayBody],
    services: _Services,
    idempotency_key: Key,
) -> PaymentView:
    """Pay it in another way."""
    operator = request.user
    _check(data)
    intent = await _intent(services, operator, payment_id)

    async def work(_connection: Connection) -> Noted:
        return Noted(amount_minor=intent.amount_minor)

    await once(services, operator, idempotency_key, data, Noted, work, about=payment_id)
    door, merchant = await _merchant(services, operator, data)
    return await _offered(door, intent, merchant, data, idempotency_key)


@post(
    "/payments/{payment_id:str}/ask",
    status_code=200,
    summary="Ask the provider now",
    description="Instead of waiting for its word, or for the next time that we ask.",
    responses=problem_answers("not_found"),
)
async def ask_payment(request: ApiRequest, payment_id: FromPath[str], services: _Services) -> PaymentView:
    """Ask the provider now."""
    intent = await _intent(services, request.user, payment_id)
    door, (found, now) = services.payments, await stand_of(services.pool, intent)
    if door is not None and found.attempt is not None and found.standing is not Standing.PAID:
        await ask_now(door, found.attempt, now)
        door.nudge()
        intent = await _intent(services, request.user, payment_id)
    return await view_of(services.pool, intent)


def _check(data: WayBody) -> None:
    if data.channel == "in_app" and not data.payer:
        raise invalid("payer", "is needed for `in_app`: the payer's id with the merchant's app")
    if data.channel == "browser" and not data.address:
        raise invalid("address", "is needed for `browser`: providers want to know where the payer is")


async def _merchant(services: Services, operator: OperatorId, data: WayBody) -> tuple[PaymentDoor, Merchant]:
    door = services.payments
    found = await find_merchant(services.pool, operator, data.merchant)
    if (
        door is None
        or found is None
        or not found.active
        or door.find(found) is None
        or found.provider == "counter"
    ):
        raise no_merchant()
    return door, found


async def _offered(
    door: PaymentDoor, intent: Intent, merchant: Merchant, data: WayBody, key: str
) -> PaymentView:
    wanted = Offer(
        intent=intent,
        merchant=merchant,
        channel=Channel(data.channel),
        key=f"api:{key}",
        subject=f"{merchant.name} · 充值 top-up",
        return_url=data.return_url,
        payer=data.payer,
        client_ip=data.address,
        anew=True,
    )
    try:
        await offer(door, wanted)
    except NotPayable as refused:
        match refused.reason:
            case Unpayable.NO_MERCHANT:
                raise no_merchant() from None
            case Unpayable.TOO_MANY:
                raise too_many_attempts() from None
            case Unpayable.OVER | Unpayable.TOO_LATE:
                if (await _now(door, intent)).paid_by is None:
                    raise payment_over() from None
            case _:
                assert_never(refused.reason)
    except KeyReused:
        raise key_conflict() from None
    door.nudge()
    return await view_of(door.pool, await _now(door, intent))


async def _now(door: PaymentDoor, intent: Intent) -> Intent:
    found = await find_intent(door.pool, intent.operator_id, intent.intent_id)
    assert found is not None  # none is ever removed
    return found


async def _intent(services: Services, operator: OperatorId, payment_id: str) -> Intent:
    found = await find_intent(services.pool, operator, payment_id) if is_id(payment_id) else None
    if found is None:
        raise not_found()
    return found


def payment_routes(guards: Sequence[Guard]) -> Router:
    """The routes of this module, behind `guards`."""
    return Router(
        "/",
        route_handlers=[top_up_choices, begin_payment, show_payment, pay_otherwise, ask_payment],
        guards=guards,
        tags=["Payments"],
        security=[{"key": []}],
    )
