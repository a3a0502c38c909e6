"""`coinslot operator suspense`: money that nobody had asked for, and money that was taken back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import click
import msgspec

from coinslot.app.operator_acting import Acting, act, acting, read
from coinslot.app.operator_console import emit, emit_one, options
from coinslot.app.operator_refunds import shown_request
from coinslot.money import format_amount
from coinslot.people.customers import find_customer
from coinslot.settlement.payments.operator_refunds import ask_refund
from coinslot.settlement.payments.refund_requests import Reason, RefundRequest, RefundWish, Way, What
from coinslot.settlement.payments.suspense import Chargeback, Suspended, list_chargebacks, list_suspense
from coinslot.wire.ids import new_id

_OF_SUSPENSE = (Way.WALLET, Way.PAYER, Way.REVENUE)
_OF_CHARGEBACKS = (Way.WALLET, Way.SESSION, Way.LOSS)
_words = click.option("--words", required=True, help="How that was found out; name nobody.")
_customer = click.option("--customer", help="Whose wallet: an id, a phone number or a name.")
_every = click.option("--all", "every", is_flag=True, help="What was explained too.")


@click.group("suspense", epilog="Example: coinslot operator suspense list")
def suspense() -> None:
    """Money that agrees with nothing that was asked for, until somebody has found out whose it is."""


@suspense.command("list", epilog="Example: coinslot operator suspense list")
@_every
@options
def suspense_list(every: bool, operator: str | None, as_json: bool) -> None:
    """What waits to be explained, oldest first."""
    rows = read(operator, lambda who: list_suspense(who.door.pool, who.operator, every=every))
    columns = ("suspense_id", "amount", "merchant", "provider_id", "named", "at", "explained")
    emit([_with_amount(row) for row in rows], columns, as_json=as_json)


@suspense.command(
    "explain",
    epilog="Example: coinslot operator suspense explain sus_1hv3… --is wallet --customer Lin"
    " --words 'paid an old code' --as anna",
)
@click.argument("suspense_id")
@click.option("--is", "way", type=click.Choice([each.value for each in _OF_SUSPENSE]), required=True)
@_customer
@_words
@acting
def suspense_explain(
    suspense_id: str,
    way: str,
    customer: str | None,
    words: str,
    login: str,
    password_stdin: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """A customer's wallet, back to its payer, or the operator's revenue. Above your limit a second person agrees."""

    async def beneficiary(who: Acting) -> str | None:
        return await _customer_id(who, customer)

    _ask(What.SUSPENSE, suspense_id, Way(way), beneficiary, words)(operator, login, password_stdin, as_json)


@suspense.command("chargebacks", epilog="Example: coinslot operator suspense chargebacks")
@_every
@options
def suspense_chargebacks(every: bool, operator: str | None, as_json: bool) -> None:
    """What was taken back and nobody bears yet, oldest first."""
    rows = read(operator, lambda who: list_chargebacks(who.door.pool, who.operator, every=every))
    columns = ("chargeback_id", "amount", "merchant_id", "payment", "customer", "at", "explained")
    emit([_with_amount(row) for row in rows], columns, as_json=as_json)


@suspense.command(
    "bear",
    epilog="Example: coinslot operator suspense bear r1hv3… --by loss --words 'the bank sided with the payer' --as anna",
)
@click.argument("chargeback_id")
@click.option("--by", "way", type=click.Choice([each.value for each in _OF_CHARGEBACKS]), required=True)
@_customer
@click.option("--session", help="Whose holders bear it, with --by session.")
@_words
@acting
def suspense_bear(
    chargeback_id: str,
    way: str,
    customer: str | None,
    session: str | None,
    words: str,
    login: str,
    password_stdin: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Who bears it: a wallet, all who shared in a session, or the operator as a loss."""

    async def beneficiary(who: Acting) -> str | None:
        return session or await _customer_id(who, customer)

    _ask(What.CHARGEBACK, chargeback_id, Way(way), beneficiary, words)(
        operator, login, password_stdin, as_json
    )


def _ask(
    what: What,
    target: str,
    way: Way,
    beneficiary: Callable[[Acting], Awaitable[str | None]],
    words: str,
) -> Callable[[str | None, str, bool, bool], None]:
    async def work(who: Acting) -> RefundRequest:
        wish = RefundWish(
            operator=who.operator,
            key=new_id("cli"),
            what=what,
            target=target,
            way=way,
            beneficiary=await beneficiary(who),
            reason=Reason.EXPLAINED,
            words=words,
        )
        return await ask_refund(who.door, wish, who.staff)

    def done(operator: str | None, login: str, password_stdin: bool, as_json: bool) -> None:
        emit_one(shown_request(act(operator, login, password_stdin, work)), as_json=as_json)

    return done


async def _customer_id(who: Acting, customer: str | None) -> str | None:
    if customer is None:
        return None
    async with who.door.pool.acquire() as connection:
        return (await find_customer(connection, who.operator, customer)).customer_id


def _with_amount(row: Suspended | Chargeback) -> dict[str, object]:
    amount = f"{format_amount(row.amount_minor, row.currency)} {row.currency}"
    return msgspec.structs.asdict(row) | {"amount": amount}
