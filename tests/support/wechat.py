"""A made-up WeChat Pay, its keys made once, and a merchant's door that keeps what comes in."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from msgspec import structs

from coinslot.payments.port import Channel, HttpReply, PaymentOrder, RefundOrder
from coinslot.providers.exchange import Deadlines
from coinslot.providers.wechat import WechatKeys, WechatSettings, read_keys
from coinslot.sandbox.providers.clock import STILL, SandboxClock
from coinslot.sandbox.providers.server import SandboxServer
from coinslot.sandbox.providers.switches import Switches
from coinslot.sandbox.providers.wechat import WechatAccount, WechatSandbox


@functools.cache
def _made() -> WechatAccount:
    # Three RSA keys take up to a second: once a process.
    return WechatAccount()


def account() -> WechatAccount:
    """This process's merchant, with a list of platform keys of its own."""
    own = copy.copy(_made())
    own.platform_keys = list(own.platform_keys)
    return own


@dataclass
class Door:
    """Where notifications arrive: keeps them, and answers as it is told to."""

    url: str = ""
    status: int = 200
    arrived: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers, names in lower case, and body."""
    silent: bool = False
    judge: Callable[[dict[str, str], bytes], int] | None = None
    """Decides each answer's status, where there is one."""
    handler: Callable[[dict[str, str], bytes], Awaitable[HttpReply]] | None = None
    """The product's own way to answer, instead of all these."""
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one notification."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        _, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.arrived.append((headers, body))
        if self.silent:
            await self.ending.wait()
        elif self.handler is not None:
            reply = await self.handler(headers, body)
            head = (
                f"HTTP/1.1 {reply.status} .\r\nContent-Length: {len(reply.body)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode() + reply.body)
            await writer.drain()
        else:
            status = self.status if self.judge is None else self.judge(headers, body)
            writer.write(f"HTTP/1.1 {status} .\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def opened_door() -> AsyncIterator[Door]:
    """A door while the block runs."""
    door = Door()
    server = await asyncio.start_server(door.serve, "127.0.0.1", 0)
    door.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/notify"
    try:
        yield door
    finally:
        door.ending.set()
        server.close()
        await server.wait_closed()


@dataclass
class World:
    """The sandbox and the door to which it tells what happens."""

    server: SandboxServer
    wechat: WechatSandbox
    switches: Switches
    clock: SandboxClock
    door: Door

    @property
    def account(self) -> WechatAccount:
        """The merchant's."""
        return self.wechat.account


@contextlib.asynccontextmanager
async def wechat_world(*, answer_within_s: float = 5.0) -> AsyncIterator[World]:
    """A sandbox whose time stands still until it is moved."""
    clock, switches = SandboxClock(speed=STILL), Switches()
    wechat = WechatSandbox(account(), clock=clock, switches=switches, answer_within_s=answer_within_s)
    server = SandboxServer(clock=clock, switches=switches)
    server.add(wechat)
    async with opened_door() as door, server:
        yield World(server, wechat, switches, clock, door)


def keys_of(world: World, **changes: object) -> WechatKeys:
    """The merchant's settings for this sandbox, read."""
    of, url = world.account, world.server.url
    known = _read(of.apiv3_key, tuple((key.id, key.pem()) for key in reversed(of.platform_keys)))
    here: dict[str, object] = {"gateway": url, "api_host": url, "open_host": url}
    return structs.replace(known, **{**here, **changes})


@functools.cache
def _read(apiv3_key: str, public_keys: tuple[tuple[str, str], ...]) -> WechatKeys:
    return read_keys(structs.replace(settings_of(_made()), apiv3_key=apiv3_key, public_keys=public_keys))


def settings_of(of: WechatAccount, url: str = "http://127.0.0.1:1") -> WechatSettings:
    """As an operator would set them."""
    return WechatSettings(
        mchid=of.mchid,
        appid=of.appid,
        serial=of.serial,
        private_key=of.private_pem(),
        certificate=of.certificate_pem(),
        apiv3_key=of.apiv3_key,
        public_keys=tuple((key.id, key.pem()) for key in reversed(of.platform_keys)),
        app_secret=of.app_secret,
        gateway=url,
        api_host=url,
        open_host=url,
    )


SHORT = Deadlines(connect_s=2.0, silence_s=1.2, whole_s=2.4, file_s=3.0)
"""For tests that wait for a time-out. Everything happens on this machine, which may be a busy one."""


def payment(number: str, door: Door, *, amount_minor: int = 300, **changes: object) -> PaymentOrder:
    """An attempt over 3.00, payable by QR for five minutes."""
    order = PaymentOrder(
        number=number,
        amount_minor=amount_minor,
        currency="CNY",
        subject="Hot water, dormitory 3",
        channel=Channel.QR,
        expires_at=datetime.now(UTC) + timedelta(minutes=5),
        notify_url=door.url,
    )
    return structs.replace(order, **changes)


def refund(number: str, payment_number: str, door: Door, amount_minor: int = 100) -> RefundOrder:
    """Part of that money back."""
    return RefundOrder(
        number=number,
        payment_number=payment_number,
        provider_payment_id="",
        amount_minor=amount_minor,
        total_minor=300,
        currency="CNY",
        reason="The dispenser did not start",
        notify_url=door.url,
    )
