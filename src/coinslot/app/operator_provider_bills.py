"""`coinslot operator provider-bill`: providers' daily bills beside the books."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import click

from coinslot.app.errors import Problem
from coinslot.app.merchants import load_merchants
from coinslot.app.operator_acting import Acting, read
from coinslot.app.operator_console import emit, options
from coinslot.app.settings import load_settings
from coinslot.money import format_amount
from coinslot.payments.billing import Total
from coinslot.payments.model import Merchant
from coinslot.providers.counter import with_counters
from coinslot.settlement.payments.bill_reports import BillDay, OpenDifference, bill_days, bill_differences
from coinslot.settlement.payments.bills import BillChecked, check_bill
from coinslot.settlement.payments.merchants import list_merchants

_AMOUNTS = frozenset({"amount", "fee", "ledger", "missing_with_us", "missing_with_them"})
_DAY = click.DateTime(["%Y-%m-%d"])
_COLUMNS = ("day", "merchant", "currency", "lines", "paid", "refunded", "fees", "net", "books")
_merchant = click.option("--merchant", "merchant_id", help="Only this account, by its merchant id.")


@click.group("provider-bill", epilog="Example: coinslot operator provider-bill check --day 2026-11-21")
def provider_bill() -> None:
    """Providers' daily bills, held against the books both ways.

    A running server fetches each after 10:00 of the next day by the provider's clock, and again while it is late.
    """


@provider_bill.command(
    "check", epilog="Example: coinslot operator provider-bill check --day 2026-11-21 --merchant mer_…"
)
@click.option("--day", required=True, type=_DAY, help="By the provider's clock.")
@_merchant
@options
def bill_check(day: datetime, merchant_id: str | None, operator: str | None, as_json: bool) -> None:
    """Fetch a day's bills now and compare them, also those that were compared before. Exit code 1 unless all agree.

    What the bill has and the books have not is asked about and taken in, as a running server would do it.
    """
    merchants = load_merchants(load_settings())

    async def work(who: Acting) -> tuple[list[BillChecked], list[BillDay], list[OpenDifference]]:
        find = with_counters(who.door.pool, merchants.find)
        async with who.door.pool.acquire() as connection:
            rows = await list_merchants(connection, who.operator)
        checked = []
        for merchant in _chosen(rows, merchant_id):
            provider = find(merchant)
            if provider is None:
                continue
            checked.append(await check_bill(who.door.pool, provider, merchant, day.date()))
        if not checked:
            raise Problem(
                "There is no merchant here whose bill could be asked for",
                "`coinslot operator merchant list` shows which have keys in this process's merchants file.",
            )
        found = await bill_days(who.door.pool, who.operator, day=day.date(), merchant_id=merchant_id)
        return checked, found, await bill_differences(who.door.pool, who.operator, day=day.date())

    try:
        checked, days, differences = read(operator, work)
    finally:
        merchants.close()
    _show(days, as_json=as_json)
    if not as_json:
        _tell(differences)
    if not all(each.agrees for each in checked):
        raise click.exceptions.Exit(1)


@provider_bill.command("list", epilog="Example: coinslot operator provider-bill list")
@click.option("--day", type=_DAY, help="Only this day, by the provider's clock.")
@_merchant
@options
def bill_list(day: datetime | None, merchant_id: str | None, operator: str | None, as_json: bool) -> None:
    """What each day came to by the provider's bill, and whether the books agree; the latest first."""
    only = _date(day)
    days = read(
        operator, lambda who: bill_days(who.door.pool, who.operator, day=only, merchant_id=merchant_id)
    )
    _show(days, as_json=as_json)


@provider_bill.command("differences", epilog="Example: coinslot operator provider-bill differences")
@click.option("--day", type=_DAY, help="Only this day, by the provider's clock.")
@_merchant
@options
def bill_differences_command(
    day: datetime | None, merchant_id: str | None, operator: str | None, as_json: bool
) -> None:
    """What does not agree and nobody has explained. Each is a review too: `operator review` closes it.

    One that the two sides agree about later closes by itself.
    """
    only = _date(day)
    found = read(
        operator,
        lambda who: bill_differences(who.door.pool, who.operator, day=only, merchant_id=merchant_id),
    )
    if as_json:
        emit(found, (), as_json=True)
        return
    rows: list[dict[str, object]] = [
        {
            "day": each.day.isoformat(),
            "what": each.what,
            "kind": each.kind,
            "provider_id": each.ref,
            "number": each.number,
            "bill": _side(each, each.theirs),
            "books": _side(each, each.ours),
            "review": str(each.review_id),
        }
        for each in found
    ]
    emit(rows, ("day", "what", "kind", "provider_id", "number", "bill", "books", "review"), as_json=False)


def _show(days: list[BillDay], *, as_json: bool) -> None:
    """JSON has amounts in minor units."""
    rows = days if as_json else [row for each in days for row in _rows(each)]
    emit(rows, _COLUMNS, as_json=as_json)


def _chosen(rows: Sequence[Merchant], merchant_id: str | None) -> list[Merchant]:
    chosen = [each for each in rows if merchant_id in (None, each.merchant_id)]
    if not chosen and merchant_id is not None:
        raise Problem(
            f"There is no merchant {merchant_id}", "`coinslot operator merchant list` shows what there is."
        )
    return chosen


def _rows(day: BillDay) -> list[dict[str, object]]:
    """One for each currency; one without figures for a bill that is empty or not there."""
    head = {"day": day.day.isoformat(), "merchant": day.merchant, "lines": day.lines, "books": _books(day)}
    return [{**head, **_figures(total)} for total in day.totals] or [head]


def _books(day: BillDay) -> str:
    if day.compared_at is None:
        return f"no bill yet: {day.error}" if day.error else "not compared yet"
    return f"differences: {day.open_differences}" if day.open_differences else "agree"


def _figures(total: Total) -> dict[str, object]:
    amounts = {
        "paid": total.paid_minor,
        "refunded": total.refunded_minor,
        "fees": total.fees_minor,
        "net": total.net_minor,
    }
    shown = {name: format_amount(minor, total.currency) for name, minor in amounts.items()}
    return {"currency": total.currency, **shown}


def _side(each: OpenDifference, text: str) -> str:
    if not text:
        return "nothing"
    if each.what in _AMOUNTS:
        return f"{format_amount(int(text), each.currency)} {each.currency}"
    return text


def _tell(differences: list[OpenDifference]) -> None:
    for each in differences:
        number = f" ({each.number})" if each.number and each.number != each.ref else ""
        click.echo(
            f"{each.what}: {each.kind} {each.ref}{number}: bill {_side(each, each.theirs)}, "
            f"books {_side(each, each.ours)}; review {each.review_id}"
        )


def _date(day: datetime | None) -> date | None:
    return None if day is None else day.date()
