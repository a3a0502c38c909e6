"""How every signed call is answered: who asks, what they ask for, and what is to go wrong this time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from coinslot.sandbox.providers.http import SILENCE, Ending, Handler, Reply, Request, json_reply
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.sandbox.providers.wechat.account import PlatformKey, WechatAccount
from coinslot.sandbox.providers.wechat.notices import Notices
from coinslot.sandbox.providers.wechat.refused import Refused
from coinslot.sandbox.providers.wechat.signing import Gate, request_id, signed_headers
from coinslot.sandbox.providers.wechat.told import Content, distorted

Work: TypeAlias = Callable[[Request], Content | None]
"""Does what is asked; None is answered as 204 without a body. Raises Refused."""

_BUSY: Final = Refused(500, "SYSTEM_ERROR", "the system is busy, try again later")
_TOO_MANY: Final = Refused(429, "FREQUENCY_LIMITED", "too many requests")


class Desk:
    """Wraps the work of each operation."""

    def __init__(
        self,
        account: WechatAccount,
        switches: Switches,
        notices: Notices,
        wire_now: Callable[[], datetime],
    ) -> None:
        self._account = account
        self._switches = switches
        self._notices = notices
        self._wire_now = wire_now
        self._gate = Gate(account)

    def handler(self, operation: str, work: Work) -> Handler:
        """The work as a handler."""

        async def handle(request: Request) -> Reply:
            return self.answer(operation, work, request)

        return handle

    def check(self, request: Request) -> None:
        """Refused unless the merchant signed it and said what it accepts."""
        self._gate.check(request, self._wire_now())
        accepted = request.headers.get("accept", "")
        if "application/json" not in accepted and "*/*" not in accepted:
            raise Refused(406, "PARAM_ERROR", "the Accept header has to allow application/json")
        if request.method == "POST" and not request.headers.get("content-type", "").startswith(
            "application/json"
        ):
            raise Refused(415, "PARAM_ERROR", "the body has to be application/json")
        named = request.headers.get("wechatpay-serial", "")
        if named and self._account.platform_key(named) is None:
            # What the real one says to a key it does not know.
            raise Refused(500, "SYSTEM_ERROR", "the key that Wechatpay-Serial names is none of ours")

    def answer(self, operation: str, work: Work, request: Request) -> Reply:
        """What the caller gets."""
        take = self._switches.take
        if take(Failure.SILENT_BEFORE, operation):
            return SILENCE
        if take(Failure.REFUSED_UNSIGNED, operation):
            return json_reply(403, {"code": "NO_AUTH", "message": "not from here"})
        early = self._early(operation)
        if early is not None:
            return self._refusal(request, early)
        try:
            self.check(request)
            content = work(request)
        except Refused as refused:
            return self._spoilt(operation, request, self._refusal(request, refused))
        if take(Failure.SERVER_ERROR_AFTER, operation):
            return self._refusal(request, _BUSY)
        if take(Failure.SILENT_AFTER, operation):
            return SILENCE
        body = b""
        if content is not None:
            body = msgspec.json.encode(distorted(content, lambda failure: take(failure, operation)))
        return self._spoilt(operation, request, self._signed(request, 200 if body else 204, body))

    def _early(self, operation: str) -> Refused | None:
        if self._switches.take(Failure.SERVER_ERROR, operation):
            return _BUSY
        if self._switches.take(Failure.RATE_LIMIT, operation):
            return _TOO_MANY
        refused = self._switches.take(Failure.REFUSED, operation)
        if refused is None:
            return None
        status, _, code = (refused.value or "403 NO_AUTH").partition(" ")
        return Refused(int(status), code, "refused as it was asked for")

    def _refusal(self, request: Request, refused: Refused) -> Reply:
        return self._signed(request, refused.status, msgspec.json.encode(refused.content()))

    def _signed(self, request: Request, status: int, body: bytes, key: PlatformKey | None = None) -> Reply:
        asked = self._account.platform_key(request.headers.get("wechatpay-serial", ""))
        signer = key or asked or self._account.signing_key
        headers = signed_headers(signer.id, signer.private, body, self._wire_now())
        headers["Request-ID"] = request_id()
        return Reply(status, body, "application/json; charset=utf-8", headers)

    def _spoilt(self, operation: str, request: Request, reply: Reply) -> Reply:
        if self._switches.take(Failure.UNKNOWN_SIGNER, operation):
            reply = self._signed(request, reply.status, reply.body, self._notices.stranger())
        if self._switches.take(Failure.UNSIGNED, operation):
            reply = msgspec.structs.replace(reply, headers={})
        if self._switches.take(Failure.TAMPERED, operation):
            reply = _tampered(reply)
        if self._switches.take(Failure.CUT_AFTER, operation):
            reply = msgspec.structs.replace(reply, ending=Ending.CUT)
        return reply


def _tampered(reply: Reply) -> Reply:
    if not reply.body:
        return msgspec.structs.replace(reply, headers={**reply.headers, "Wechatpay-Nonce": "0" * 32})
    # One space more: still the same JSON, no longer the bytes that were signed.
    return msgspec.structs.replace(reply, body=reply.body[:-1] + b" " + reply.body[-1:])
