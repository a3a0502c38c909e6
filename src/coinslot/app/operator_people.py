"""`coinslot operator` staff, api-key and customer."""

from __future__ import annotations

import sys

import click
import msgspec

from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.audit import write_audit
from coinslot.fields import FieldError
from coinslot.fleet import api_keys
from coinslot.fleet.models import ApiKey
from coinslot.ledger.accounts import customer_arrears, customer_bonus, customer_principal
from coinslot.ledger.store import balance
from coinslot.money import format_amount, parse_amount
from coinslot.people import customers
from coinslot.people import staff as staff_store
from coinslot.people.models import Customer, Staff
from coinslot.people.rules import Role, masked_phone
from coinslot.settlement.changes import Purse
from coinslot.settlement.erasure import erase_person
from coinslot.settlement.topup import pay_in_cash

_STAFF_COLUMNS = ("login", "name", "role", "disabled_at", "staff_id")
_from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.group("staff", epilog="Example: coinslot operator staff add anna 'Anna Berg' --role desk")
def staff() -> None:
    """Who may log in for an operator."""


@staff.command("add", epilog="Example: coinslot operator staff add anna 'Anna Berg' --role desk")
@click.argument("login")
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), required=True, help="What she may do."
)
@_from_stdin
@options
def staff_add(
    login: str, name: str, role: str, password_stdin: bool, operator: str | None, as_json: bool
) -> None:
    """A new member of staff. The password is asked for, never given on the command line."""
    password = _ask_password(password_stdin)

    async def work(desk: Desk) -> Staff:
        own = desk.operator.operator_id
        return await staff_store.add_staff(
            desk.connection, own, login=login, name=name, role=role, password=password, by=desk.by
        )

    emit_one(run(operator, work), as_json=as_json)


@staff.command("list", epilog="Example: coinslot operator staff list")
@options
def staff_list(operator: str | None, as_json: bool) -> None:
    """All staff, disabled ones too."""
    found = run(operator, lambda desk: staff_store.list_staff(desk.connection, desk.operator.operator_id))
    emit(found, _STAFF_COLUMNS, as_json=as_json)


@staff.command("disable", epilog="Example: coinslot operator staff disable anna")
@click.argument("key", metavar="LOGIN")
@options
def staff_disable(key: str, operator: str | None, as_json: bool) -> None:
    """Somebody may not log in any more."""

    async def work(desk: Desk) -> Staff:
        own = desk.operator.operator_id
        found = await staff_store.find_staff(desk.connection, own, key)
        await staff_store.disable_staff(desk.connection, own, found.staff_id, by=desk.by)
        return await staff_store.find_staff(desk.connection, own, found.staff_id)

    emit_one(run(operator, work), as_json=as_json)


@staff.command("password", epilog="Example: coinslot operator staff password anna")
@click.argument("key", metavar="LOGIN")
@_from_stdin
@options
def staff_password(key: str, password_stdin: bool, operator: str | None, as_json: bool) -> None:
    """Give somebody a new password."""
    password = _ask_password(password_stdin)

    async def work(desk: Desk) -> Staff:
        own = desk.operator.operator_id
        found = await staff_store.find_staff(desk.connection, own, key)
        await staff_store.set_password(desk.connection, own, found.staff_id, password, by=desk.by)
        return found

    emit_one(run(operator, work), as_json=as_json)


def _ask_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


@click.group("api-key", epilog="Example: coinslot operator api-key create 'booking system'")
def api_key() -> None:
    """Keys with which programs call the HTTP API."""


@api_key.command("create", epilog="Example: coinslot operator api-key create 'booking system'")
@click.argument("name")
@options
def api_key_create(name: str, operator: str | None, as_json: bool) -> None:
    """Print a new key. It is shown now and never again."""

    async def work(desk: Desk) -> dict[str, object]:
        own = desk.operator.operator_id
        made, secret = await api_keys.create_api_key(desk.connection, own, name=name, by=desk.by)
        return {"name": made.name, "api_key_id": made.api_key_id, "key": secret}

    emit_one(run(operator, work), as_json=as_json)


@api_key.command("list", epilog="Example: coinslot operator api-key list")
@options
def api_key_list(operator: str | None, as_json: bool) -> None:
    """All keys, without the keys themselves."""
    found = run(operator, lambda desk: api_keys.list_api_keys(desk.connection, desk.operator.operator_id))
    emit(found, ("name", "api_key_id", "created_at", "revoked_at"), as_json=as_json)


@api_key.command("revoke", epilog="Example: coinslot operator api-key revoke 'booking system'")
@click.argument("key", metavar="NAME_OR_ID")
@options
def api_key_revoke(key: str, operator: str | None, as_json: bool) -> None:
    """End a key now."""

    async def work(desk: Desk) -> ApiKey:
        own = desk.operator.operator_id
        return await api_keys.revoke_api_key(desk.connection, own, key, by=desk.by)

    emit_one(run(operator, work), as_json=as_json)


@click.group("customer", epilog="Example: coinslot operator customer add --name Lin")
def customer() -> None:
    """Who uses the appliances."""


@customer.command("add", epilog="Example: coinslot operator customer add --name Lin --phone '138 0013 8000'")
@click.option("--name", default="")
@click.option("--phone", help="A Chinese mobile number, or + and the country code.")
@options
def customer_add(name: str, phone: str | None, operator: str | None, as_json: bool) -> None:
    """A new customer, registered at the desk."""

    async def work(desk: Desk) -> Customer:
        own = desk.operator.operator_id
        return await customers.add_customer(desk.connection, own, name=name, phone=phone, by=desk.by)

    emit_one(_masked(run(operator, work)), as_json=as_json)


@customer.command("list", epilog="Example: coinslot operator customer list --limit 50")
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True)
@options
def customer_list(limit: int, operator: str | None, as_json: bool) -> None:
    """The newest customers; phone numbers are masked."""

    async def work(desk: Desk) -> list[Customer]:
        return await customers.list_customers(desk.connection, desk.operator.operator_id, limit=limit)

    rows = [_masked(one) for one in run(operator, work)]
    emit(rows, ("name", "phone", "customer_id", "blocked_at", "created_at"), as_json=as_json)


@customer.command("show", epilog="Example: coinslot operator customer show Lin")
@click.argument("key", metavar="CUSTOMER")
@options
def customer_show(key: str, operator: str | None, as_json: bool) -> None:
    """One customer with balances. CUSTOMER is an id, a phone number or a name."""

    async def work(desk: Desk) -> dict[str, object]:
        own = desk.operator.operator_id
        return await _with_balances(desk, await customers.find_customer(desk.connection, own, key))

    emit_one(run(operator, work), as_json=as_json)


@customer.command("block", epilog="Example: coinslot operator customer block Lin --reason 'lost phone'")
@click.argument("key", metavar="CUSTOMER")
@click.option("--reason", default="", help="Kept in the audit trail; name nobody in it.")
@click.option("--lift", is_flag=True, help="Let the customer start again.")
@options
def customer_block(key: str, reason: str, lift: bool, operator: str | None, as_json: bool) -> None:
    """Let a customer start nothing any more. Money and sessions under way are untouched."""
    change = customers.unblock_customer if lift else customers.block_customer

    async def work(desk: Desk) -> Customer:
        own = desk.operator.operator_id
        found = await customers.find_customer(desk.connection, own, key)
        await change(desk.connection, own, found.customer_id, by=desk.by, reason=reason)
        return await customers.find_customer(desk.connection, own, found.customer_id)

    emit_one(_masked(run(operator, work)), as_json=as_json)


@customer.command("erase", epilog="Example: coinslot operator customer erase cus_… --yes")
@click.argument("key", metavar="CUSTOMER")
@click.option("--yes", is_flag=True, help="Do not ask whether this is meant.")
@options
def customer_erase(key: str, yes: bool, operator: str | None, as_json: bool) -> None:
    """Forget a person for good: name, phone, real name, logins. It cannot be undone.

    The books, sessions and bills stay, of a customer without a name. Money that belongs to the customer is to be
    paid back before, and nothing may be in use or owed.
    """
    if not yes:
        click.confirm("Erase this customer's personal data for good?", abort=True, err=True)

    async def work(desk: Desk) -> Customer:
        own = desk.operator.operator_id
        found = await customers.find_customer(desk.connection, own, key)
        await erase_person(desk.connection, own, found.customer_id, by=desk.by)
        return await customers.find_customer(desk.connection, own, found.customer_id)

    emit_one(_masked(run(operator, work)), as_json=as_json)


@customer.command("top-up", epilog="Example: coinslot operator customer top-up Lin 50.00 --key receipt-0031")
@click.argument("key", metavar="CUSTOMER")
@click.argument("amount")
@click.option(
    "--key", "payment_key", required=True, help="The receipt's number: the same one twice is posted once."
)
@options
def customer_top_up(key: str, amount: str, payment_key: str, operator: str | None, as_json: bool) -> None:
    """Put cash paid at the counter on a customer's wallet; what is owed is repaid from it at once."""

    async def work(desk: Desk) -> dict[str, object]:
        connection, own, currency = desk.connection, desk.operator.operator_id, desk.operator.currency
        amount_minor = parse_amount(amount, currency)
        if amount_minor == 0:
            raise FieldError("amount", "must be more than nothing")
        if not 1 <= len(payment_key) <= 100 or not payment_key.isascii() or not payment_key.isprintable():
            raise FieldError("key", "must be 1 to 100 plain characters")
        found = await customers.find_customer(connection, own, key)
        receipt = "cash:" + payment_key.replace(" ", "_")
        purse = Purse(own, found.customer_id, currency)
        async with connection.transaction():
            paid = await pay_in_cash(connection, purse, key=receipt, amount_minor=amount_minor)
            if paid.fresh:
                detail = f"{format_amount(amount_minor, currency)} {currency} {payment_key}"
                await write_audit(
                    connection,
                    own,
                    by=desk.by,
                    action="customer.top_up",
                    target=found.customer_id,
                    detail=detail,
                )
        return {
            "posted": "now" if paid.fresh else "before",
            "repaid": f"{format_amount(paid.repaid_minor, currency)} {currency}",
            **await _with_balances(desk, found),
        }

    emit_one(run(operator, work), as_json=as_json)


async def _with_balances(desk: Desk, found: Customer) -> dict[str, object]:
    shown = _masked(found)
    currency = desk.operator.currency
    paths = {"principal": customer_principal, "bonus": customer_bonus, "arrears": customer_arrears}
    for name, path in paths.items():
        account = path(found.customer_id)
        minor = await balance(desk.connection, desk.operator.operator_id, account, currency)
        shown[name] = f"{format_amount(minor, currency)} {currency}"
    return shown


def _masked(found: Customer) -> dict[str, object]:
    shown: dict[str, object] = msgspec.structs.asdict(found)
    shown["phone"] = None if found.phone is None else masked_phone(found.phone)
    return shown
