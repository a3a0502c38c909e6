"""What Stripe's errors mean: for good, not now, or nobody knows. Pure. Words are ours: the provider's may repeat what
was sent."""

from __future__ import annotations

import re
from typing import Final

import msgspec
import stripe
from msgspec import Struct

from coinslot.payments.port import ProviderError, Rejected, RetrySameKey, Unknown
from coinslot.providers.stripe.wire import REPLAYED

_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LATER: Final = {
    "rate_limit": "too many calls a second",
    "lock_timeout": "the payment is being changed just now",
    "idempotency_key_in_use": "the same request is under way",
    "balance_insufficient": "the account's balance does not cover it: top it up",
    "insufficient_funds": "the account's balance does not cover it: top it up",
}
_NEVER: Final = {
    "amount_too_small": "less than the least that Stripe takes",
    "amount_too_large": "more than Stripe takes",
    "charge_already_refunded": "all of it has been refunded",
    "charge_disputed": "the payer has disputed it: the money went back that way",
    "api_key_expired": "`secret_key` has been replaced: set the new one",
    "testmode_charges_only": "the account may not take real money yet: finish its activation",
    "url_invalid": "`public_url` is no address that Stripe takes",
}
_BUSY_STATUS: Final = 429
_NOT_FOUND: Final = 404


class _Error(Struct, frozen=True):
    type: str = ""
    code: str = ""


class _Body(Struct, frozen=True):
    error: _Error


class Refused(Exception):
    """An error answer, read."""

    def __init__(self, error: ProviderError, *, status: int, kind: str, is_replayed: bool) -> None:
        super().__init__(error.code)
        self.error = error
        """What to raise if the call has no better answer to it."""
        self.status = status
        self.kind = kind
        """Stripe's word for the family."""
        self.is_replayed = is_replayed
        """Whether it is the answer to an earlier request with the same key, which is over."""

    @property
    def is_other_request(self) -> bool:
        """The key was used for other values."""
        return self.kind == "idempotency_error"

    @property
    def is_absent(self) -> bool:
        """There is no such thing."""
        return self.status == _NOT_FOUND and self.kind == "invalid_request_error"


def refused(error: stripe.StripeError) -> Refused:
    """What an error of the library's means; whatever it holds stays here."""
    status = error.http_status or 0
    told = _told(error.http_body)
    replayed = (error.headers or {}).get(REPLAYED, "") == "true"
    return Refused(_meaning(status, told), status=status, kind=told.type, is_replayed=replayed)


def _meaning(status: int, told: _Error) -> ProviderError:
    code = told.code or told.type or f"HTTP {status}"
    if status >= 500:
        return Unknown(code, "Stripe had an error of its own")
    if not told.type or status < 400:
        return Unknown(f"HTTP {status}", "an answer that is not documented")
    if status == _BUSY_STATUS or told.code in _LATER:
        return RetrySameKey(code, _LATER.get(told.code, "too many calls a second"))
    if told.type == "idempotency_error":
        return Unknown(code, "something was asked for under this number with other values")
    if status == 409:
        return RetrySameKey(code, "it is being changed just now")
    if told.code in _NEVER:
        return Rejected(code, _NEVER[told.code])
    if status == 401:
        return Rejected(code, "`secret_key` is refused: compare it with Stripe's dashboard")
    if status == 403:
        return Rejected(
            code, "`secret_key` may not do this: give the restricted key the rights in docs/payments.md"
        )
    return Rejected(code, "Stripe refuses it")


def _told(body: object) -> _Error:
    if not isinstance(body, str | bytes):
        return _Error()
    try:
        told = msgspec.json.decode(body, type=_Body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Error()
    return _Error(*(each if _CODE.fullmatch(each) else "" for each in (told.type, told.code)))
