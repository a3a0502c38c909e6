"""How every call is answered: who asks, what was answered to the same key before, and what is to go wrong this time."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import SILENCE, Ending, Handler, Reply, Request
from coinslot.sandbox.providers.stripe.account import StripeAccount, letters
from coinslot.sandbox.providers.stripe.keys import Keys
from coinslot.sandbox.providers.stripe.refused import Refused
from coinslot.sandbox.providers.stripe.told import Content, distorted
from coinslot.sandbox.providers.switches import Failure, Switches

Work: TypeAlias = Callable[[Request], Content]
"""Does what is asked. Raises Refused."""
After: TypeAlias = Callable[[Content], Awaitable[None]]
"""What happens once it is done, before it is answered."""

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_VERSION: Final = re.compile(r"\d{4}-\d\d-\d\d(\.[a-z]+)?")
_BUSY: Final = Refused(500, "", "An error occurred on our side", kind="api_error")
_TOO_MANY: Final = Refused(429, "rate_limit", "Too many requests", is_kept=False)


class Desk:
    """Wraps the work of each operation."""

    def __init__(self, account: StripeAccount, clock: SandboxClock, switches: Switches) -> None:
        self._account = account
        self._clock = clock
        self._switches = switches
        self._keys = Keys()

    def handler(self, operation: str, work: Work, after: After | None = None) -> Handler:
        """The work as a handler."""

        async def handle(request: Request) -> Reply:
            return await self._answer(operation, work, request, after)

        return handle

    def check(self, request: Request) -> None:
        """Refused unless it is the account that asks, as the wire wants it."""
        if not hmac.compare_digest(_key_of(request).encode(), self._account.secret_key.encode()):
            raise Refused(401, "", "Invalid API Key provided", is_kept=False)
        version = request.headers.get("stripe-version", "")
        if version and not _VERSION.fullmatch(version):
            raise Refused(400, "", "Invalid Stripe API version", is_kept=False)
        kind = request.headers.get("content-type", "")
        if request.method == "POST" and request.body and not kind.startswith(_FORM):
            raise Refused(400, "", f"POST bodies have to be {_FORM}", is_kept=False)

    async def _answer(self, operation: str, work: Work, request: Request, after: After | None) -> Reply:
        take = self._switches.take
        if take(Failure.SILENT_BEFORE, operation):
            return SILENCE
        if take(Failure.REFUSED_UNSIGNED, operation):
            return Reply(404, b'{"error":{"type":"invalid_request_error","code":"resource_missing"}}', _JSON)
        try:
            self.check(request)
            if take(Failure.RATE_LIMIT, operation):
                raise _TOO_MANY
            kept = self._keys.earlier(request, self._clock.now()) if request.method == "POST" else None
        except Refused as refused:
            return self._spoilt(operation, _reply(refused.status, refused.content()))
        if kept is not None:
            return self._spoilt(operation, _raw(kept.status, kept.body, is_replayed=True))
        try:
            self._early(operation)
            content = work(request)
        except Refused as refused:
            reply = _reply(refused.status, refused.content())
            if refused.is_kept:
                self._keys.keep(request, reply.status, reply.body, self._clock.now())
            return self._spoilt(operation, reply)
        if after is not None:
            await after(content)
        return self._done(operation, request, content)

    def _done(self, operation: str, request: Request, content: Content) -> Reply:
        take = self._switches.take
        broken = take(Failure.SERVER_ERROR_AFTER, operation) is not None
        reply = _reply(500, _BUSY.content()) if broken else _reply(200, content)
        self._keys.keep(request, reply.status, reply.body, self._clock.now())
        if take(Failure.SILENT_AFTER, operation):
            return SILENCE
        if not broken:
            reply = _reply(200, distorted(content, lambda failure: take(failure, operation)))
        return self._spoilt(operation, reply)

    def _early(self, operation: str) -> None:
        if self._switches.take(Failure.SERVER_ERROR, operation):
            raise _BUSY
        refused = self._switches.take(Failure.REFUSED, operation)
        if refused is not None:
            status, _, code = (refused.value or "403 insufficient_permissions").partition(" ")
            raise Refused(int(status), code, "refused as it was asked for")

    def _spoilt(self, operation: str, reply: Reply) -> Reply:
        """Stripe signs no answers: what else comes instead of one does not name the request, or is no JSON."""
        take = self._switches.take
        if take(Failure.UNSIGNED, operation) or take(Failure.UNKNOWN_SIGNER, operation):
            reply = msgspec.structs.replace(reply, headers={})
        if take(Failure.TAMPERED, operation):
            reply = msgspec.structs.replace(reply, body=reply.body[:-1] + b",")
        if take(Failure.CUT_AFTER, operation):
            reply = msgspec.structs.replace(reply, ending=Ending.CUT)
        return reply


def _reply(status: int, content: Content) -> Reply:
    return _raw(status, msgspec.json.encode(content))


def _raw(status: int, body: bytes, *, is_replayed: bool = False) -> Reply:
    headers = {"Request-Id": f"req_{letters(14)}"}
    if is_replayed:
        headers["Idempotent-Replayed"] = "true"
    return Reply(status, body, _JSON, headers)


def _key_of(request: Request) -> str:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode("latin-1").partition(":")[0]
    except binascii.Error:
        return ""
