"""Stripe: coinslot's payment port over Checkout Sessions, refunds and balance transactions.

Owns: the merchant's keys and their checks, the way the client library takes to the network, how a payment is found by
    our number alone, what answers, events and balance transactions mean in our words.
Does not decide: what is paid for, whether an event's amount is right, what to do about an unknown outcome.
Invariants: ABSENT is said of a payment only after a complete look through everything that was made in its time; one
    refund number is one refund that moves money, however long it is asked for; no request and no list outlasts its
    deadline; what is not known is `Unknown`; keys, payers and the provider's words are in no log and no error.
"""

from coinslot.providers.findings import Finding
from coinslot.providers.stripe.adapter import Stripe
from coinslot.providers.stripe.settings import StripeKeys, StripeSettings, check, read_keys

__all__ = ["Finding", "Stripe", "StripeKeys", "StripeSettings", "check", "read_keys"]
