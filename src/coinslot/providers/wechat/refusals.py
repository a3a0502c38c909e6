"""What WeChat Pay's refusals mean: for good, not now, or nobody knows. Pure.

By the error tables of the calls' own pages and of "HTTP status codes". Words are ours: the provider's may repeat
what was sent.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import Struct

from coinslot.payments.port import ProviderError, Rejected, RetrySameKey, Unknown
from coinslot.providers.wechat.guard import Refusal

_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")

_LATER: Final = {
    "FREQUENCYLIMITED": "too many calls a minute",
    "FREQUENCYLIMITEXCEED": "too many calls a minute",
    "RATELIMITEXCEEDED": "too many calls a minute",
    "RATELIMITEXCEED": "too many calls a minute",
    "USERPAYING": "the payer is about to pay",
    "NOTENOUGH": "the merchant's balance does not cover it: top it up, or have splits returned first",
    "STATEMENTCREATING": "the bill is being made: it is there after 10:00 of the next day in Beijing",
}
_NEVER: Final = {
    "SIGNERROR": "the signature is refused: compare `private_key` and `serial`, and this machine's clock",
    "PARAMERROR": "a value is not as it has to be",
    "INVALIDREQUEST": "the call does not fit what it is about",
    "NOAUTH": "the merchant may not do this: ask for the product on the merchant platform",
    "RULELIMIT": "a rule of the provider's forbids it",
    "TRADEERROR": "the provider refuses this trade",
    "ACCOUNTERROR": "the account cannot be used",
    "APPIDMCHIDNOTMATCH": "`appid` and `mchid` are not bound to each other on the merchant platform",
    "MCHNOTEXISTS": "there is no merchant with `mchid`",
    "USERACCOUNTABNORMAL": "the payer's account was closed: give the money back another way",
    "ORDERCLOSED": "the order has been closed",
    "ORDERNOTEXIST": "there is no such order",
    "RESOURCENOTEXISTS": "there is no such thing",
    "NOSTATEMENTEXIST": "there is no bill of that day",
    "NOTFOUND": "there is no such transfer",
    "ALREADYEXISTS": "this number was used for another transfer",
}
_NOT_THERE: Final = frozenset({"ORDERNOTEXIST", "RESOURCENOTEXISTS", "NOTFOUND"})
_TOO_MUCH: Final = "NOTENOUGH"
_DOES_NOT_FIT: Final = "INVALIDREQUEST"
_NO_BILL: Final = "NOSTATEMENTEXIST"
_PAID: Final = frozenset({"ORDERPAID", "ORDERHASPAID"})
_CLOSED: Final = "ORDERCLOSED"
_TAKEN: Final = frozenset({*_PAID, "OUTTRADENOUSED"})
_ABOUT_US: Final = frozenset({"NOAUTH", "APPIDMCHIDNOTMATCH", "MCHNOTEXISTS", "SIGNERROR", "RULELIMIT"})


class _Body(Struct, frozen=True):
    code: str = ""


class Refused(Struct, frozen=True):
    """A refusal, read."""

    code: str
    """The provider's own, or `HTTP 502`."""
    error: ProviderError
    """What to raise if the call has no better answer to it."""
    is_proven: bool
    """Whether the provider itself signed it, and it decides anything."""

    @property
    def is_absent(self) -> bool:
        """Proven: the provider knows nothing of what was asked about."""
        return self.is_proven and _plain(self.code) in _NOT_THERE

    @property
    def is_closed(self) -> bool:
        """Proven: the order had been closed before."""
        return self.is_proven and _plain(self.code) == _CLOSED

    @property
    def is_number_known(self) -> bool:
        """Proven: there is an order of this number that is paid or made of other values."""
        return self.is_proven and _plain(self.code) in _TAKEN

    @property
    def is_without_bill(self) -> bool:
        """Proven: nothing happened on that day."""
        return self.is_proven and _plain(self.code) == _NO_BILL

    @property
    def is_too_much(self) -> bool:
        """Proven: there is less than what was asked for."""
        return self.is_proven and _plain(self.code) == _TOO_MUCH

    @property
    def is_unfit(self) -> bool:
        """Proven: what is asked for does not fit how things stand, for one of several reasons."""
        return self.is_proven and _plain(self.code) == _DOES_NOT_FIT

    @property
    def is_about_us(self) -> bool:
        """Proven: the merchant, its keys or its rights are wrong, whatever is asked."""
        return self.is_proven and _plain(self.code) in _ABOUT_US


def refused(refusal: Refusal) -> Refused:
    """What a status other than 2xx means."""
    code = _code(refusal)
    if refusal.status == 429:
        # Not done, says the provider; of refunds it says that the same number may be sent again. Nothing is risked
        # by believing it of somebody else.
        return Refused(code, RetrySameKey(code, "too many calls a minute"), not refusal.doubt)
    if refusal.status >= 500:
        return Refused(code, Unknown(code, "WeChat Pay had an error of its own"), is_proven=False)
    if refusal.doubt:
        reason = f"an error that is not proven to be WeChat Pay's: {refusal.doubt}"
        return Refused(code, Unknown(code, reason), is_proven=False)
    plain = _plain(code)
    if plain in _LATER:
        return Refused(code, RetrySameKey(code, _LATER[plain]), is_proven=True)
    if plain in _TAKEN:
        return Refused(code, Unknown(code, "an order of this number is there already"), is_proven=True)
    if plain in _NEVER:
        return Refused(code, Rejected(code, _NEVER[plain]), is_proven=True)
    if refusal.status >= 400:
        return Refused(code, Rejected(code, "WeChat Pay refuses it"), is_proven=True)
    return Refused(code, Unknown(code, "an answer that is not documented"), is_proven=False)


def _code(refusal: Refusal) -> str:
    try:
        told = msgspec.json.decode(refusal.body, type=_Body).code
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = ""
    return told if _CODE.fullmatch(told) else f"HTTP {refusal.status}"


def _plain(code: str) -> str:
    """The pages spell some codes with and without underscores: ORDERPAID, ORDER_CLOSED."""
    return code.replace("_", "")
