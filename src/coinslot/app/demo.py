"""`coinslot demo`: everything on this machine, with simulated appliances and people, shown live."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import uvloop

from coinslot.app.demo_address import pick_port
from coinslot.app.demo_home import clean, demo_settings, log_file, prepare
from coinslot.app.demo_run import DemoRun, Wish
from coinslot.app.errors import Problem
from coinslot.app.installation import open_installation
from coinslot.app.logs import LogFormat, set_up_logs
from coinslot.app.serve import Progress
from coinslot.app.settings import Settings, load_settings
from coinslot.app.signals import unwind_on_signals
from coinslot.engines.errors import FolderBusy
from coinslot.sandbox.replay.cycles import playing, read_cycles
from coinslot.sandbox.replay.files import TraceError
from coinslot.terminal.simulated.curves import Curve


@click.command(
    "demo",
    epilog="Example: coinslot demo\n\nExample: coinslot demo --speed 3 --seconds 60 --picture demo.svg",
)
@click.option("--seconds", type=click.FloatRange(min=0), help="End by itself after this time.")
@click.option(
    "--no-customers",
    "--quiet-customers",
    "empty",
    is_flag=True,
    help="Nobody comes and nothing breaks: play by hand.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses what people and mishaps do.")
@click.option(
    "--speed",
    type=click.FloatRange(0.2, 5.0),
    default=1.0,
    show_default=True,
    help="How much faster than life people move and water runs.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Where HTTP listens. 0.0.0.0 lets a real phone in this network scan the codes, and anybody in it use the demo.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="HTTP's port; 8080 by default, or any free one if that is taken.",
)
@click.option(
    "--real-name",
    is_flag=True,
    help="Customers say who they are before the first use; the demo believes them.",
)
@click.option(
    "--cycles",
    type=click.Path(path_type=Path),
    help="A recording of power (cycle_id,t_s,mean_w): the hotel's dryer plays one of its cycles in each use.",
)
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write the last picture there as SVG.",
)
@click.option("--clean", "remove", is_flag=True, help="Remove the demo's data and end.")
def command(
    seconds: float | None,
    empty: bool,
    seed: int,
    speed: float,
    host: str,
    port: int | None,
    real_name: bool,
    cycles: Path | None,
    picture: Path | None,
    remove: bool,
) -> None:
    """Run everything here, with simulated appliances and customers, to try it out.

    Invented money on engines of its own, in a folder of its own: an installation on this machine is not
    touched. Ends on Ctrl-C and keeps everything for the next start.
    """
    settings = demo_settings(load_settings())
    if remove:
        gone = clean(settings.data_dir)
        click.echo(
            f"Removed the demo's data: {settings.data_dir}" if gone else f"No demo in {settings.data_dir}"
        )
        return
    wish = Wish(
        seconds=seconds,
        customers=not empty,
        seed=seed,
        speed=speed,
        picture=picture,
        host=host,
        port=port,
        real_name=real_name,
        dryer=None if cycles is None else _recorded(cycles),
    )
    with unwind_on_signals(), _quiet_when_nobody_listens():
        demo(settings, wish)


def _recorded(path: Path) -> Curve:
    try:
        return playing(read_cycles(path))
    except TraceError as error:
        raise Problem(f"{error.where}: {error.reason}", error.remedy) from error


def demo(settings: Settings, wish: Wish) -> None:
    """Run the demo in its folder. Main thread only. Problem when one runs already or a part cannot start."""
    began_s = time.monotonic()
    pick_port(wish.host)  # before the engines: a slip of the pen is then told at once
    prepare(settings.data_dir)
    say = Progress()
    with contextlib.ExitStack() as ending:
        try:
            installation = ending.enter_context(open_installation(settings, say))
        except FolderBusy as busy:
            raise Problem(
                f"the demo runs already: {busy.message}",
                "Look at it there, or end it first with Ctrl-C (or kill and that number).",
            ) from busy
        ending.enter_context(_log_to(log_file(settings.data_dir), settings))
        loop = ending.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))

        async def run() -> None:
            await DemoRun(settings, installation, wish, say).run(began_s)

        loop.run(run())


@contextlib.contextmanager
def _log_to(path: Path, settings: Settings) -> Iterator[None]:
    """Everything that is logged goes to this file: the terminal belongs to the picture."""
    with path.open("a", encoding="utf-8", buffering=1) as file:
        set_up_logs(settings.log_level, LogFormat.PLAIN)
        root = logging.getLogger()
        for handler in root.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setStream(file)
        try:
            yield
        finally:
            root.handlers.clear()


@contextlib.contextmanager
def _quiet_when_nobody_listens() -> Iterator[None]:
    """`coinslot demo | head` ends when head does, without a traceback."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
