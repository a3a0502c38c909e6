"""Stripe, made up: checkout sessions, refunds and balance transactions in memory, its events, its ways to fail.

Owns: form bodies and their checks, idempotency keys and what they repeat, lists in pages, the page that payers see,
    signed events and their schedule, the limits the provider keeps.
Does not decide: what the merchant makes of it. Shares no code with `coinslot.providers.stripe`.
Invariants: a session is paid at most once; refunds never exceed it; one key is one request for a day.
"""

from coinslot.sandbox.providers.stripe.account import StripeAccount
from coinslot.sandbox.providers.stripe.sandbox import StripeSandbox

__all__ = ["StripeAccount", "StripeSandbox"]
