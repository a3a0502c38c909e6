"""What came into a wallet and went out of it, beside uses: top-ups, cash, refunds, withdrawals, with how far each is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, NamedTuple

from litestar import get
from litestar.params import QueryParameter
from litestar.response import Response
from msgspec import Struct

from coinslot.ledger import accounts
from coinslot.payments.states import IntentState
from coinslot.rows import many
from coinslot.web.customer.history import nobody
from coinslot.web.customer.limits import count_view
from coinslot.web.customer.topup import STYLES
from coinslot.web.customer.wallets import Wallet, chosen, wallets
from coinslot.web.customer.ways import provider_name
from coinslot.web.pages import figures
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf

PER_PAGE: Final = 20

# Each part is read from its own index, newest first, and no further than the page. Intents that nobody tried to pay
# are nothing that happened.
_MOVES: Final = """
    (SELECT 'topup' AS kind, i.intent_id AS id, i.opened_at AS at, i.amount_minor, i.bonus_minor, i.state AS state,
            coalesce(a.provider, '') AS provider, 0::bigint AS back_minor, 0::bigint AS by_hand_minor,
            (SELECT coalesce(sum(x.refunding_minor), 0)::bigint FROM payment_attempt x
             WHERE x.intent_id = i.intent_id AND x.operator_id = i.operator_id AND x.mark IN ('late', 'duplicate', 'unwanted'))
            AS returned_minor
     FROM payment_intent i
     LEFT JOIN LATERAL (SELECT x.provider FROM payment_attempt x
         WHERE x.intent_id = i.intent_id AND x.operator_id = i.operator_id
         ORDER BY x.number = i.paid_by DESC NULLS LAST, x.made_at DESC LIMIT 1) a ON true
     WHERE i.customer_id = $2 AND i.operator_id = $1 AND i.purpose = 'topup' AND i.opened_at < $4
     ORDER BY i.opened_at DESC LIMIT $5)
    UNION ALL
    (SELECT 'withdrawal', w.withdrawal_id, w.asked_at, w.amount_minor, 0,
            CASE WHEN w.ended_at IS NULL THEN 'open' ELSE 'done' END, '', w.back_minor, w.by_hand_minor, 0
     FROM withdrawal w WHERE w.customer_id = $2 AND w.operator_id = $1 AND w.asked_at < $4
     ORDER BY w.asked_at DESC LIMIT $5)
    UNION ALL
    (SELECT e.kind, coalesce(e.session_id, ''), e.posted_at, -p.amount_minor, 0, 'paid', '', 0, 0, 0
     FROM ledger_posting p JOIN ledger_entry e USING (operator_id, entry_id)
     WHERE p.operator_id = $1 AND p.account = $3 AND p.currency = $6 AND p.amount_minor < 0
       AND e.kind IN ('cash', 'refund') AND e.posted_at < $4
     ORDER BY p.entry_id DESC LIMIT $5)
    ORDER BY at DESC, id DESC LIMIT $5
"""


class Move(Struct, frozen=True, kw_only=True):
    """One thing that came or went, as it is stored; minor units."""

    kind: str
    id: str
    at: datetime
    amount_minor: int
    bonus_minor: int
    state: str
    provider: str
    back_minor: int
    by_hand_minor: int
    returned_minor: int


class Row(NamedTuple):
    """The same as a line."""

    path: str
    """Empty where there is nothing more to be seen."""
    what: str
    at: str
    amount: str
    comes: bool
    word: str
    look: str


@get("/me/money")
async def money_page(
    page: PageOf,
    operator: Annotated[str | None, QueryParameter(name="operator", max_length=64)] = None,
    before: Annotated[str | None, QueryParameter(name="before", max_length=40)] = None,
) -> Response[bytes]:
    """A page of the list; `before` is the moment of the last line of the page above."""
    count_view(page)
    found = await wallets(page)
    wallet = chosen(found, operator or "")
    if wallet is None:
        return nobody(page)
    moves = await _moves(page, wallet, _moment(before))
    shown = moves[:PER_PAGE]
    return page.show(
        "pay/money.html",
        styles=STYLES,
        wallet=wallet,
        others=[one for one in found if one.operator_id != wallet.operator_id],
        rows=[_row(page, wallet, move) for move in shown],
        more=shown[-1].at.isoformat().replace("+00:00", "Z") if len(moves) > len(shown) else "",
        later=before is not None,
        keep=f"&operator={wallet.operator_id}",
        help_phone=wallet.help_phone,
    )


async def _moves(page: Page, wallet: Wallet, before: datetime | None) -> list[Move]:
    rows = await page.services.pool.fetch(
        _MOVES,
        wallet.operator_id,
        wallet.customer_id,
        accounts.customer_principal(wallet.customer_id),
        before or await page.services.pool.fetchval("SELECT now() + interval '1 minute'"),
        PER_PAGE + 1,
        wallet.currency,
    )
    return many(rows, Move)


def _moment(text: str | None) -> datetime | None:
    """None for whatever is no moment."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _row(page: Page, wallet: Wallet, move: Move) -> Row:
    amount = figures.money(move.amount_minor, wallet.currency)
    at = figures.moment(move.at, wallet.timezone, page.language)
    if move.kind == "cash":
        return Row(
            "", page.say("Cash at the counter"), at, f"+{amount}", True, page.say("Payment arrived"), ""
        )
    if move.kind == "refund":
        path = f"/s/{move.id}/bill" if move.id else ""
        return Row(path, page.say("Refund of a use"), at, f"+{amount}", True, page.say("In your wallet"), "")
    if move.kind == "withdrawal":
        word, look = _withdrawal_word(page, move)
        path = f"/me/withdraw/{move.id}"
        return Row(path, page.say("Withdrawal"), at, f"−{amount}", False, word, look)
    name = provider_name(page, move.provider) if move.provider else ""
    what = page.say("Top-up by %(name)s", name=name) if name else page.say("Top-up")
    word, look, came = _topup_word(page, wallet, move)
    return Row(f"/pay/{move.id}", what, at, f"+{amount}" if came else amount, came, word, look)


def _withdrawal_word(page: Page, move: Move) -> tuple[str, str]:
    if move.back_minor:
        return page.say("Not all of it worked"), "bad"
    if move.state == "done":
        return page.say("Arrived"), ""
    return (
        page.say("On its way, part at the counter") if move.by_hand_minor else page.say("On its way")
    ), "warn"


def _topup_word(page: Page, wallet: Wallet, move: Move) -> tuple[str, str, bool]:
    bonus = figures.money(move.bonus_minor, wallet.currency) if move.bonus_minor else ""
    match IntentState(move.state):
        case IntentState.PAID:
            return (
                page.say("Paid, +%(bonus)s bonus", bonus=bonus) if bonus else page.say("Payment arrived"),
                "",
                True,
            )
        case IntentState.PARTLY_REFUNDED:
            return page.say("Paid, partly withdrawn since"), "", True
        case IntentState.REFUNDED:
            return page.say("Paid, withdrawn since"), "", True
        case IntentState.EXPIRED:
            return (page.say("Given back") if move.returned_minor else page.say("Not paid")), "warn", False
        case IntentState.OPEN:
            return page.say("Not paid yet"), "warn", False
