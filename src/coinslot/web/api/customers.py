"""Customers: registered, found, topped up at a counter; what is on the wallet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation
from litestar.types import Guard

from coinslot.audit import Connection, write_audit
from coinslot.fields import TakenError
from coinslot.fleet.store import find_operator
from coinslot.ledger.errors import KeyConflict
from coinslot.people.customers import add_customer, customer_by_id, customer_by_phone
from coinslot.people.models import Customer
from coinslot.people.real_names import find_real_name
from coinslot.people.rules import masked_phone
from coinslot.settlement.changes import Purse
from coinslot.settlement.topup import pay_in_cash
from coinslot.web import reading
from coinslot.web.api.bodies import (
    CustomerView,
    PhoneBody,
    PointsView,
    RegisterBody,
    Registered,
    TopUpAnswer,
    TopUpBody,
)
from coinslot.web.api.documents import BODY, problem_answers
from coinslot.web.api.once import Key, once
from coinslot.web.api.refusals import key_conflict, phone_taken
from coinslot.web.problems import not_found
from coinslot.web.request import ApiRequest
from coinslot.web.services import Services
from coinslot.wire.ids import CustomerId, OperatorId, is_id

BY: Final = "api"

_Services: TypeAlias = NamedDependency[SkipValidation[Services]]


@post(
    "/customers",
    opt={"body": RegisterBody},
    summary="Register a customer",
    description=(
        "At a desk or by another system: a name, a phone number that is new to this operator, or both. A customer"
        " who comes with the phone later logs in to this same wallet."
    ),
    responses=problem_answers(*BODY, "phone_taken", "key_conflict"),
)
async def register(
    request: ApiRequest, data: JSONBody[RegisterBody], services: _Services, idempotency_key: Key
) -> CustomerView:
    """Register a customer."""
    operator = request.user

    async def work(connection: Connection) -> Registered:
        try:
            made = await add_customer(connection, operator, name=data.name, phone=data.phone, by=BY)
        except TakenError:
            raise phone_taken() from None
        return Registered(customer=made.customer_id)

    done = await once(services, operator, idempotency_key, data, Registered, work)
    async with services.pool.acquire() as connection:
        return await _view(connection, await own_customer(connection, operator, done.customer))


@post(
    "/customers/search",
    opt={"body": PhoneBody},
    status_code=200,
    summary="Find a customer by phone",
    description="The number is in the body, so that it ends up in no log of addresses.",
    responses=problem_answers(*BODY, "not_found"),
)
async def search(request: ApiRequest, data: JSONBody[PhoneBody], services: _Services) -> CustomerView:
    """Find a customer by phone."""
    async with services.pool.acquire() as connection:
        found = await customer_by_phone(connection, request.user, data.phone)
        if found is None:
            raise not_found()
        return await _view(connection, found)


@get(
    "/customers/{customer_id:str}",
    summary="Look at a customer",
    description="Who it is, as far as an operator's program needs it; the number is masked.",
    responses=problem_answers("not_found"),
)
async def show_customer(request: ApiRequest, customer_id: FromPath[str], services: _Services) -> CustomerView:
    """Look at a customer."""
    async with services.pool.acquire() as connection:
        return await _view(connection, await own_customer(connection, request.user, customer_id))


@get(
    "/customers/{customer_id:str}/balance",
    summary="Read a balance",
    description="Principal and bonus can be spent; what sessions hold is apart, and so is what is owed.",
    responses=problem_answers("not_found"),
)
async def show_balance(
    request: ApiRequest, customer_id: FromPath[str], services: _Services
) -> reading.Balance:
    """Read a balance."""
    found = await reading.find_balance(services.pool, request.user, customer_id)
    if found is None:
        raise not_found()
    return found


@get(
    "/customers/{customer_id:str}/points",
    summary="Read points",
    description="What sessions have earned and gifts have not yet used.",
    responses=problem_answers("not_found"),
)
async def show_points(request: ApiRequest, customer_id: FromPath[str], services: _Services) -> PointsView:
    """Read points."""
    async with services.pool.acquire() as connection:
        found = await own_customer(connection, request.user, customer_id)
        points = await reading.points_balance(connection, request.user, found.customer_id)
    return PointsView(points=points)


@post(
    "/customers/{customer_id:str}/top-ups",
    opt={"body": TopUpBody},
    summary="Take cash at a counter",
    description=(
        "Puts cash that a person has taken onto the wallet; what the customer owes is repaid out of it first. The"
        " same `Idempotency-Key` is one payment, however often it is sent."
    ),
    responses=problem_answers(*BODY, "not_found", "key_conflict"),
)
async def top_up(
    request: ApiRequest,
    customer_id: FromPath[str],
    data: JSONBody[TopUpBody],
    services: _Services,
    idempotency_key: Key,
) -> TopUpAnswer:
    """Take cash at a counter."""
    operator = request.user

    async def work(connection: Connection) -> TopUpAnswer:
        customer = (await own_customer(connection, operator, customer_id)).customer_id
        currency = (await find_operator(connection, operator)).currency
        try:
            paid = await pay_in_cash(
                connection,
                Purse(operator, customer, currency),
                key=f"api:{idempotency_key}",
                amount_minor=data.amount_minor,
                bonus_minor=data.bonus_minor,
            )
        except KeyConflict:
            # After a day the answer is forgotten; the ledger never forgets a payment.
            raise key_conflict() from None
        if paid.fresh:
            await write_audit(
                connection,
                operator,
                by=BY,
                action="customer.top_up",
                target=customer,
                detail=f"{data.amount_minor} minor units of {currency}, {data.bonus_minor} bonus",
            )
        balance = await reading.find_balance(connection, operator, customer)
        assert balance is not None  # the customer was found in this transaction
        return TopUpAnswer(repaid_minor=paid.repaid_minor, balance=balance)

    return await once(services, operator, idempotency_key, data, TopUpAnswer, work, about=customer_id)


async def own_customer(connection: Connection, operator: OperatorId, customer_id: str) -> Customer:
    """Problem 404 for any text that is not the id of one of the operator's customers."""
    found = None
    if is_id(customer_id):
        found = await customer_by_id(connection, operator, CustomerId(customer_id))
    if found is None:
        raise not_found()
    return found


async def _view(connection: Connection, customer: Customer) -> CustomerView:
    real_name = await find_real_name(connection, customer.operator_id, customer.customer_id)
    return CustomerView(
        id=customer.customer_id,
        name=customer.name,
        phone=None if customer.phone is None else masked_phone(customer.phone),
        blocked=customer.blocked_at is not None,
        real_name=None if real_name is None else real_name.state,
        created_at=customer.created_at,
    )


def customer_routes(guards: Sequence[Guard]) -> Router:
    """The routes of this module, behind `guards`."""
    return Router(
        "/",
        route_handlers=[register, search, show_customer, show_balance, show_points, top_up],
        guards=guards,
        tags=["Customers"],
        security=[{"key": []}],
    )
