"""The one door: who asks, what they ask for, and what is to go wrong this time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from html import escape
from typing import Final, TypeAlias

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from coinslot.sandbox.providers.alipay.account import AlipayAccount
from coinslot.sandbox.providers.alipay.notices import Notices
from coinslot.sandbox.providers.alipay.refused import NotLetIn, Refused, failed
from coinslot.sandbox.providers.alipay.signing import check_request, signature_of
from coinslot.sandbox.providers.alipay.told import Content, distorted
from coinslot.sandbox.providers.http import SILENCE, Ending, Reply, Request, Route
from coinslot.sandbox.providers.switches import Failure, Switches

Parameters: TypeAlias = Mapping[str, str]
Work: TypeAlias = Callable[[Parameters], Content]
"""Does what is asked. Raises Refused."""
After: TypeAlias = Callable[[Parameters], Awaitable[None]]
"""What happens once it is done, before it is answered."""

PATH: Final = "/gateway.do"
_JSON: Final = "text/html;charset=utf-8"
"""What the real gateway calls its JSON."""
_BUSY: Final = Reply(500, b"<html><body>Server Error</body></html>", "text/html")


class Call(msgspec.Struct, frozen=True):
    """One of the gateway's methods."""

    operation: str
    """As switches name it."""
    work: Work
    after: After | None = None


class Gateway:
    """Answers `/gateway.do`. `calls` and `page` are filled in by whoever does the work."""

    def __init__(
        self,
        account: AlipayAccount,
        switches: Switches,
        notices: Notices,
        wire_now: Callable[[], datetime],
    ) -> None:
        self.calls: dict[str, Call] = {}
        """By the wire's name of the method."""
        self.page: Callable[[Parameters], Reply] | None = None
        """What a browser gets for wap.pay."""
        self._account = account
        self._switches = switches
        self._notices = notices
        self._wire_now = wire_now

    def routes(self) -> tuple[Route, ...]:
        """What is answered."""
        return (Route("POST", PATH, self._handle), Route("GET", PATH, self._handle))

    async def _handle(self, request: Request) -> Reply:
        parameters = {**request.form, **request.query}
        method = parameters.get("method", "")
        if method == "alipay.trade.wap.pay" and self.page is not None:
            return self._open_page(parameters)
        call = self.calls.get(method)
        if call is None:
            refused = NotLetIn("40002", "isv.invalid-method", "there is no such method")
            return Reply(200, _enveloped("error_response", _span(refused.content()), ""), _JSON)
        return await self._answer(call, method, parameters)

    async def _answer(self, call: Call, method: str, parameters: Parameters) -> Reply:
        operation, name = call.operation, f"{method.replace('.', '_')}_response"
        early = self._before(operation, name)
        if early is not None:
            return early
        try:
            check_request(self._account, parameters, self._wire_now())
            content = call.work(parameters)
            if call.after is not None:
                await call.after(parameters)
        except NotLetIn as refused:
            return Reply(200, _enveloped(name, _span(refused.content()), ""), _JSON)
        except Refused as refused:
            return self._spoilt(operation, name, _span(refused.content()))
        if self._switches.take(Failure.SERVER_ERROR_AFTER, operation):
            return _BUSY
        if self._switches.take(Failure.SILENT_AFTER, operation):
            return SILENCE
        told = distorted(content, lambda failure: self._switches.take(failure, operation))
        return self._spoilt(operation, name, _span(told))

    def _before(self, operation: str, name: str) -> Reply | None:
        """What goes wrong before anything is done."""
        take = self._switches.take
        if take(Failure.SILENT_BEFORE, operation):
            return SILENCE
        if take(Failure.SERVER_ERROR, operation):
            return _BUSY
        unsigned = take(Failure.REFUSED_UNSIGNED, operation)
        if unsigned is not None:
            refused = failed(unsigned.value or "ACQ.TRADE_NOT_EXIST", "not from here")
            return Reply(200, _enveloped(name, _span(refused.content()), ""), _JSON)
        if take(Failure.RATE_LIMIT, operation):
            refused = Refused("40005", "isv.app-call-limited", "too many calls")
            return self._spoilt(operation, name, _span(refused.content()))
        asked = take(Failure.REFUSED, operation)
        if asked is None:
            return None
        code, _, sub_code = (asked.value or "20000 isp.unknow-error").partition(" ")
        return self._spoilt(operation, name, _span(Refused(code, sub_code, "as asked for").content()))

    def _spoilt(self, operation: str, name: str, span: bytes) -> Reply:
        take = self._switches.take
        key: RSAPrivateKey = self._account.signing
        if take(Failure.UNKNOWN_SIGNER, operation):
            key = self._notices.stranger()
        signature = "" if take(Failure.UNSIGNED, operation) else signature_of(key, span)
        if take(Failure.TAMPERED, operation):
            # One space more: still the same JSON, no longer the text that was signed.
            span = span[:-1] + b" " + span[-1:]
        cut = take(Failure.CUT_AFTER, operation) is not None
        ending = Ending.CUT if cut else Ending.WHOLE
        return Reply(200, _enveloped(name, span, signature), _JSON, ending=ending)

    def _open_page(self, parameters: Parameters) -> Reply:
        assert self.page is not None
        try:
            check_request(self._account, parameters, self._wire_now())
            return self.page(parameters)
        except Refused as refused:
            # The merchant's server never hears of this: whoever wants to pay reads it.
            text = f"<html><body>调试错误 {escape(refused.sub_code)}: {escape(refused.words)}</body></html>"
            return Reply(200, text.encode("gbk", "replace"), "text/html;charset=GBK")


def _span(content: Mapping[str, object]) -> bytes:
    """The value that is signed: compact, with its slashes escaped, as the real one writes it."""
    return msgspec.json.encode(content).replace(b"/", b"\\/")


def _enveloped(name: str, span: bytes, signature: str) -> bytes:
    sign = b"" if not signature else b',"sign":' + msgspec.json.encode(signature)
    return b'{"' + name.encode() + b'":' + span + sign + b"}"
