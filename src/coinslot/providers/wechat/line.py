"""What every call to WeChat Pay goes through: a thread of its own, a deadline, an answer that is read or Unknown."""

from __future__ import annotations

import asyncio
import copy
import functools
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import httpx
from wechatpayv3 import WeChatPay

from coinslot.payments.port import RetrySameKey, Unknown
from coinslot.providers.exchange import Deadlines
from coinslot.providers.wechat.answers import Unreadable
from coinslot.providers.wechat.guard import Seals, Wire
from coinslot.providers.wechat.settings import WechatKeys

_THREADS: Final = 16
_T = TypeVar("_T")


class Line:
    """The library blocks, so each call takes one of the line's own threads."""

    def __init__(self, keys: WechatKeys, deadlines: Deadlines | None) -> None:
        self.merchant = keys.mchid
        self._keys = keys
        self._deadlines = deadlines or Deadlines()
        self._seals = Seals(keys)
        # Plain HTTP is for a sandbox on this machine alone, which needs no list of authorities.
        is_plain = keys.gateway.startswith("http:") and keys.api_host.startswith("http:")
        self._trust: ssl.SSLContext | bool = False if is_plain else httpx.create_ssl_context()
        self._wire = Wire(keys, self._seals, self._deadlines, self._trust)
        self._client: WeChatPay = self._wire.attach()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="wechat")

    def close_connections(self) -> None:
        """Take no more calls; those under way end by their deadlines."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._wire.close()

    async def _call(self, expected: int, work: Callable[..., tuple[int, str]], **parameters: object) -> str:
        """The body of an answer with the expected status. Refusal, RetrySameKey or Unknown otherwise."""
        # The library writes into what it is given: names, encrypted, into the caller's own list.
        own = copy.deepcopy(parameters)
        status, body = await self._in_thread(functools.partial(work, **own), self._deadlines.whole_s)
        if status == 202:
            raise RetrySameKey("ACCEPTED", "WeChat Pay is still at it: the same may be asked again")
        if status != expected:
            raise Unknown(f"HTTP {status}", "an answer that is not documented")
        return body

    async def _in_thread(self, work: Callable[[], _T], within_s: float) -> _T:
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            # The work ends by itself in time; this is for work that finds no thread.
            async with asyncio.timeout(within_s + self._deadlines.connect_s + 1):
                return await future
        except TimeoutError:
            raise Unknown("TIMEOUT", "too many calls wait for WeChat Pay") from None


def readable(reading: Callable[[], _T]) -> _T:
    """Of a verified answer; Unknown when it is not as documented."""
    try:
        return reading()
    except Unreadable as doubt:
        raise Unknown("CONTENT", str(doubt)) from None
