"""`coinslot operator refund`: money given back, alone within the limit, by two people above it."""

from __future__ import annotations

import click
import msgspec

from coinslot.app.operator_acting import Acting, act, acting, read
from coinslot.app.operator_console import emit, emit_one, options
from coinslot.ledger.accounts import AccountKind
from coinslot.money import format_amount, parse_amount
from coinslot.settlement.payments import by_hand
from coinslot.settlement.payments.operator_refunds import approve, ask_refund, decline, propose
from coinslot.settlement.payments.proposals import Figure, Proposal, read_outcome, with_names
from coinslot.settlement.payments.refund_requests import (
    Reason,
    RefundRequest,
    RefundWish,
    Way,
    What,
    find_request,
    latest_requests,
    open_requests,
)
from coinslot.wire.ids import new_id

_COLUMNS = ("request_id", "state", "what", "target", "amount", "way", "reason", "asked_by", "decided_by")
_ABOUT = (What.SESSION, What.PAYMENT)
_what = click.argument("what", type=click.Choice([each.value for each in _ABOUT]))
_amount = click.option("--amount", help="Such as 2.50; all that is left without it.")
_way = click.option(
    "--to",
    "way",
    type=click.Choice([Way.WALLET.value, Way.PAYER.value]),
    help="Of a session that a wallet has paid: into the wallet, or on to whoever filled it.",
)


@click.group("refund", epilog="Example: coinslot operator refund propose session ses_1hv3…")
def refund() -> None:
    """Money given back to customers and guests: sessions and payments, whole or in part."""


@refund.command("propose", epilog="Example: coinslot operator refund propose session ses_1hv3… --amount 2.50")
@_what
@click.argument("target", metavar="ID")
@_amount
@_way
@options
def refund_propose(
    what: str, target: str, amount: str | None, way: str | None, operator: str | None, as_json: bool
) -> None:
    """What it would come to, for everybody; nothing is changed. ID is a session's, or a payment's."""

    async def work(who: Acting) -> Proposal:
        return await propose(who.door, _wish(who, what, target, amount, way, Reason.OTHER, "proposed", None))

    _show(read(operator, work), as_json=as_json)


@refund.command(
    "ask",
    epilog="Example: coinslot operator refund ask session ses_1hv3… --amount 2.50 --reason no_service"
    " --words 'the shower stayed cold' --as anna",
)
@_what
@click.argument("target", metavar="ID")
@_amount
@_way
@click.option("--reason", type=click.Choice([each.value for each in Reason]), required=True)
@click.option("--words", required=True, help="Why, in your words; name nobody.")
@click.option("--key", help="Repeat it with the same key: it is the same refund, however often.")
@acting
def refund_ask(
    what: str,
    target: str,
    amount: str | None,
    way: str | None,
    reason: str,
    words: str,
    key: str | None,
    login: str,
    password_stdin: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Give it back at once where that is within your limit; else a second person has to agree."""

    async def work(who: Acting) -> RefundRequest:
        wish = _wish(who, what, target, amount, way, Reason(reason), words, key)
        return await ask_refund(who.door, wish, who.staff)

    emit_one(shown_request(act(operator, login, password_stdin, work)), as_json=as_json)


@refund.command("list", epilog="Example: coinslot operator refund list --all")
@click.option("--all", "every", is_flag=True, help="The latest whatever became of them.")
@options
def refund_list(every: bool, operator: str | None, as_json: bool) -> None:
    """What waits for a second person, the longest waiting first."""
    find = latest_requests if every else open_requests
    rows = read(operator, lambda who: find(who.door.pool, who.operator))
    emit([shown_request(row) for row in rows], _COLUMNS, as_json=as_json)


@refund.command("show", epilog="Example: coinslot operator refund show rfr_1hv3…")
@click.argument("request_id")
@options
def refund_show(request_id: str, operator: str | None, as_json: bool) -> None:
    """One request: what was done, or what would be done now."""

    async def work(who: Acting) -> tuple[RefundRequest, Proposal | None]:
        found = await find_request(who.door.pool, who.operator, request_id)
        if found.outcome is None:
            return found, None
        return found, await with_names(who.door.pool, who.operator, read_outcome(found.outcome))

    found, done = read(operator, work)
    shown = shown_request(found)
    if done is not None:
        shown |= _figures(done)
    emit_one(shown, as_json=as_json)


@refund.command("approve", epilog="Example: coinslot operator refund approve rfr_1hv3… --as bert")
@click.argument("request_id")
@click.option("--words", default="", help="Anything to be remembered; name nobody.")
@acting
def refund_approve(
    request_id: str, words: str, login: str, password_stdin: bool, operator: str | None, as_json: bool
) -> None:
    """Agree to what somebody else has asked for: it is checked anew and done."""

    async def work(who: Acting) -> RefundRequest:
        return await approve(who.door, who.operator, request_id, who.staff, words)

    emit_one(shown_request(act(operator, login, password_stdin, work)), as_json=as_json)


@refund.command(
    "decline",
    epilog="Example: coinslot operator refund decline rfr_1hv3… --words 'the meter is right' --as bert",
)
@click.argument("request_id")
@click.option("--words", required=True, help="Why; name nobody.")
@acting
def refund_decline(
    request_id: str, words: str, login: str, password_stdin: bool, operator: str | None, as_json: bool
) -> None:
    """Do not agree. It can be asked anew."""

    async def work(who: Acting) -> RefundRequest:
        return await decline(who.door, who.operator, request_id, who.staff, words)

    emit_one(shown_request(act(operator, login, password_stdin, work)), as_json=as_json)


@refund.command("owed", epilog="Example: coinslot operator refund owed")
@options
def refund_owed(operator: str | None, as_json: bool) -> None:
    """What payers are owed and no provider carries: pay it, then run `refund by-hand`."""
    rows = read(operator, lambda who: by_hand.list_owed(who.door.pool, who.operator))
    emit([_owed(row) for row in rows], ("ref", "kind", "amount", "merchant_id", "since"), as_json=as_json)


@refund.command(
    "by-hand", epilog="Example: coinslot operator refund by-hand r1hv3… --from bank/main --as anna"
)
@click.argument("ref", metavar="REF")
@click.option(
    "--from",
    "paid_from",
    required=True,
    help="Out of which account: operator/cash, bank/NAME, or merchant/ID/clearing if done in the provider's console.",
)
@acting
def refund_by_hand(
    ref: str, paid_from: str, login: str, password_stdin: bool, operator: str | None, as_json: bool
) -> None:
    """Note that a payer has the money now. REF is as `refund owed` shows it."""

    async def work(who: Acting) -> by_hand.Owed:
        return await by_hand.pay_owed(who.door, who.operator, who.staff, ref, paid_from=paid_from)

    emit_one(_owed(act(operator, login, password_stdin, work)), as_json=as_json)


def _owed(row: by_hand.Owed) -> dict[str, object]:
    amount = f"{format_amount(row.amount_minor, row.currency)} {row.currency}"
    return msgspec.structs.asdict(row) | {"amount": amount}


def _wish(
    who: Acting,
    what: str,
    target: str,
    amount: str | None,
    way: str | None,
    reason: Reason,
    words: str,
    key: str | None,
) -> RefundWish:
    return RefundWish(
        operator=who.operator,
        key=key or new_id("cli"),
        what=What(what),
        target=target,
        amount_minor=None if amount is None else parse_amount(amount, who.currency),
        way=None if way is None else Way(way),
        reason=reason,
        words=words,
    )


def shown_request(row: RefundRequest) -> dict[str, object]:
    """For people: amounts in major units, staff by name."""
    return {
        "request_id": row.request_id,
        "state": row.state.value,
        "what": row.what.value,
        "target": row.target,
        "amount": f"{format_amount(row.amount_minor, row.currency)} {row.currency}",
        "way": row.way.value,
        "reason": row.reason.value,
        "words": row.words,
        "asked_by": row.asked_by_name,
        "asked_at": row.asked_at,
        "expires_at": row.expires_at,
        "alone": row.alone,
        "decided_by": row.decided_by_name,
        "decided_at": row.decided_at,
        "decision_words": row.decision_words,
    }


def _figures(proposal: Proposal) -> dict[str, object]:
    currency = proposal.currency
    lines: dict[str, object] = {
        _name(figure): format_amount(figure.amount_minor, currency) for figure in proposal.figures
    }
    for back in proposal.returns:
        lines[f"refund {back.number or 'to ' + back.attempt}"] = format_amount(back.amount_minor, currency)
    if proposal.by_hand_minor:
        lines["by hand"] = format_amount(proposal.by_hand_minor, currency)
    if proposal.bonus_spent_minor:
        lines["bonus spent, and left"] = format_amount(proposal.bonus_spent_minor, currency)
    return lines


def _name(figure: Figure) -> str:
    return figure.who if figure.kind is AccountKind.PARTY_PAYABLE else figure.account


def _show(proposal: Proposal, *, as_json: bool) -> None:
    if as_json:
        emit_one(proposal, as_json=True)
        return
    currency = proposal.currency
    emit_one(
        {
            "of": f"{format_amount(proposal.whole_minor, currency)} {currency}",
            "given back before": format_amount(proposal.before_minor, currency),
            "at most now": format_amount(proposal.most_minor, currency),
            "to be given back": format_amount(proposal.amount_minor, currency),
            **_figures(proposal),
        },
        as_json=False,
    )
