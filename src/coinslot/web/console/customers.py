"""The desk: a customer is registered, found, given money, a new PIN or another card, let in or shut out.

A phone number or a card's number comes in a form, never in an address; a customer's page goes by the id.
"""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response

from coinslot.audit import Connection
from coinslot.fields import FieldError, InputError, MissingError
from coinslot.ledger.errors import LedgerError
from coinslot.money import MoneyError, parse_amount
from coinslot.people import cards
from coinslot.people.card_rules import card_no_of, shown_card_no
from coinslot.people.cards import CardMade
from coinslot.people.customers import block_customer, customer_by_id, customer_by_phone, unblock_customer
from coinslot.people.models import Customer
from coinslot.people.rules import masked_phone
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.desk_topups import DeskTopup, top_up_at_desk
from coinslot.settlement.ports import Conflict
from coinslot.web import reading
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.web.customer.visit import new_key
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked
from coinslot.wire.ids import CustomerId

_LIST: Final = "/console/customers"
_STYLES: Final = ("base.css", "console.css", "slip.css")
_LANGUAGES: Final = ("zh", "en")
_FIELDS: Final = ("who", "phone", "card_no", "language")
_WORDS: Final = {
    "phone": marked(
        "This is no phone number: a mobile number such as 138 0013 8000, or one that begins with +."
    ),
    "card_no": marked("This is no card: it has 10 digits, and one of these is wrong or missing."),
    "language": marked("Choose one of the languages."),
    "amount": marked("This is no amount such as 50.00."),
    "amount_minor": marked("This amount cannot be topped up: see the rules of the operator."),
    "drawer": marked("There are several drawers: let the customer show a code, and receive the cash by it."),
}
_TAKEN: Final = {
    "phone": marked("Another customer has this number."),
    "card_no": marked("Another customer has this card."),
}


@get(_LIST)
async def customers_page(staffed: StaffedOf) -> Response[bytes]:
    """Find somebody, or register somebody."""
    return _front(staffed)


@post(f"{_LIST}/find", status_code=200)
async def find(staffed: StaffedOf) -> Response[bytes]:
    """By card or phone; found: the customer's page."""
    form = await staffed.form()
    text = form.text("who")[:60]
    try:
        async with staffed.pool.acquire() as connection:
            found = await _find(connection, staffed, text)
    except FieldError as error:
        return _front(staffed, wrong={"who": _said(staffed, error)}, status=422)
    if found is None:
        return _front(
            staffed, wrong={"who": staffed.say(marked("Nobody here has this card or number."))}, status=404
        )
    return staffed.go(f"{_LIST}/{found.customer_id}")


@post(_LIST, status_code=200)
async def register(staffed: StaffedOf) -> Response[bytes]:
    """A new customer: the answer is the slip, which is shown this once."""
    form = await staffed.form()
    try:
        async with staffed.pool.acquire() as connection:
            made = await cards.register(
                connection,
                staffed.page.services.keyring,
                staffed.operator,
                phone=form.text("phone") or None,
                language=form.text("language"),
                card_no=form.text("card_no") or None,
                by=staffed.by,
            )
    except FieldError as error:
        return _front(staffed, form=form, wrong={error.field: _said(staffed, error)}, status=422)
    return _slip(staffed, made)


@get(f"{_LIST}/{{customer_id:str}}")
async def customer_page(staffed: StaffedOf, customer_id: FromPath[str]) -> Response[bytes]:
    """One customer: the wallet, and what the desk may do."""
    return await _page(staffed, await _of(staffed, customer_id))


@post(f"{_LIST}/{{customer_id:str}}/pin", status_code=200)
async def new_pin(staffed: StaffedOf, customer_id: FromPath[str]) -> Response[bytes]:
    """Another PIN for the card, on a slip."""
    await staffed.form()
    keyring = staffed.page.services.keyring
    async with staffed.pool.acquire() as connection:
        made = await cards.reset_pin(
            connection, keyring, staffed.operator, CustomerId(customer_id), by=staffed.by
        )
    return _slip(staffed, made)


@post(f"{_LIST}/{{customer_id:str}}/card", status_code=200)
async def new_card(staffed: StaffedOf, customer_id: FromPath[str]) -> Response[bytes]:
    """A card, or another one in place of a lost one, on a slip."""
    form = await staffed.form()
    customer = await _of(staffed, customer_id)
    try:
        async with staffed.pool.acquire() as connection:
            made = await cards.give_card(
                connection,
                staffed.page.services.keyring,
                staffed.operator,
                customer.customer_id,
                card_no=form.text("card_no") or None,
                by=staffed.by,
            )
    except FieldError as error:
        return await _page(staffed, customer, wrong=_said(staffed, error), status=422)
    return _slip(staffed, made)


@post(f"{_LIST}/{{customer_id:str}}/block")
async def block(staffed: StaffedOf, customer_id: FromPath[str]) -> Response[bytes]:
    """Nothing is started any more; money stays."""
    await staffed.form()
    async with staffed.pool.acquire() as connection:
        await block_customer(connection, staffed.operator, CustomerId(customer_id), by=staffed.by)
    return staffed.go(f"{_LIST}/{customer_id}")


@post(f"{_LIST}/{{customer_id:str}}/unblock")
async def unblock(staffed: StaffedOf, customer_id: FromPath[str]) -> Response[bytes]:
    """Let in again."""
    await staffed.form()
    async with staffed.pool.acquire() as connection:
        await unblock_customer(connection, staffed.operator, CustomerId(customer_id), by=staffed.by)
    return staffed.go(f"{_LIST}/{customer_id}")


@post(f"{_LIST}/{{customer_id:str}}/top-up", status_code=200)
async def top_up(staffed: StaffedOf, customer_id: FromPath[str]) -> Response[bytes]:
    """Cash is in the drawer: its receipt."""
    form = await staffed.form()
    customer = await _of(staffed, customer_id)
    key = form.text("key")
    if not 16 <= len(key) <= 64 or not key.isascii() or not key.isprintable():
        key = new_key()
    try:
        done = await top_up_at_desk(
            staffed.door,
            staffed.who.staff_id,
            Purse(staffed.operator, customer.customer_id, staffed.who.currency),
            amount_minor=parse_amount(form.text("amount"), staffed.who.currency),
            key=key,
            about=staffed.who.operator,
        )
    except MissingError:
        wrong = staffed.say(
            marked("There is no drawer: coinslot operator merchant add counter NAME opens one.")
        )
        return await _page(staffed, customer, wrong=wrong, status=409)
    except MoneyError:
        return await _page(staffed, customer, wrong=staffed.say(_WORDS["amount"]), key=key, status=422)
    except FieldError as error:
        return await _page(staffed, customer, wrong=_said(staffed, error), key=key, status=422)
    except (InputError, LedgerError, Conflict):
        wrong = staffed.say(marked("It could not be received at this moment. Press again: it counts once."))
        return await _page(staffed, customer, wrong=wrong, key=key, status=409)
    return await _page(staffed, customer, done=done)


async def _find(connection: Connection, staffed: Staffed, text: str) -> Customer | None:
    if card_no_of(text) is not None:
        found = await cards.customer_by_card(connection, staffed.operator, text)
        if found is not None:
            return found
    return await customer_by_phone(connection, staffed.operator, text)


async def _of(staffed: Staffed, customer_id: str) -> Customer:
    async with staffed.pool.acquire() as connection:
        found = await customer_by_id(connection, staffed.operator, CustomerId(customer_id[:60]))
    if found is None:
        raise MissingError("customer", customer_id)
    return found


def _said(staffed: Staffed, error: FieldError) -> str:
    taken = _TAKEN.get(error.field) if error.reason.startswith("another customer") else None
    text = taken or _WORDS.get(error.field)
    return staffed.say(text) if text else error.reason


def _front(
    staffed: Staffed, *, form: Form | None = None, wrong: dict[str, str] | None = None, status: int = 200
) -> Response[bytes]:
    typed = form or Form({})
    return staffed.show(
        "console/customers.html",
        status=status,
        wrong=dict.fromkeys(_FIELDS, "") | (wrong or {}),
        languages=_LANGUAGES,
        language_chosen=typed.text("language") or staffed.page.language.value,
        phone=typed.text("phone")[:40],
        card_no=typed.text("card_no")[:20],
        may_import=staffed.may("GET", "/console/import"),
        may_act=staffed.may("POST", _LIST),
    )


async def _page(
    staffed: Staffed,
    customer: Customer,
    *,
    wrong: str = "",
    key: str = "",
    done: DeskTopup | None = None,
    status: int = 200,
) -> Response[bytes]:
    balance = await reading.find_balance(staffed.pool, staffed.operator, customer.customer_id)
    return staffed.show(
        "console/customer.html",
        status=status,
        customer=customer,
        phone="" if customer.phone is None else masked_phone(customer.phone),
        card_no="" if customer.card_no is None else shown_card_no(customer.card_no),
        since=staffed.moment(customer.created_at),
        blocked=staffed.moment(customer.blocked_at),
        balance=balance,
        wrong=wrong,
        key=key or new_key(),
        done=done,
        may_act=staffed.may("POST", f"{_LIST}/{{customer_id}}/top-up"),
    )


def _slip(staffed: Staffed, made: CardMade) -> Response[bytes]:
    return staffed.show(
        "console/card_slip.html",
        styles=_STYLES,
        customer_id=made.customer_id,
        card_no=shown_card_no(made.card_no),
        pin=f"{made.pin[:3]} {made.pin[3:]}",
    )


CUSTOMERS: Final[list[HTTPRouteHandler]] = [
    customers_page,
    find,
    register,
    customer_page,
    new_pin,
    new_card,
    block,
    unblock,
    top_up,
]
