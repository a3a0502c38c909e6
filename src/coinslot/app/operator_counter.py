"""`coinslot operator counter`: cash received and paid out at the desk, and the till."""

from __future__ import annotations

from datetime import datetime

import click
import msgspec

from coinslot.app.errors import Problem
from coinslot.app.operator_acting import Acting, act, acting, read
from coinslot.app.operator_console import emit, emit_one, options
from coinslot.money import format_amount, parse_amount
from coinslot.settlement.payments.counter import (
    PROVIDER,
    CashSlip,
    bank_cash,
    pay_out,
    receive,
    waiting_cash,
)
from coinslot.settlement.payments.merchants import list_merchants
from coinslot.settlement.payments.till_reports import TillReport, in_books, till_report

_code = click.argument("code")
_amount = click.argument("amount")


@click.group("counter", epilog="Example: coinslot operator counter receive '483 201' 50.00 --as dora")
def counter() -> None:
    """Cash at the desk. `operator merchant add counter NAME` opens a drawer."""


@counter.command("waiting", epilog="Example: coinslot operator counter waiting")
@options
def counter_waiting(operator: str | None, as_json: bool) -> None:
    """Codes of customers who want to pay, or to be paid."""
    found = read(operator, lambda who: waiting_cash(who.door.pool, who.operator))
    rows = [{"cash": "receive", **_shown(slip)} for slip in found.receive]
    rows += [{"cash": "pay out", **_shown(slip)} for slip in found.pay_out]
    emit(rows, ("cash", "code", "amount", "made_at", "expires_at"), as_json=as_json)


@counter.command("receive", epilog="Example: coinslot operator counter receive '483 201' 50.00 --as dora")
@_code
@_amount
@acting
def counter_receive(
    code: str, amount: str, login: str, password_stdin: bool, operator: str | None, as_json: bool
) -> None:
    """The customer with this code has put down exactly this amount."""

    async def work(who: Acting) -> CashSlip:
        amount_minor = parse_amount(amount, who.currency)
        return await receive(who.door, who.operator, who.staff, code=code, amount_minor=amount_minor)

    emit_one(_shown(act(operator, login, password_stdin, work)), as_json=as_json)


@counter.command("pay-out", epilog="Example: coinslot operator counter pay-out '483 201' 12.00 --as dora")
@_code
@_amount
@acting
def counter_pay_out(
    code: str, amount: str, login: str, password_stdin: bool, operator: str | None, as_json: bool
) -> None:
    """The customer with this code was given exactly this amount."""

    async def work(who: Acting) -> CashSlip:
        amount_minor = parse_amount(amount, who.currency)
        return await pay_out(who.door, who.operator, who.staff, code=code, amount_minor=amount_minor)

    emit_one(_shown(act(operator, login, password_stdin, work)), as_json=as_json)


@counter.command(
    "bank", epilog="Example: coinslot operator counter bank 500.00 --to main --key slip-12 --as anna"
)
@_amount
@click.option("--to", "bank", required=True, help="The bank account's name in the ledger.")
@click.option("--key", required=True, help="The deposit slip's number: the same one twice is posted once.")
@click.option("--drawer", help="The drawer's merchant id; not needed while there is one.")
@acting
def counter_bank(
    amount: str,
    bank: str,
    key: str,
    drawer: str | None,
    login: str,
    password_stdin: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Cash was taken from the drawer to the bank."""

    async def work(who: Acting) -> dict[str, object]:
        amount_minor = parse_amount(amount, who.currency)
        merchant_id = drawer or await _only_drawer(who)
        fresh = await bank_cash(
            who.door,
            who.operator,
            who.staff,
            key=key,
            merchant_id=merchant_id,
            bank=bank,
            amount_minor=amount_minor,
        )
        return {"posted": "now" if fresh else "before", "drawer": merchant_id, "amount": amount}

    emit_one(act(operator, login, password_stdin, work), as_json=as_json)


@counter.command("report", epilog="Example: coinslot operator counter report --day 2026-03-01")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="By the operator's clock; today without it.")
@options
def counter_report(day: datetime | None, operator: str | None, as_json: bool) -> None:
    """The till of a day: who has received and paid out how much, and what must be in each drawer."""

    async def work(who: Acting) -> tuple[TillReport, dict[str, int]]:
        found = await till_report(who.door.pool, who.operator, None if day is None else day.date())
        books = {
            drawer.merchant_id: await in_books(who.door.pool, who.operator, drawer, found.currency)
            for drawer in found.drawers
        }
        return found, books

    report, books = read(operator, work)
    if as_json:
        emit_one({**msgspec.structs.asdict(report), "in_books_minor": books}, as_json=True)
        return

    def said(minor: int) -> str:
        return format_amount(minor, report.currency)

    names = {drawer.merchant_id: drawer.name for drawer in report.drawers}
    people: list[dict[str, object]] = [
        {
            "drawer": names.get(line.merchant_id, line.merchant_id),
            "who": line.name,
            "received": f"{said(line.received_minor)} ({line.receipts})",
            "paid out": f"{said(line.paid_out_minor)} ({line.pay_outs})",
            "banked": said(line.banked_minor),
            "kept": said(line.kept_minor),
        }
        for line in report.lines
    ]
    emit(people, ("drawer", "who", "received", "paid out", "banked", "kept"), as_json=False)
    drawers: list[dict[str, object]] = [
        {
            "drawer": drawer.name,
            "before the day": said(drawer.before_minor),
            "must hold": said(drawer.must_hold_minor),
            "in the books now": said(books[drawer.merchant_id]),
        }
        for drawer in report.drawers
    ]
    emit(drawers, ("drawer", "before the day", "must hold", "in the books now"), as_json=False)


async def _only_drawer(who: Acting) -> str:
    async with who.door.pool.acquire() as connection:
        found = [each for each in await list_merchants(connection, who.operator) if each.provider == PROVIDER]
    if len(found) == 1:
        return found[0].merchant_id
    raise Problem(
        "There are several drawers" if found else "There is no drawer",
        "Name it with --drawer; coinslot operator merchant list shows them."
        if found
        else "Run: coinslot operator merchant add counter NAME",
    )


def _shown(slip: CashSlip) -> dict[str, object]:
    amount = f"{format_amount(slip.amount_minor, slip.currency)} {slip.currency}"
    return msgspec.structs.asdict(slip) | {
        "code": f"{slip.code[:3]} {slip.code[3:]}",
        "amount": amount,
    }
