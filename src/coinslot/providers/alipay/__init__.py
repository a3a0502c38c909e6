"""Alipay: coinslot's payment port over the provider's wire.

Owns: the app's keys and their checks, the guard around the client library, what answers, notifications and bills mean
    in our words.
Does not decide: what is paid for, whether a notification's amount is right, what to do about an unknown outcome.
Invariants: no answer is believed whose signature does not verify over its exact text; no call lasts longer than its
    deadline; what is not known is `Unknown`; nothing that may be paid is ever cancelled, since that gives money back;
    yuan exist here alone; keys, buyers and the provider's words are in no log and no error.
"""

from coinslot.providers.alipay.adapter import Alipay
from coinslot.providers.alipay.probe import probe
from coinslot.providers.alipay.settings import AlipayKeys, AlipaySettings, check, read_keys
from coinslot.providers.findings import Finding

__all__ = ["Alipay", "AlipayKeys", "AlipaySettings", "Finding", "check", "probe", "read_keys"]
