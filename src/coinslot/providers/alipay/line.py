"""What every call to Alipay goes through: a thread of its own, a deadline, an answer that is read or Unknown."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final, TypeVar

from coinslot.payments.port import RetrySameKey, Unknown
from coinslot.providers.alipay.answers import Unreadable, read
from coinslot.providers.alipay.library import Client
from coinslot.providers.alipay.seals import Seals
from coinslot.providers.alipay.settings import AlipayKeys
from coinslot.providers.alipay.wire import Wire
from coinslot.providers.exchange import Deadlines

_THREADS: Final = 16
_GIVEN_UP: Final = ("CLOSED", "this connection to Alipay was given up: nothing was sent")
_T = TypeVar("_T")


class Line:
    """The library blocks, so each call takes one of the line's own threads."""

    def __init__(self, keys: AlipayKeys, deadlines: Deadlines | None, now: Callable[[], datetime]) -> None:
        self.merchant = keys.seller_id
        self._keys = keys
        self._now = now
        self._deadlines = deadlines or Deadlines()
        self._seals = Seals(keys.public_pems)
        self._wire = Wire(keys, self._seals, self._deadlines)
        self._client = Client(keys, self._wire.send, now)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="alipay")
        self._is_closed = False

    def close_connections(self) -> None:
        """Take no more calls; those under way end by their deadlines."""
        # Calls that wait for a thread are let through to hear that, since to cancel them would look as if somebody
        # had cancelled whoever asked.
        self._is_closed = True
        self._threads.shutdown(wait=False)
        self._wire.close()

    async def _call(self, kind: type[_T], work: Callable[..., bytes], **parameters: object) -> _T:
        """The answer. Refused, RetrySameKey, Unknown."""
        span = await self._in_thread(functools.partial(work, **parameters), self._deadlines.whole_s)
        return readable(lambda: read(span, kind))

    async def _in_thread(self, work: Callable[[], _T], within_s: float) -> _T:
        asked = time.monotonic()

        def begun() -> _T:
            if self._is_closed:
                raise RetrySameKey(*_GIVEN_UP)
            if time.monotonic() - asked > self._deadlines.connect_s:
                raise RetrySameKey("BUSY", "too many calls wait for Alipay: nothing was sent")
            return work()

        try:
            future = asyncio.get_running_loop().run_in_executor(self._threads, begun)
        except RuntimeError:
            raise RetrySameKey(*_GIVEN_UP) from None
        try:
            # The work ends by itself in time; this is for work that finds no thread, or a library that hangs.
            async with asyncio.timeout(within_s + self._deadlines.connect_s + 1):
                return await future
        except TimeoutError:
            raise Unknown("TIMEOUT", "Alipay did not answer in time") from None


def readable(reading: Callable[[], _T]) -> _T:
    """Of a verified answer; Unknown when it is not as documented."""
    try:
        return reading()
    except Unreadable as doubt:
        raise Unknown("CONTENT", str(doubt)) from None
