"""What our books have of a provider's day: payments and refunds, each with what the ledger posted for it."""

from __future__ import annotations

from typing import Final

import asyncpg

from coinslot.payments.billing import MARGIN, Ours
from coinslot.payments.model import Merchant
from coinslot.rows import many
from coinslot.settlement.payments.bill_rows import DueBill
from coinslot.settlement.payments.rows import Access

# What the ledger has for a payment is named after the intent that it paid, or after itself where it paid none.
_PAYMENTS: Final = """
    WITH mine AS (
        SELECT p.* FROM provider_payment p
        WHERE p.operator_id = $1 AND p.merchant_id = $2 AND p.at >= $4 AND p.at < $5
        UNION
        SELECT p.* FROM provider_bill_line l
        JOIN provider_payment p ON (p.operator_id, p.provider, p.provider_id) = (l.operator_id, $6, l.ref)
        WHERE (l.operator_id, l.merchant_id, l.day) = ($1, $2, $3) AND l.kind = 'payment' AND p.merchant_id = $2
    )
    SELECT 'payment' AS kind, m.provider_id AS ref, coalesce(m.number, '') AS number, m.currency, m.amount_minor,
        (SELECT coalesce(sum(g.amount_minor), 0)::bigint FROM ledger_entry e
         JOIN ledger_posting g ON (g.operator_id, g.entry_id) = (e.operator_id, e.entry_id)
         WHERE e.operator_id = $1 AND g.account = 'merchant/' || $2 || '/clearing' AND g.currency = m.currency
           AND e.key = ANY (CASE WHEN i.intent_id IS NULL
                THEN ARRAY['payment:' || coalesce(m.suspense_id, m.number) || ':unasked']
                ELSE ARRAY['payment:' || i.intent_id || ':topup', 'payment:' || i.intent_id || ':hold'] END)
        ) AS posted_minor,
        true AS is_done,
        m.at >= $4 AND m.at < $5 AND NOT EXISTS (SELECT FROM provider_bill_line x WHERE x.operator_id = $1
            AND x.ref = m.provider_id AND x.merchant_id = $2 AND x.kind = 'payment') AS is_due
    FROM mine m
    LEFT JOIN payment_intent i ON i.operator_id = m.operator_id AND i.paid_by = m.number
        AND i.intent_id = (SELECT a.intent_id FROM payment_attempt a
                           WHERE a.operator_id = m.operator_id AND a.number = m.number)
"""
_REFUNDS: Final = """
    WITH mine AS (
        SELECT r.* FROM refund r
        WHERE r.operator_id = $1 AND r.merchant_id = $2 AND r.state = 'succeeded' AND r.ended_at >= $4 AND r.ended_at < $5
        UNION
        SELECT r.* FROM provider_bill_line l JOIN refund r ON (r.operator_id, r.number) = (l.operator_id, l.ref)
        WHERE (l.operator_id, l.merchant_id, l.day) = ($1, $2, $3) AND l.kind = 'refund' AND r.merchant_id = $2
    ), counted AS (
        SELECT m.*, (SELECT coalesce(-sum(g.amount_minor), 0)::bigint FROM ledger_entry e
             JOIN ledger_posting g ON (g.operator_id, g.entry_id) = (e.operator_id, e.entry_id)
             WHERE e.operator_id = $1 AND g.account = 'merchant/' || $2 || '/clearing' AND g.currency = m.currency
               AND e.key IN ('refund:' || m.number || ':done', 'chargeback:' || m.number)) AS posted_minor
        FROM mine m
    )
    SELECT 'refund' AS kind, c.number AS ref, c.number, c.currency, c.amount_minor, c.posted_minor,
        c.state = 'succeeded' OR c.posted_minor <> 0 AS is_done,
        c.state = 'succeeded' AND c.ended_at >= $4 AND c.ended_at < $5
            AND NOT EXISTS (SELECT FROM provider_bill_line x WHERE x.operator_id = $1 AND x.ref = c.number
                AND x.merchant_id = $2 AND x.kind = 'refund') AS is_due
    FROM counted c
"""
_TAKEN: Final = """
    SELECT EXISTS (SELECT FROM provider_payment WHERE operator_id = $1 AND provider = $2 AND provider_id = $3)
"""


async def is_taken(access: Access, merchant: Merchant, provider_id: str) -> bool:
    """Whether the books have this payment of the provider's, for whatever."""
    taken = await access.fetchval(_TAKEN, merchant.operator_id, merchant.provider, provider_id)
    return taken is True


async def ours_of(access: Access, due: DueBill, provider: str) -> list[Ours]:
    """What the books have of this bill's lines, and of its day."""
    begins, ends = due.begins_at - MARGIN, due.ends_at - MARGIN
    rows: list[asyncpg.Record] = [
        *await access.fetch(_PAYMENTS, *due.key, begins, ends, provider),
        *await access.fetch(_REFUNDS, *due.key, begins, ends),
    ]
    return many(rows, Ours)
