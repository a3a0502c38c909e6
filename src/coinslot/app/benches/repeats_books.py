"""Our side of a run of repeats: orders as if each had been asked for, and what must be true of the books at the end."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from msgspec import Struct

from coinslot.app.benches.repeats_plan import Kind, Payment
from coinslot.app.benches.repeats_providers import Providers, accounts_of
from coinslot.app.seed import BY
from coinslot.engines.connect import Pool
from coinslot.fleet.store import create_operator
from coinslot.ledger import accounts
from coinslot.ledger.store import balance
from coinslot.ledger.verify import verify
from coinslot.payments.model import Merchant
from coinslot.people.customers import make_customers
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.wire.ids import CustomerId, OperatorId

CURRENCY: Final = "CNY"
_NEVER: Final = timedelta(days=2)
"""Until somebody asks for an order by itself."""
# What opening, beginning and creating leave behind, for many at once: preparation, and no part of what is measured.
_INTENTS = """
    INSERT INTO payment_intent (operator_id, intent_id, request_key, request_hash, purpose, customer_id, currency,
        amount_minor, state, opened_at, expires_at)
    SELECT $1, 'pay_' || number, number, $6, 'topup', customer, $2, amount, state, now(), now() + interval '1 day'
    FROM unnest($3::text[], $4::text[], $5::bigint[], $7::text[]) AS new (number, customer, amount, state)
"""
_ATTEMPTS = """
    INSERT INTO payment_attempt (operator_id, number, intent_id, request_key, request_hash, merchant_id, provider,
        channel, currency, amount_minor, state, made_at, expires_at, created, next_poll_at)
    SELECT $1, number, 'pay_' || number, number, $3, merchant, provider, 'qr', $2, amount, state, now(),
        now() + interval '10 minutes', '{}', CASE WHEN state = 'pending' THEN now() + $4::interval END
    FROM unnest($5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[])
        AS new (number, merchant, provider, amount, state)
"""
_ASK = "UPDATE payment_attempt SET next_poll_at = now() WHERE number = ANY ($1) AND state = 'pending'"
_WAITING = "SELECT count(*) FROM payment_inbox WHERE operator_id = $1 AND state = 'new'"
_HASTEN = "UPDATE refund SET next_at = now() WHERE operator_id = $1 AND next_at IS NOT NULL"
_OPEN = "SELECT count(*) FROM refund WHERE operator_id = $1 AND state NOT IN ('succeeded', 'closed')"
_STATES = (
    "SELECT number, state, mark, provider_id, refunded_minor FROM payment_attempt WHERE operator_id = $1"
)
_REFUNDS = "SELECT attempt_number, count(*) FROM refund WHERE operator_id = $1 GROUP BY 1"
_CREDITS = """
    SELECT split_part(key, ':', 2), count(*) FROM ledger_entry WHERE operator_id = $1 AND kind = 'topup' GROUP BY 1
"""
_HEARD = "SELECT state, count(*) FROM payment_inbox WHERE operator_id = $1 GROUP BY 1"
_MOST_TOLD: Final = 20


class Shop(Struct, frozen=True, kw_only=True):
    """One operator with an account at each provider, and its customers."""

    operator: OperatorId
    merchants: Mapping[str, Merchant]
    customers: Sequence[CustomerId]


async def open_shop(pool: Pool, name: str, providers: Providers, customers: int) -> Shop:
    """Make it, and hand the adapters their merchants."""
    async with pool.acquire() as connection:
        made = await create_operator(
            connection, name=name, currency=CURRENCY, timezone="Asia/Shanghai", by=BY
        )
        own = OperatorId(made.operator_id)
        merchants = {
            provider: await add_merchant(
                connection, own, provider=provider, account=account, app=app, name=provider, by=BY
            )
            for provider, (account, app) in accounts_of(providers.accounts).items()
        }
        names = [f"Payer {number}" for number in range(customers)]
        people = await make_customers(connection, own, names, by=BY)
        await providers.merchants.meet(connection)
    return Shop(operator=own, merchants=merchants, customers=people)


async def order(pool: Pool, shop: Shop, payments: Sequence[Payment]) -> None:
    """They are asked for; those that are late are over already. Unknown ones are not ours."""
    ours = [payment for payment in payments if payment.kind is not Kind.UNKNOWN]
    late = [payment.kind is Kind.LATE for payment in ours]
    numbers = [payment.number for payment in ours]
    amounts = [payment.ordered_minor for payment in ours]
    digest = hashlib.sha256(b"bench").digest()
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            _INTENTS,
            shop.operator,
            CURRENCY,
            numbers,
            [shop.customers[payment.customer] for payment in ours],
            amounts,
            digest,
            ["expired" if over else "open" for over in late],
        )
        await connection.execute(
            _ATTEMPTS,
            shop.operator,
            CURRENCY,
            digest,
            _NEVER,
            numbers,
            [shop.merchants[payment.provider].merchant_id for payment in ours],
            [payment.provider for payment in ours],
            amounts,
            ["closed" if over else "pending" for over in late],
        )


async def ask_about(pool: Pool, payments: Sequence[Payment]) -> None:
    """Have the cashier ask for those that the plan says, now."""
    await pool.execute(_ASK, [payment.number for payment in payments if payment.is_asked_about])


async def waiting(pool: Pool, shop: Shop) -> int:
    """Notifications that nobody has acted upon yet."""
    return int(await pool.fetchval(_WAITING, shop.operator))


async def hasten_refunds(pool: Pool, shop: Shop) -> int:
    """Let the time pass that lies between two looks at a refund; how many are not at their end."""
    await pool.execute(_HASTEN, shop.operator)
    return int(await pool.fetchval(_OPEN, shop.operator))


async def heard(pool: Pool, shop: Shop) -> dict[str, int]:
    """Different notifications that were stored, by what became of them."""
    return {row[0]: row[1] for row in await pool.fetch(_HEARD, shop.operator)}


async def violations(pool: Pool, shop: Shop, providers: Providers, payments: Sequence[Payment]) -> list[str]:
    """Everything that is not as it must be; empty when all is well."""
    found = [
        *await _of_payments(pool, shop, providers, payments),
        *await _of_wallets(pool, shop, payments),
        *await _of_merchants(pool, shop, providers, payments),
    ]
    if left := await waiting(pool, shop):
        found.append(f"{left} notifications were never acted upon")
    async with pool.acquire() as connection:
        report = await verify(connection, operator=shop.operator)
    return [*found, *(f"the ledger: {fault}" for fault in report.faults)]


async def _of_payments(
    pool: Pool, shop: Shop, providers: Providers, payments: Sequence[Payment]
) -> list[str]:
    """Each attempt against the provider's book; how often each was credited and given back."""
    rows = {row["number"]: row for row in await pool.fetch(_STATES, shop.operator)}
    refunds = Counter({row[0]: row[1] for row in await pool.fetch(_REFUNDS, shop.operator)})
    credits = Counter({row[0]: row[1] for row in await pool.fetch(_CREDITS, shop.operator)})
    found = []
    for payment in payments:
        row = rows.get(payment.number)
        stands = None if row is None else (row["state"], row["mark"], row["provider_id"])
        back_minor = 0 if row is None else row["refunded_minor"]
        times = (credits.pop(f"pay_{payment.number}", 0), refunds.pop(payment.number, 0), back_minor)
        paid_id = providers.paid_id(payment)
        wanted: tuple[tuple[str, str, str | None] | None, tuple[int, int, int]]
        match payment.kind:
            case Kind.USUAL:
                wanted = (("succeeded", "", paid_id), (1, 0, 0))
            case Kind.LATE:
                wanted = (("succeeded", "late", paid_id), (0, 1, payment.paid_minor))
            case Kind.OTHER_AMOUNT:
                wanted = (("pending", "disputed", None), (0, 0, 0))
            case Kind.UNKNOWN:
                wanted = (None, (0, 0, 0))
        if (stands, times) != wanted:
            found.append(
                f"payment {payment.at} ({payment.kind}): {stands}, credited {times[0]} times, "
                f"given back {times[1]} times"
            )
    found += [f"{key} was credited, and nobody had paid it" for key in credits]
    found += [f"{key} was given back, and nobody had paid it" for key in refunds]
    return _shortened(found)


async def _of_wallets(pool: Pool, shop: Shop, payments: Sequence[Payment]) -> list[str]:
    wanted: dict[CustomerId, int] = defaultdict(int)
    for payment in payments:
        if payment.kind is Kind.USUAL:
            wanted[shop.customers[payment.customer]] += payment.paid_minor
    found = []
    for customer in shop.customers:
        has_minor = await balance(pool, shop.operator, accounts.customer_principal(customer), CURRENCY)
        if has_minor != wanted[customer]:
            found.append(f"{customer} has {has_minor} fen, and paid {wanted[customer]}")
    return _shortened(found)


async def _of_merchants(
    pool: Pool, shop: Shop, providers: Providers, payments: Sequence[Payment]
) -> list[str]:
    """Sums, to the fen: what the provider holds by our ledger and by its own book."""
    found = []
    for provider, merchant in shop.merchants.items():
        apart = (Kind.OTHER_AMOUNT, Kind.UNKNOWN)
        suspense_minor = sum(p.paid_minor for p in payments if p.provider == provider and p.kind in apart)
        for account, wanted_minor in (
            (accounts.merchant_clearing(merchant.merchant_id), providers.held_minor(provider, payments)),
            (accounts.merchant_suspense(merchant.merchant_id), suspense_minor),
            (accounts.merchant_refunds_due(merchant.merchant_id), 0),
        ):
            has_minor = await balance(pool, shop.operator, account, CURRENCY)
            if has_minor != wanted_minor:
                found.append(f"{provider}: {account} has {has_minor} fen, and should have {wanted_minor}")
    return found


def _shortened(found: list[str]) -> list[str]:
    return [*found[:_MOST_TOLD], *_rest(len(found) - _MOST_TOLD)]


def _rest(count: int) -> Iterator[str]:
    if count > 0:
        yield f"and {count} more like these"
