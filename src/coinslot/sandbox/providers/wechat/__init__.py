"""WeChat Pay v3, made up: its wire as documented, orders, refunds, splits and bills in memory, its ways to fail.

Owns: request signatures and their checks, signed answers, encrypted notifications and their schedule, the limits the
    provider keeps (repeat, expiry, refunds, splits), the bill's format, the step that tells a payer's openid.
Does not decide: what the merchant makes of it. Shares no code with `coinslot.providers.wechat`.
Invariants: an order is paid at most once; refunds never exceed it; one number is one order, refund or split.
"""

from coinslot.sandbox.providers.wechat.account import WechatAccount
from coinslot.sandbox.providers.wechat.sandbox import WechatSandbox

__all__ = ["WechatAccount", "WechatSandbox"]
