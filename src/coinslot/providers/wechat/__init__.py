"""WeChat Pay v3: coinslot's payment port over the provider's wire.

Owns: the merchant's keys and their checks, the guard around the client library, what answers, notifications and
    bills mean in our words, the step that tells a payer's openid.
Does not decide: what is paid for, whether a notification's amount is right, what to do about an unknown outcome.
Invariants: no answer is believed whose signature does not verify; no call lasts longer than its deadline; what is not
    known is `Unknown`; keys, names, openids and the provider's words are in no log and no error.
"""

from coinslot.providers.findings import Finding
from coinslot.providers.wechat.adapter import WechatPay
from coinslot.providers.wechat.settings import WechatKeys, WechatSettings, check, read_keys

__all__ = ["Finding", "WechatKeys", "WechatPay", "WechatSettings", "check", "read_keys"]
