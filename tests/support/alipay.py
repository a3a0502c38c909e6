"""A made-up Alipay, its keys made once, a merchant's door that keeps what comes in, and our adapter."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from msgspec import structs

from coinslot.payments.numbers import payment_number, refund_number
from coinslot.payments.port import Channel, Headers, HttpReply, PaymentOrder, RefundOrder
from coinslot.providers.alipay import Alipay, AlipayKeys, AlipaySettings, read_keys
from coinslot.providers.exchange import Deadlines
from coinslot.sandbox.providers.alipay import AlipayAccount, AlipaySandbox
from coinslot.sandbox.providers.alipay.account import BUYER_ID, BUYER_LOGON
from coinslot.sandbox.providers.clock import STILL, SandboxClock
from coinslot.sandbox.providers.server import SandboxServer
from coinslot.sandbox.providers.switches import Switches

BUYER = (BUYER_ID, BUYER_LOGON, "*杨", "sandbox-water@example.com")
"""What must never be seen outside."""
QUICK = Deadlines(connect_s=0.5, silence_s=0.5, whole_s=1.0, file_s=1.0)


@functools.cache
def _made() -> AlipayAccount:
    # RSA keys take up to a second: once a process.
    return AlipayAccount()


def account() -> AlipayAccount:
    """This process's merchant."""
    return replace(_made())


@functools.cache
def stranger() -> AlipayAccount:
    """Somebody else, with keys of their own."""
    return AlipayAccount(app_id="2021000118618999", seller_id="2088621955702999")


def settings(made: AlipayAccount, gateway: str = "http://127.0.0.1:1/gateway.do") -> AlipaySettings:
    """As its operator would write them."""
    return AlipaySettings(
        app_id=made.app_id,
        seller_id=made.seller_id,
        private_key=made.private_pem(),
        public_key=made.public_pem(),
        gateway=gateway,
    )


@dataclass
class Door:
    """Where notifications arrive: keeps them, and answers as it is told to."""

    url: str = ""
    body: bytes = b"success"
    arrived: list[bytes] = field(default_factory=list)
    judge: Callable[[bytes], bytes] | None = None
    """Decides each answer's body, where there is one."""
    handler: Callable[[Headers, bytes], Awaitable[HttpReply]] | None = None
    """Answers in its stead, as the product would."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one notification."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        body = await reader.readexactly(length)
        self.arrived.append(body)
        said = self.body if self.judge is None else self.judge(body)
        if self.handler is not None:
            said = (await self.handler({}, body)).body
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(said) + said)
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
        server.close()
        await server.wait_closed()


@dataclass
class World:
    """The sandbox, the door to which it tells what happens, and the adapter."""

    server: SandboxServer
    sandbox: AlipaySandbox
    switches: Switches
    clock: SandboxClock
    door: Door
    alipay: Alipay

    @property
    def gateway(self) -> str:
        """Where requests go."""
        return f"{self.server.url}/gateway.do"

    @property
    def account(self) -> AlipayAccount:
        """The merchant's."""
        return self.sandbox.account

    def order(
        self,
        amount_minor: int = 125,
        *,
        channel: Channel = Channel.QR,
        subject: str = "热水 5 分钟",
        lives: timedelta = timedelta(minutes=10),
    ) -> PaymentOrder:
        """An order of now."""
        return PaymentOrder(
            number=payment_number(),
            amount_minor=amount_minor,
            currency="CNY",
            subject=subject,
            channel=channel,
            expires_at=self.clock.now() + lives,
            notify_url=self.door.url,
            return_url="https://wash.example.org/pay",
        )

    async def paid(self, order: PaymentOrder) -> str:
        """Made, scanned and paid, its notification delivered; the provider's number."""
        await self.alipay.create(order)
        self.sandbox.pay(order.number)
        await self.clock.settled()
        made = self.sandbox.book.order(order.number)
        assert made is not None
        return made.trade_no


def refund_of(order: PaymentOrder, trade_no: str, amount_minor: int) -> RefundOrder:
    """A refund with a number of its own."""
    return RefundOrder(
        number=refund_number(),
        payment_number=order.number,
        provider_payment_id=trade_no,
        amount_minor=amount_minor,
        total_minor=order.amount_minor,
        currency="CNY",
        reason="unused",
    )


@functools.cache
def keys() -> AlipayKeys:
    """The merchant's, read."""
    return read_keys(settings(_made()))


@contextlib.contextmanager
def adapter(
    made: AlipayKeys, deadlines: Deadlines | None = None, clock: SandboxClock | None = None
) -> Iterator[Alipay]:
    """An adapter while the block runs, by the real time or by the sandbox's."""
    alipay = (
        Alipay(made, deadlines=deadlines)
        if clock is None
        else Alipay(made, deadlines=deadlines, now=clock.now)
    )
    try:
        yield alipay
    finally:
        alipay.close_connections()


@contextlib.asynccontextmanager
async def alipay_world(
    *, deadlines: Deadlines | None = None, begin: datetime | None = None
) -> AsyncIterator[World]:
    """A sandbox whose time stands still until it is moved. With `begin`, the wire and the adapter go by it too."""
    clock, switches = SandboxClock(speed=STILL, begin=begin), Switches()
    moved = begin is not None
    sandbox = AlipaySandbox(account(), clock=clock, switches=switches, wire_by_sandbox_clock=moved)
    server = SandboxServer(clock=clock, switches=switches)
    server.add(sandbox)
    async with opened_door() as door, server:
        made = structs.replace(keys(), gateway=f"{server.url}/gateway.do")
        with adapter(made, deadlines, clock if moved else None) as alipay:
            yield World(server, sandbox, switches, clock, door, alipay)
