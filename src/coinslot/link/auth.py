"""The auth callout: the broker asks, the fleet answers. A secret is checked at every connection."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from nats.aio.client import Client
from nats.aio.msg import Msg

from coinslot.link.ending import end
from coinslot.link.tokens import AuthorizationRequest, Issuer, TokenError, read_request
from coinslot.wire.ids import TerminalId, is_id

log = logging.getLogger(__name__)

Authenticate: TypeAlias = Callable[[TerminalId, str], Awaitable[bool]]
"""Whether this is the terminal's secret, and the terminal is not revoked."""

_AT_ONCE = 8
"""Logins judged side by side. One at a time, each waits for all look-ups before it; thousands come together
when a broker returns, and the broker waits 3 s for each."""
_SUBJECT = "$SYS.REQ.USER.AUTH"
_QUEUE = "auth"


class AuthCallout:
    """Answers the broker's questions about terminals that connect."""

    def __init__(self, client: Client, issuer: Issuer, authenticate: Authenticate) -> None:
        self._client = client
        self._issuer = issuer
        self._authenticate = authenticate
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to answer; several processes may, each question reaches one."""
        await self._client.subscribe(_SUBJECT, queue=_QUEUE, cb=self._on_question)

    async def stop(self) -> None:
        """Give up what is being judged: no answer is a no, and the terminal comes again."""
        await end(self._answering)

    async def _on_question(self, question: Msg) -> None:
        await self._room.acquire()
        task = asyncio.create_task(self._answer(question))
        self._answering.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            # No answer is a no to the broker, and the terminal comes again.
            log.error("a terminal's login could not be judged: %r", error)

    async def _answer(self, question: Msg) -> None:
        try:
            request = read_request(question.data)
        except TokenError as error:
            log.error("the broker's question could not be read: %s", error)
            return
        terminal = TerminalId(request.connect_opts.user)
        now_s = int(time.time())
        if await self._welcome(request, terminal):
            answer = self._issuer.admit(request, terminal, now_s)
        else:
            log.warning("refused a connection as %.40r", request.connect_opts.user)
            answer = self._issuer.refuse(request, now_s)
        await question.respond(answer)

    async def _welcome(self, request: AuthorizationRequest, terminal: TerminalId) -> bool:
        # A second login with one MQTT client id ends the first: the id must be the terminal's own.
        if not is_id(terminal) or request.client_info.mqtt_id != terminal:
            return False
        return await self._authenticate(terminal, request.connect_opts.password)
