"""`coinslot replay`: recorded flow or power through real agents, broker, server and ledger."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from pathlib import Path

import asyncpg
import click
import msgspec
import uvloop
from nats.errors import Error as NatsError
from rich.console import Console

from coinslot.app.errors import Problem
from coinslot.app.installation import Installation
from coinslot.app.logs import LogFormat, set_up_logs
from coinslot.app.replay_engines import end_on_sigterm, kept_alive, open_for, own_folder, server_keyring
from coinslot.app.replay_guests import open_guests
from coinslot.app.replay_plan import Pay, Plan, Way, Where, make_plan, parse_speed
from coinslot.app.replay_results import Report, add_up
from coinslot.app.replay_run import Replay
from coinslot.app.replay_show import Watch, show
from coinslot.app.settings import LogLevel, Role
from coinslot.app.stack import Stack, StackOptions
from coinslot.engines.connect import ensure_database
from coinslot.engines.migrate import migrate
from coinslot.sandbox.replay.appliance import Kind

GUESTS_PATIENCE_S = 180.0
"""For the last refund: providers take their time, and one that is not done yet is asked for again."""
EPILOG = """\b
Example:
  coinslot replay shower_flow_1s.csv --tariff shower-litre
  coinslot replay shower_flow_1s.csv --tariff dispenser-litre --json result.json
  coinslot replay taps.csv --kind faucet --tariff my-tariff.json --speed 60 --terminals 4
  coinslot replay cycles_power_10s.csv --tariff hotel-dryer
  coinslot replay shower_flow_1s.csv --way keypad
  coinslot replay shower_flow_1s.csv --way offline --credit 3.00
  coinslot replay cycles_power_10s.csv --pay direct --package min-60

TRACE.csv has either the columns event_id,t_s,ml: which use, second of it, millilitres in that second; a second
that is absent had no flow. Or it has cycle_id,t_s,mean_w: which cycle of an appliance with a plug, second of it,
mean watts in the 10 s from then on; what is absent drew nothing. Each use is one session of one new customer,
ended by the stop key where the recording ends (by # where a code was typed), unless a limit of the tariff, the hold
or the code's credit ended it before.

The exit code is 1 when a use was not settled or the books do not fit.
"""


@click.command("replay", epilog=EPILOG)
@click.argument("trace", metavar="TRACE.csv", type=click.Path(path_type=Path))
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in Kind]),
    help="What the recording was taken at.  [default: shower for flow, socket for power]",
)
@click.option(
    "--tariff",
    metavar="NAME|FILE",
    help="A tariff by name (shower-litre, shower-30s, dispenser-litre, hotel-dryer, …) or a tariff's JSON file.  "
    "[default: shower-litre for flow, hotel-dryer for power]",
)
@click.option(
    "--pay",
    type=click.Choice([pay.value for pay in Pay]),
    default=Pay.WALLET.value,
    show_default=True,
    help="By customers with a balance, or directly by guests: a package chosen on the appliance and paid for with a "
    "phone, at a sandbox of WeChat Pay and Alipay of the replay's own.",
)
@click.option(
    "--way",
    type=click.Choice([way.value for way in Way]),
    default=Way.SCAN.value,
    show_default=True,
    help="How a customer with a balance begins: on the page behind the appliance's sticker; by a code from the phone, "
    "typed on its keypad; or by a code for the time without a link, with the link cut before and back after each use.",
)
@click.option(
    "--credit",
    metavar="AMOUNT",
    help="With --way offline: what one code is good for, and where its use is cut.  [default: 3.00, or the tariff's "
    "hold where that is less]",
)
@click.option(
    "--package",
    metavar="ID",
    help="What guests buy: a package of the tariff.  [default: the first with a deposit, else the first]",
)
@click.option("--speed", default="max", show_default=True, metavar="N|max", help="How many times real time.")
@click.option(
    "--terminals",
    type=click.IntRange(1, 64),
    help="How many share the uses.  [default: 8 at max speed, 16 for guests, else 1]",
)
@click.option(
    "--json",
    "out",
    metavar="OUT",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write the result there as JSON; - for standard output, instead of the tables.",
)
@click.option(
    "--server",
    is_flag=True,
    help="Play against a running server instead of a stack of its own: the one whose database and broker the "
    "settings name (COINSLOT_DATABASE_URL, COINSLOT_NATS_URL and the broker's secrets). An operator of the "
    "replay's own is made there, with invented money.",
)
def command(
    trace: Path,
    kind: str | None,
    tariff: str | None,
    pay: str,
    way: str,
    credit: str | None,
    package: str | None,
    speed: str,
    terminals: int | None,
    out: Path | None,
    server: bool,
) -> None:
    """Replay a recorded appliance: its flow or power through real agents, broker, server and ledger.

    Unless --server is given it runs a PostgreSQL, a NATS and a server of its own in a temporary folder, and
    ends them afterwards; nothing of an installation is touched.
    """
    plan = make_plan(
        trace,
        kind=None if kind is None else Kind(kind),
        tariff=tariff,
        speed=parse_speed(speed),
        terminals=terminals,
        where=Where.GIVEN if server else Where.OWN,
        pay=Pay(pay),
        package=package,
        way=Way(way),
        credit=credit,
    )
    if out is not None:
        _check_writable(out)
    set_up_logs(LogLevel.WARNING, LogFormat.PLAIN)
    report = replay(plan, Watch())
    if out is not None:
        _write(report, out)
    if out is None or str(out) != "-":
        show(report, Console())
    if not report.ok:
        sys.exit(1)


def replay(plan: Plan, watch: Watch) -> Report:
    """Play a plan, with its engines. Main thread only.

    Problem or EngineError when it could not begin; what fails later is in the report.
    """
    began_s = time.monotonic()
    try:
        with (
            end_on_sigterm(),
            own_folder() as folder,
            open_for(plan, folder, watch) as installation,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
        ):
            report = loop.run(_play(plan, installation, folder, watch))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None  # the first Ctrl-C, when everything is ended
    except (
        NatsError,
        OSError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
    ) as error:
        raise Problem(
            f"the stack did not hold: {error or type(error).__name__}",
            "Try again; `coinslot doctor` checks it.",
        ) from error
    return msgspec.structs.replace(report, wall_s=round(time.monotonic() - began_s, 3))


async def _play(plan: Plan, installation: Installation, folder: Path, watch: Watch) -> Report:
    roles = frozenset[Role]()
    if plan.where is Where.OWN:
        roles = frozenset({Role.LINK, Role.SWEEP})
        await ensure_database(installation.database_url)
        await migrate(installation.database_url)
    async with contextlib.AsyncExitStack() as ending:
        await ending.enter_async_context(kept_alive(installation, watch))
        guests, options = None, StackOptions(keyring=server_keyring(plan))
        if plan.pay is Pay.DIRECT:
            roles |= {Role.WEB}  # which is where providers tell of payments
            guests, options = await ending.enter_async_context(
                open_guests(
                    installation.database_url,
                    folder / "payments",
                    package=plan.package,
                    currency=plan.tariff.currency,
                    patience_s=GUESTS_PATIENCE_S,
                )
            )
        stack = await ending.enter_async_context(
            Stack(installation.database_url, installation.broker, roles, options)
        )
        with watch.playing(plan) as on_played:
            run = Replay(
                plan,
                stack,
                installation.broker,
                folder / "terminals",
                on_played,
                guests=guests,
                keyring=options.keyring,
            )
            await run.prepare()
            watch.say(f"playing {len(plan.traces)} uses on {plan.terminals} terminals")
            began_s = time.monotonic()
            events = await run.run()
            play_s = time.monotonic() - began_s
        watch.say("recomputing the books")
        totals = add_up(events)
        ledger = await run.check(totals.captured_minor)
    return Report(
        trace=str(plan.source),
        kind=plan.kind.value,
        tariff=plan.tariff_name,
        currency=plan.tariff.currency,
        terminals=plan.terminals,
        speed=plan.speed_text,
        pay=plan.pay.value,
        package=plan.package,
        way=plan.way.value,
        credit_minor=plan.credit_minor,
        events=tuple(events),
        totals=totals,
        ledger=ledger,
        play_s=round(play_s, 3),
        wall_s=0.0,
    )


def _check_writable(out: Path) -> None:
    """Before minutes of work, rather than after them."""
    if str(out) == "-":
        return
    try:
        out.open("ab").close()
    except OSError as error:
        raise Problem(
            f"{out} cannot be written: {error.strerror}", "Name another file for --json."
        ) from error


def _write(report: Report, out: Path) -> None:
    data = msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
    if str(out) == "-":
        sys.stdout.buffer.write(data)
    else:
        out.write_bytes(data)
