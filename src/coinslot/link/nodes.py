"""Asking every node of the broker at once, through its system account."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from nats.aio.client import Client
from nats.errors import NoRespondersError, TimeoutError

_NOBODY = "503"
"""The broker's own answer when nothing takes the question; it has no body."""
_FIRST_S = 2.0
_NEXT_S = 0.2
"""Nodes answer within milliseconds of each other; nobody knows how many there are."""


async def ask_nodes(system: Client, what: str, query: Mapping[str, object]) -> list[bytes]:
    """Every node's answer to `$SYS.REQ.SERVER.PING.{what}`; a nats.errors.Error when none answers:
    silence does not mean that nobody is there.
    """
    inbox = system.new_inbox()
    subscription = await system.subscribe(inbox)
    answers: list[bytes] = []
    try:
        await system.publish(f"$SYS.REQ.SERVER.PING.{what}", msgspec.json.encode(query), reply=inbox)
        while True:
            try:
                message = await subscription.next_msg(timeout=_NEXT_S if answers else _FIRST_S)
            except TimeoutError:
                if not answers:
                    raise
                return answers
            if message.headers and message.headers.get("Status") == _NOBODY:
                raise NoRespondersError
            answers.append(message.data)
    finally:
        await subscription.unsubscribe()
