"""`coinslot sandbox`: payment providers of one's own, that take no money and fail on request."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import click
import uvloop

from coinslot.app.demo_address import is_loopback, pick_port, seen_from_outside
from coinslot.app.demo_address import url as address
from coinslot.app.errors import Problem
from coinslot.app.sandbox_keys import Accounts, merchants_text, open_accounts, write_merchants
from coinslot.app.serve import Progress
from coinslot.app.settings import load_settings
from coinslot.app.signals import set_on_signals
from coinslot.sandbox.providers.alipay import AlipaySandbox
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.server import LOOPBACK, SandboxServer
from coinslot.sandbox.providers.stripe import StripeSandbox
from coinslot.sandbox.providers.switches import Switches
from coinslot.sandbox.providers.wechat import WechatSandbox

USUAL_PORT: Final = 8090


@click.command(
    "sandbox",
    epilog="Example: coinslot sandbox --keys keys --operator 'North Campus'\n\n"
    "Then, in another shell: COINSLOT_MERCHANTS_FILE=keys/merchants.toml coinslot serve",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=USUAL_PORT, show_default=True, help="0 for any free one."
)
@click.option(
    "--host",
    default=LOOPBACK,
    show_default=True,
    help="Where else it listens: 0.0.0.0 lets real phones in this network scan and pay, and anybody in it play.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, 100_000),
    default=1.0,
    show_default=True,
    help="How many seconds pass for the providers in one; 0: only by hand. Retries, expiries and bills go by it.",
)
@click.option(
    "--keys",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the merchants' keys, made if they are not there; `sandbox` in the data folder by default.",
)
@click.option("--operator", default="North Campus", show_default=True, help="Whose the merchants are.")
def command(port: int, host: str, speed: float, keys: Path | None, operator: str) -> None:
    """Run made-up WeChat Pay, Alipay and Stripe, with a payer's phone and a switch for every failure.

    They speak the providers' own protocols, so that a server needs nothing but other addresses and keys: they stand
    in the merchants file that is printed. No money moves. Ends on SIGTERM or Ctrl-C.
    """
    folder = (keys or load_settings().data_dir / "sandbox").absolute()
    accounts = open_accounts(folder)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(_serve(accounts, folder, host=host, port=port, speed=speed, operator=operator))


def make_sandbox(
    accounts: Accounts, *, host: str, port: int, public_url: str, speed: float = 1.0
) -> SandboxServer:
    """Every provider on one server, not started."""
    clock, switches = SandboxClock(speed=speed), Switches()
    server = SandboxServer(clock=clock, switches=switches, host=host, port=port, public_url=public_url)
    server.add(WechatSandbox(accounts.wechat, clock=clock, switches=switches))
    server.add(AlipaySandbox(accounts.alipay, clock=clock, switches=switches))
    server.add(StripeSandbox(accounts.stripe, clock=clock, switches=switches))
    return server


def phones_url(host: str, port: int) -> str:
    """How payers' phones reach it; empty where only this machine does."""
    return "" if is_loopback(host) else address(seen_from_outside(host), port)


async def _serve(
    accounts: Accounts, folder: Path, *, host: str, port: int, speed: float, operator: str
) -> None:
    say = Progress()
    port = port or pick_port(host, usual=0)  # known beforehand: what phones are given holds it
    stop = asyncio.Event()
    set_on_signals(stop)
    server = make_sandbox(accounts, host=host, port=port, public_url=phones_url(host, port), speed=speed)
    try:
        await server.__aenter__()
    except OSError as error:
        raise Problem(
            f"cannot listen on {host}:{port}: {error.strerror}",
            "Choose another port with --port (0 for any free one), or an address of this machine with --host.",
        ) from error
    try:
        file = folder / "merchants.toml"
        write_merchants(file, accounts, server.url, operator)
        say.done(f"payer's phone {server.phones_url}  (scan, pay; failures, notifications, clock)")
        say.done(f"WeChat Pay    {server.url}")
        say.done(f"Alipay        {server.url}/gateway.do")
        say.done(f"Stripe        {server.url}")
        say.done(f"merchants     {file}")
        click.echo(merchants_text(accounts, server.url, operator, folder))
        for provider, account, app in (
            ("wechat", accounts.wechat.mchid, accounts.wechat.appid),
            ("alipay", accounts.alipay.seller_id, accounts.alipay.app_id),
        ):
            say(f"coinslot operator merchant add {provider} {account} --app {app}")
        say(f"coinslot operator merchant add stripe {accounts.stripe.id}")
        # Orders tell the others where to notify; Stripe's endpoints are set up once, as in its dashboard.
        say(
            f"curl -u \"$(cat '{folder / 'stripe' / 'secret_key'}'):\" -d 'enabled_events[]=*' "
            f"-d url=http://127.0.0.1:8080/notify/stripe/mer_… {server.url}/v1/webhook_endpoints"
        )
        say.done("no money moves; Ctrl-C ends it")
        serving = asyncio.create_task(server.serve())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in (serving, stopped):
            task.cancel()
    finally:
        await server.__aexit__(None, None, None)
