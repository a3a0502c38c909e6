"""`coinslot serve`: the server of an installation, its engines included where none are named."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
import msgspec
import uvloop
from msgspec import Struct
from nats.errors import Error as NatsError
from rich.console import Console

from coinslot import __version__
from coinslot.app.errors import Problem
from coinslot.app.garbage import calm
from coinslot.app.installation import Installation, attached_installation, keyring, open_installation
from coinslot.app.logs import LogFormat, set_up_logs
from coinslot.app.merchants import Merchants, load_merchants, meet
from coinslot.app.notifiers import notifier_of
from coinslot.app.settings import Role, Settings, load_settings
from coinslot.app.signals import set_on_signals
from coinslot.app.stack import PaymentOptions, Stack, StackOptions
from coinslot.engines.connect import ensure_database
from coinslot.engines.migrate import migrate
from coinslot.engines.supervise import supervise
from coinslot.web.services import TerminalDoor

log = logging.getLogger(__name__)


class Ready(Struct, frozen=True, kw_only=True):
    """What `--ready-file` holds once everything takes connections."""

    pid: int
    role: Role
    http: str
    """The URL of API and pages; empty for a role without them."""
    mqtt_host: str
    mqtt_port: int
    children: dict[str, int]
    """The engines that run as our children, by name, with their process ids."""


@click.command(
    "serve", epilog="Example: coinslot serve --port 8080\n\nExample: coinslot serve --role link --log json"
)
@click.option("--role", type=click.Choice([role.value for role in Role]), help="What this process does.")
@click.option("--host", help="Where HTTP listens; 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(0, 65535), help="HTTP's port; 0 for any free one.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where embedded engines live.")
@click.option(
    "--ready-file",
    metavar="PATH",
    help="Write addresses and process ids there, as JSON, once everything takes connections; - for standard output.",
)
@click.option(
    "--log",
    "log_format",
    type=click.Choice([form.value for form in LogFormat]),
    default=LogFormat.PLAIN.value,
    show_default=True,
    help="How log lines look.",
)
def command(
    role: str | None,
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    ready_file: str | None,
    log_format: str,
) -> None:
    """Run the server: web, terminals' link, sweeps.

    Without COINSLOT_DATABASE_URL and COINSLOT_NATS_URL it runs PostgreSQL and NATS itself, in the data
    folder. Ends on SIGTERM or Ctrl-C, when what was taken is finished.
    """
    settings = load_settings(role=role, http_host=host, http_port=port, data_dir=data_dir)
    set_up_logs(settings.log_level, LogFormat(log_format))
    with _end_on_sigterm():
        serve(settings, ready_file)


def serve(settings: Settings, ready_file: str | None = None) -> None:
    """Serve until a signal comes. Main thread only. Problem or EngineError when it cannot."""
    say = Progress()
    merchants = load_merchants(settings)  # before the engines: a wrong key is told at once
    if ready_file not in (None, "-"):
        Path(str(ready_file)).unlink(missing_ok=True)  # an old one would speak of a server that is gone
    with (
        _installation(settings, say) as installation,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        try:
            loop.run(_serve(settings, installation, merchants, say, ready_file))
        finally:
            merchants.close()


class Progress:
    """Short lines for whoever watches, on standard error. A line is never broken: it may hold a path to copy."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)

    def __call__(self, line: str) -> None:
        """What is being waited for."""
        self._console.print(f"· {line}", style="dim", soft_wrap=True)

    def done(self, line: str) -> None:
        """What is there now."""
        self._console.print(f"✓ {line}", style="bold", soft_wrap=True)


@contextlib.contextmanager
def _installation(settings: Settings, say: Progress) -> Iterator[Installation]:
    # A part of the server beside another process's engines uses those.
    attached = attached_installation(settings) if settings.role is not Role.ALL else None
    if attached is not None:
        yield attached
        return
    with open_installation(settings, say) as installation:
        yield installation
        say("stopping the engines" if installation.children else "stopped")


async def _serve(
    settings: Settings,
    installation: Installation,
    merchants: Merchants,
    say: Progress,
    ready_file: str | None,
) -> None:
    if installation.children:
        await ensure_database(installation.database_url)
    await migrate(installation.database_url, progress=say)
    for told in await meet(merchants, installation.database_url):
        log.warning("%s. %s", told.message, told.remedy)
    stop = asyncio.Event()
    set_on_signals(stop, (signal.SIGTERM, signal.SIGINT))
    options = StackOptions(
        http_host=settings.http_host,
        http_port=settings.http_port,
        door=installation.door,
        notifier=notifier_of(settings),
        public_url=settings.public_url or "",
        keyring=keyring(settings),
        http_tls=_http_tls(settings),
        trusted_proxies=settings.trusted_proxies,
        metrics_token=settings.metrics_token,
        webhook_networks=settings.webhook_networks,
        payments=PaymentOptions(find=merchants.find),
    )
    stack = Stack(installation.database_url, installation.broker, {settings.role}, options)
    try:
        await stack.start()
    except (OSError, NatsError) as error:
        raise Problem(
            f"the broker does not take our connection: {error or type(error).__name__}",
            "Check COINSLOT_NATS_URL and the broker's users, then start again.",
        ) from error
    async with contextlib.AsyncExitStack() as ending:
        ending.push_async_callback(stack.stop)
        calm()
        _announce(_ready(settings, installation, stack), installation.door, say, ready_file)
        await _until(stop, stack, installation, say)
        say("stopping: finishing what was taken")


async def _until(stop: asyncio.Event, stack: Stack, installation: Installation, say: Progress) -> None:
    """Until a signal. Raises when a part of the server ends by itself, or an engine cannot be kept alive."""
    watched = [asyncio.create_task(stop.wait()), asyncio.create_task(stack.wait())]
    if installation.children:
        watched.append(
            asyncio.create_task(
                supervise(
                    installation.children,
                    restarted=lambda engine: say.done(f"{engine.name} had died and runs again"),
                )
            )
        )
    done, still = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
    for task in still:
        task.cancel()
    await asyncio.wait(still)
    for task in done:
        task.result()


def _ready(settings: Settings, installation: Installation, stack: Stack) -> Ready:
    return Ready(
        pid=os.getpid(),
        role=settings.role,
        http=stack.http_url,
        mqtt_host=installation.broker.mqtt_host,
        mqtt_port=installation.broker.mqtt_port,
        children={engine.name: engine.pid for engine in installation.children},
    )


def _announce(ready: Ready, door: TerminalDoor, say: Progress, ready_file: str | None) -> None:
    if ready.http:
        say.done(f"web and API   {ready.http}")
    if ready.role in (Role.ALL, Role.LINK):
        scheme = "mqtts" if door.tls else "mqtt"
        say.done(f"terminals     {scheme}://{ready.mqtt_host}:{ready.mqtt_port}")
    say.done(f"coinslot {__version__} serves ({ready.role.value}), process {ready.pid}; Ctrl-C ends it")
    if ready_file is None:
        return
    text = msgspec.json.encode(ready).decode() + "\n"
    if ready_file == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    path = Path(ready_file)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _http_tls(settings: Settings) -> tuple[Path, Path] | None:
    cert, key = settings.http_tls_cert, settings.http_tls_key
    return None if cert is None or key is None else (cert, key)


@contextlib.contextmanager
def _end_on_sigterm() -> Iterator[None]:
    """Outside the event loop SIGTERM unwinds what was begun, as Ctrl-C does."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
