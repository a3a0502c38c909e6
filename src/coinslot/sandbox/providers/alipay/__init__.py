"""Alipay's open platform, made up: one gateway, trades and refunds in memory, notifications, bills, its ways to fail.

Owns: request signatures and their checks, answers signed over their exact text, the trade that does not exist before
    its code is scanned, the limits the provider keeps, forms that tell of it and their schedule, the bill's zip.
Does not decide: what the merchant makes of it. Shares no code with `coinslot.providers.alipay`.
Invariants: a trade is paid at most once; refunds never exceed it; one request number is one refund.
"""

from coinslot.sandbox.providers.alipay.account import AlipayAccount
from coinslot.sandbox.providers.alipay.sandbox import AlipaySandbox

__all__ = ["AlipayAccount", "AlipaySandbox"]
