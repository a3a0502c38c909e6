"""What Alipay's error codes mean: for good, not now, or nobody knows. Pure.

By the tables of the public error codes and of each call. The same code comes as `ACQ.SYSTEM_ERROR`,
`aop.ACQ.SYSTEM_ERROR` or `isp.unknow-error`: only the last part is compared. Words are ours: the provider's may repeat
what was sent.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from coinslot.payments.port import ProviderError, Rejected, RetrySameKey, Unknown

OK: Final = "10000"
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_FAMILY: Final = re.compile(r"[0-9]{5}")
_BUSY: Final = "20000"
_LIMITED: Final = "40005"
_FINAL: Final = frozenset({"20001", "40001", "40002", "40003", "40004", "40006"})

_UNKNOWN: Final = {
    "SYSTEM_ERROR": "Alipay had an error of its own",
    "UNKNOW_ERROR": "Alipay had an error of its own",
    "UNKNOWN_ERROR": "Alipay had an error of its own",
    "REFUND_CHARGE_ERROR": "the fee could not be given back: nobody knows what became of the refund",
}
_LATER: Final = {
    "APP_CALL_LIMITED": "too many calls of the app",
    "METHOD_CALL_LIMITED": "too many calls of this kind",
    "SYSTEM_RATE_LIMIT": "too many calls",
    "USER_RATE_LIMIT": "too many calls",
    "SELLER_BALANCE_NOT_ENOUGH": "the merchant's balance does not cover it: top it up",
    "PAYER_BALANCE_NOT_ENOUGH": "the merchant's balance does not cover it: top it up",
    "BALANCE_IS_NOT_ENOUGH": "the merchant's balance does not cover it: top it up",
    "REASON_TRADE_BEEN_FREEZEN": "the trade is frozen: ask Alipay",
}
_NEVER: Final = {
    "INVALID_SIGNATURE": "the signature is refused: compare `private_key` with what was uploaded, and `gateway`",
    "INVALID_APP_ID": "there is no app with `app_id` at this gateway, or it is not online",
    "INVALID_TIMESTAMP": "the time is refused: set this machine's clock",
    "MISSING_SIGNATURE_CONFIG": "no public key of the app has been uploaded",
    "INSUFFICIENT_ISV_PERMISSIONS": "the app may not do this: sign up for the product",
    "ACCESS_FORBIDDEN": "the app may not do this: sign up for the product",
    "INVALID_PARAMETER": "a value is not as it has to be",
    "TOTAL_FEE_EXCEED": "the amount is above the limit",
    "EXIST_FORBIDDEN_WORD": "the subject holds a word that Alipay forbids",
    "REFUND_AMT_NOT_EQUAL_TOTAL": "more than what is left of the trade",
    "REASON_TRADE_REFUND_FEE_ERR": "the amount does not fit the trade",
    "DISCORDANT_REPEAT_REQUEST": "this number was used for another refund",
    "TRADE_HAS_FINISHED": "the trade is too old to be refunded",
    "TRADE_HAS_CLOSE": "the trade is closed: never paid, or all of it given back",
    "TRADE_STATUS_ERROR": "the trade's state does not allow it",
    "TRADE_NOT_EXIST": "there is no such trade",
    "ALLOC_AMOUNT_VALIDATE_ERROR": "more than what may be shared of the trade",
    "ROYALTY_RECEIVER_INVALID": "a receiver cannot get shares",
    "USER_NOT_EXIST": "there is no such receiver",
    "PAYEE_NOT_EXIST": "there is no such payee",
    "PAYEE_USER_INFO_ERROR": "the payee has another name",
    "ORDER_NOT_EXIST": "there is no such transfer",
    "TRADE_NOT_ALLOW_REFUND": "the contract does not allow refunds of this trade",
}
# The page of settle.query names no code for a split that never was: these are what merchants tell of.
_NOT_THERE: Final = frozenset({"TRADE_NOT_EXIST", "ORDER_NOT_EXIST", "TRADE_SETTLE_NOT_EXIST"})
_TAKEN: Final = frozenset(
    {
        "TRADE_HAS_SUCCESS",
        "TRADE_HAS_CLOSE",
        "TRADE_HAS_FINISHED",
        "CONTEXT_INCONSISTENT",
        "APPLY_PC_MERCHANT_CODE_ERROR",
    }
)
_NOT_WAITING: Final = frozenset(
    {
        "TRADE_STATUS_ERROR",
        "REASON_TRADE_STATUS_INVALID",
        "REASON_ILLEGAL_STATUS",
        "TRADE_HAS_SUCCESS",
        "TRADE_HAS_CLOSE",
        "TRADE_HAS_FINISHED",
    }
)
_NO_BILL: Final = frozenset({"BILL_NOT_EXIST", "NO_BILL_DATA"})


class Told(Struct, frozen=True):
    """What every answer has."""

    code: str
    sub_code: str = ""


class Refused(Exception):
    """A signed answer other than OK. `error` is what to raise if the call has no better answer to it."""

    def __init__(self, told: Told) -> None:
        self.code = safe_code(told)
        super().__init__(self.code)
        self._plain = _plain(told.sub_code)
        self.error = _error(told.code, self.code, self._plain)

    @property
    def is_absent(self) -> bool:
        """The provider knows nothing of what was asked about."""
        return self._plain in _NOT_THERE

    @property
    def is_taken(self) -> bool:
        """Something of this number is there already, and may have been paid."""
        return self._plain in _TAKEN

    @property
    def is_not_waiting(self) -> bool:
        """It cannot be closed as something that waits to be paid: it was paid, or it is closed."""
        return self._plain in _NOT_WAITING

    @property
    def is_without_bill(self) -> bool:
        """There is no bill of that day, or not yet."""
        return self._plain in _NO_BILL


def safe_code(told: Told) -> str:
    """The finer code where it looks like one, else the family's: for errors and logs."""
    if _CODE.fullmatch(told.sub_code):
        return told.sub_code
    return told.code if _FAMILY.fullmatch(told.code) else "CONTENT"


def _plain(sub_code: str) -> str:
    return sub_code.rpartition(".")[2].replace("-", "_").upper()


def _error(family: str, code: str, plain: str) -> ProviderError:
    if family == _BUSY or plain in _UNKNOWN:
        return Unknown(code, _UNKNOWN.get(plain, "Alipay had an error of its own"))
    if family == _LIMITED or plain in _LATER:
        return RetrySameKey(code, _LATER.get(plain, "too many calls"))
    if family in _FINAL:
        return Rejected(code, _NEVER.get(plain, "Alipay refuses it"))
    return Unknown(code, "an answer that is not documented")
