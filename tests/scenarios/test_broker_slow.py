"""A broker that says nothing for a while is asked for a sign of life, and nothing is lost by the asking."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from coinslot.engines.broker import EmbeddedBroker
from coinslot.link.clients import Answering, connect


def stop(broker: EmbeddedBroker) -> None:
    """Let it stand still, and wait until it does."""
    os.kill(broker.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, broker.pid, os.WSTOPPED)


async def test_a_late_answer_does_not_make_the_client_deaf(mortal_broker: EmbeddedBroker) -> None:
    access = mortal_broker.access
    client = await connect(access.url, user=access.server_user, password=access.server_password, name="t")
    try:
        heard = await client.subscribe("cs.test.slow")
        answering = Answering(client)
        await answering.within(5)
        stop(mortal_broker)
        try:
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await answering.within(0.1)
        finally:
            os.kill(mortal_broker.pid, signal.SIGCONT)
        await answering.within(5)
        await client.publish("cs.test.slow", b"here")
        assert (await heard.next_msg(timeout=5)).data == b"here"
        assert client.stats["reconnects"] == 0
    finally:
        await client.close()


async def test_after_a_restart_nobody_waits_for_the_old_answer(mortal_broker: EmbeddedBroker) -> None:
    access = mortal_broker.access
    back = asyncio.Event()

    async def returned() -> None:
        back.set()

    client = await connect(
        access.url, user=access.server_user, password=access.server_password, name="t", on_return=returned
    )
    try:
        answering = Answering(client)
        stop(mortal_broker)
        with pytest.raises(TimeoutError):
            await answering.within(0.1)
        os.kill(mortal_broker.pid, signal.SIGKILL)
        assert mortal_broker._child is not None
        mortal_broker._child.wait(5)
        mortal_broker.ensure_running()
        async with asyncio.timeout(20):
            await back.wait()
        await answering.within(5)
    finally:
        await client.close()
