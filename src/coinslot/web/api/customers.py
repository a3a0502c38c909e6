"""Customers: registered, found, topped up at a counter; what is on the wallet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation
from litestar.types import Guard

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError, TakenError
from coinslot.fleet.store import find_operator
from coinslot.ledger.errors import KeyConflict
from coinslot.people.customers import add_customer, find_customer
from coinslot.people.models import Customer
from coinslot.people.real_names import RealName, find_real_name, submit
from coinslot.people.rules import masked_phone, normal_phone
from coinslot.settlement.changes import Purse
from coinslot.settlement.topup import pay_in_cash
from coinslot.web import reading
from coinslot.web.api.bodies import (
    CustomerView,
    PhoneBody,
    PointsView,
    RealNameBody,
    RegisterBody,
    TopUpAnswer,
    TopUpBody,
)
from coinslot.web.api.documents import problem_answers
from coinslot.web.api.once import Key, key_conflict, once
from coinslot.web.problems import FieldProblem, Problem, invalid, not_found
from coinslot.web.request import ApiRequest
from coinslot.web.services import Services
from coinslot.wire.ids import CustomerId, OperatorId, is_id

BY: Final = "api"
MAX_REAL_NAME_BYTES: Final = 12 * 1024 * 1024
"""A picture of 8 MiB in base64, and room for the rest."""

_Services: TypeAlias = NamedDependency[SkipValidation[Services]]


@post(
    "/customers",
    opt={"body": RegisterBody},
    summary="Register a customer",
    description=(
        "At a desk or by another system: a name, a phone number that is new to this operator, or both. A customer"
        " who comes with the phone later logs in to this same wallet."
    ),
    responses=problem_answers(400, 401, 409, 413, 422, 503),
)
async def register(
    request: ApiRequest, data: JSONBody[RegisterBody], services: _Services, idempotency_key: Key
) -> CustomerView:
    """Register a customer."""
    operator = request.user

    async def work(connection: Connection) -> CustomerView:
        try:
            made = await add_customer(connection, operator, name=data.name, phone=data.phone, by=BY)
        except TakenError:
            raise Problem(
                409, "phone_taken", "This number is registered", "Another customer has it; find them by it."
            ) from None
        except FieldError as error:
            raise invalid(error.field, error.reason) from None
        return _view(made, None)

    return await once(services.pool, operator, idempotency_key, data, CustomerView, work)


@post(
    "/customers/search",
    opt={"body": PhoneBody},
    status_code=200,
    summary="Find a customer by phone",
    description="The number is in the body, so that it ends up in no log of addresses.",
    responses=problem_answers(400, 401, 404, 413, 422),
)
async def search(request: ApiRequest, data: JSONBody[PhoneBody], services: _Services) -> CustomerView:
    """Find a customer by phone."""
    try:
        phone = normal_phone(data.phone)
    except FieldError as error:
        raise invalid(error.field, error.reason) from None
    async with services.pool.acquire() as connection:
        found = await connection.fetchval(
            "SELECT customer_id FROM customer WHERE operator_id = $1 AND phone = $2", request.user, phone
        )
        if found is None:
            raise not_found()
        return await _customer(connection, request.user, found)


@get(
    "/customers/{customer_id:str}",
    summary="Look at a customer",
    description="Who it is, as far as an operator's program needs it; the number is masked.",
    responses=problem_answers(401, 404),
)
async def show_customer(request: ApiRequest, customer_id: FromPath[str], services: _Services) -> CustomerView:
    """Look at a customer."""
    async with services.pool.acquire() as connection:
        return await _customer(connection, request.user, customer_id)


@get(
    "/customers/{customer_id:str}/balance",
    summary="Read a balance",
    description="Principal and bonus can be spent; what sessions hold is apart, and so is what is owed.",
    responses=problem_answers(401, 404),
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
    responses=problem_answers(401, 404),
)
async def show_points(request: ApiRequest, customer_id: FromPath[str], services: _Services) -> PointsView:
    """Read points."""
    async with services.pool.acquire() as connection:
        found = await _customer(connection, request.user, customer_id)
        return PointsView(points=await reading.points_balance(connection, request.user, found.id))


@post(
    "/customers/{customer_id:str}/top-ups",
    opt={"body": TopUpBody},
    summary="Take cash at a counter",
    description=(
        "Puts cash that a person has taken onto the wallet; what the customer owes is repaid out of it first. The"
        " same `Idempotency-Key` is one payment, however often it is sent."
    ),
    responses=problem_answers(400, 401, 404, 409, 413, 422, 503),
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
        customer = (await _customer(connection, operator, customer_id)).id
        currency = (await find_operator(connection, operator)).currency
        try:
            done = await pay_in_cash(
                connection,
                Purse(operator, customer, currency),
                key=f"api:{idempotency_key}",
                amount_minor=data.amount_minor,
                bonus_minor=data.bonus_minor,
            )
        except KeyConflict:
            raise key_conflict() from None
        await write_audit(
            connection,
            operator,
            by=BY,
            action="customer.top_up",
            target=customer,
            detail=f"{data.amount_minor} {currency}",
        )
        balance = await reading.find_balance(connection, operator, customer)
        assert balance is not None  # the customer was found in this transaction
        return TopUpAnswer(repaid_minor=done.repaid_minor, balance=balance)

    return await once(services.pool, operator, idempotency_key, data, TopUpAnswer, work, about=customer_id)


@get(
    "/customers/{customer_id:str}/real-name",
    summary="How a real name stands",
    description="Whether one waits, is approved or was rejected, and why. The name itself is not told.",
    responses=problem_answers(401, 404),
)
async def show_real_name(request: ApiRequest, customer_id: FromPath[str], services: _Services) -> RealName:
    """How a real name stands."""
    async with services.pool.acquire() as connection:
        found = None
        if is_id(customer_id):
            found = await find_real_name(connection, request.user, CustomerId(customer_id))
    if found is None:
        raise not_found()
    return found


@post(
    "/customers/{customer_id:str}/real-name",
    opt={"body": RealNameBody},
    request_max_body_size=MAX_REAL_NAME_BYTES,
    summary="Hand in a real name",
    description=(
        "Name, ID number (GB 11643) and a picture of the card. While one waits or is approved, that one is the"
        " answer: sending it twice changes nothing. All that is wrong is named at once."
    ),
    responses=problem_answers(400, 401, 404, 413, 422),
)
async def hand_in_real_name(
    request: ApiRequest, customer_id: FromPath[str], data: JSONBody[RealNameBody], services: _Services
) -> RealName:
    """Hand in a real name."""
    async with services.pool.acquire() as connection:
        customer = (await _customer(connection, request.user, customer_id)).id
        return await submit(
            connection,
            services.keyring,
            request.user,
            customer,
            name=data.name,
            id_number=data.id_number,
            picture=data.picture,
            by=BY,
        )


async def _customer(connection: Connection, operator: OperatorId, customer_id: str) -> CustomerView:
    """Problem 404 for any text that is not the id of one of the operator's customers."""
    if not is_id(customer_id):
        raise not_found()
    try:
        found = await find_customer(connection, operator, customer_id)
    except (MissingError, TakenError):
        raise not_found() from None
    if found.customer_id != customer_id:
        raise not_found()  # it was the name of somebody
    return _view(found, await find_real_name(connection, operator, found.customer_id))


def _view(customer: Customer, real_name: RealName | None) -> CustomerView:
    return CustomerView(
        id=customer.customer_id,
        name=customer.name,
        phone=None if customer.phone is None else masked_phone(customer.phone),
        blocked=customer.blocked_at is not None,
        real_name=None if real_name is None else real_name.state,
        created_at=customer.created_at,
    )


def field_problems(errors: Sequence[FieldError]) -> tuple[FieldProblem, ...]:
    """What is wrong, field by field."""
    return tuple(FieldProblem(error.field, error.reason) for error in errors)


def customer_routes(guards: Sequence[Guard]) -> Router:
    """The routes of this module, behind `guards`."""
    return Router(
        "/",
        route_handlers=[
            register,
            search,
            show_customer,
            show_balance,
            show_points,
            top_up,
            show_real_name,
            hand_in_real_name,
        ],
        guards=guards,
        tags=["Customers"],
        security=[{"key": []}],
    )
