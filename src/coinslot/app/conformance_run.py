"""A conformance run put together: a broker, the gate in front of it, the firmware behind it."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from coinslot.app.errors import Problem
from coinslot.app.own_ca import own_tls
from coinslot.engines.broker import BrokerAccess, EmbeddedBroker
from coinslot.link.auth import AuthCallout
from coinslot.link.clients import connect
from coinslot.link.tokens import Issuer
from coinslot.sandbox.conformance.gate import Gate, Hands
from coinslot.sandbox.conformance.hands import Firmware, FirmwareError, Nobody, Person, arguments
from coinslot.sandbox.conformance.player import Manner, Player
from coinslot.sandbox.conformance.report import Report, Verdict
from coinslot.sandbox.conformance.rule import Broken, Need, Rule
from coinslot.sandbox.conformance.runner import run
from coinslot.wire.ids import TerminalId

LOG = "firmware.log"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a run is made of."""

    terminal: TerminalId
    secret: str
    folder: Path
    """Of the broker, the CA, the firmware's log; `firmware` below it is the firmware's own."""
    host: str
    port: int
    broker: tuple[str, int] | None
    """Somebody's own; None: one of ours."""
    tls: bool
    firmware: str | None
    controls: frozenset[Need]
    ask: Callable[[str], Awaitable[None]] | None
    """A person at the appliance."""
    outlet: int
    pulse: int
    first_s: float


@dataclass(frozen=True, kw_only=True)
class Address:
    """What a firmware is told."""

    host: str
    port: int
    ca: Path | None


async def conform(
    bench: Bench,
    rules: Sequence[Rule],
    *,
    ready: Callable[[Address], None],
    tell: Callable[[Verdict], None],
) -> Report:
    """Everything up, the rules tried, everything ended. Problem where it cannot begin."""
    async with AsyncExitStack() as stack:
        upstream = bench.broker
        if upstream is None:
            upstream = await stack.enter_async_context(_broker(bench))
        ca, tls = _tls(bench) if bench.tls else (None, None)
        firmware = _Later()
        gate = Gate(bench.terminal, upstream, firmware)
        try:
            port = await gate.open(bench.host, bench.port, tls)
        except OSError as error:
            raise Problem(
                f"cannot listen on {bench.host}:{bench.port}: {error.strerror}",
                "Choose another --port (0 for any free one), or an address of this machine with --host.",
            ) from error
        stack.push_async_callback(gate.close)
        address = Address(host=_reach(bench.host), port=port, ca=ca)
        firmware.hands, child = _hands(bench, address)
        player = Player(gate, Manner(terminal=bench.terminal, outlet=bench.outlet, pulse=bench.pulse))
        ready(address)
        if child is not None:
            stack.push_async_callback(child.stop)
            try:
                await child.start()
            except FirmwareError as error:
                raise Problem(str(error), "Name a program that can be run, and its arguments.") from None
        try:
            return await run(player, rules, tell, first_s=bench.first_s)
        except Broken:
            raise Problem(
                f"no terminal said hello within {bench.first_s:.0f} s",
                f"Look at {bench.folder / LOG}." if child else "Give the firmware the address printed above.",
            ) from None


class _Later:
    """Hands that are known only when the gate's port is."""

    def __init__(self) -> None:
        self.hands: Hands = Nobody()

    @property
    def can(self) -> frozenset[Need]:
        return self.hands.can

    async def power_cut(self) -> None:
        await self.hands.power_cut()

    async def press(self, outlet: int, key: str) -> None:
        await self.hands.press(outlet, key)

    async def tap(self, outlet: int, *, is_open: bool) -> None:
        await self.hands.tap(outlet, is_open=is_open)


def _hands(bench: Bench, address: Address) -> tuple[Hands, Firmware | None]:
    if bench.firmware is None:
        if bench.ask is not None:
            return Person(bench.ask, bench.controls | {Need.POWER}), None
        return Nobody(), None
    own = bench.folder / "firmware"
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    values = {
        "host": address.host,
        "port": str(address.port),
        "terminal": bench.terminal,
        "secret": bench.secret,
        "folder": str(own),
        "ca": "" if address.ca is None else str(address.ca),
    }
    try:
        words = arguments(bench.firmware, values)
    except FirmwareError as error:
        raise Problem(str(error), "Quote it as one argument, as a shell would read it.") from None
    child = Firmware(words, bench.folder / LOG, bench.controls)
    return child, child


def _tls(bench: Bench) -> tuple[Path, ssl.SSLContext]:
    made = own_tls(bench.folder / "tls", (bench.host,))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.cert, made.key)
    return bench.folder / "tls" / "ca.pem", context


@contextlib.asynccontextmanager
async def _broker(bench: Bench) -> AsyncIterator[tuple[str, int]]:
    """A NATS server of our own that knows this one terminal."""
    broker = EmbeddedBroker(bench.folder / "nats")
    broker.start()  # before anything else runs on this loop
    try:
        access: BrokerAccess = broker.access
        client = await connect(
            access.url, user=access.auth_user, password=access.auth_password, name="conformance-auth"
        )

        async def authenticate(terminal: TerminalId, secret: str) -> bool:
            return terminal == bench.terminal and hmac.compare_digest(secret.encode(), bench.secret.encode())

        try:
            await AuthCallout(client, Issuer(access.issuer_seed), authenticate).start()
            yield access.mqtt_host, access.mqtt_port
        finally:
            await client.close()
    finally:
        await asyncio.to_thread(broker.stop)


def _reach(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "") else host
