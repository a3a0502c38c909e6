"""What a replay runs on: an installation of its own, gone with it, or the one that the settings name."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from coinslot.app.errors import Problem
from coinslot.app.installation import (
    Installation,
    external_broker,
    keyring,
    open_installation,
    terminal_door,
)
from coinslot.app.replay_plan import Plan, Way, Where
from coinslot.app.replay_show import Watch
from coinslot.app.settings import Settings, load_settings
from coinslot.engines.supervise import supervise
from coinslot.keyring import Keyring


@contextlib.asynccontextmanager
async def kept_alive(installation: Installation, watch: Watch) -> AsyncIterator[None]:
    """An engine that dies meanwhile is started again; what cannot be is told, and the uses fail by themselves."""
    keeping = asyncio.create_task(
        supervise(
            installation.children,
            restarted=lambda engine: watch.say(f"{engine.name} had died and runs again"),
        )
    )
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        if not keeping.cancelled() and (error := keeping.exception()) is not None:
            watch.say(f"an engine could not be kept alive: {error}")


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """A folder that goes with us, and that the engines' own user may pass through when we are root."""
    path = Path(tempfile.mkdtemp(prefix="coinslot-replay-"))
    path.chmod(0o711 if os.geteuid() == 0 else 0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextlib.contextmanager
def open_for(plan: Plan, folder: Path, watch: Watch) -> Iterator[Installation]:
    """Its database and broker, running. Problem or EngineError."""
    if plan.where is Where.OWN:
        # Not load_settings: nothing that is set for an installation here may lead the replay into its books.
        with open_installation(Settings(data_dir=folder), watch.say) as own:
            yield own
            watch.say("stopping the engines")
        return
    settings = load_settings()
    broker = external_broker(settings)
    if settings.database_url is None or broker is None:
        raise Problem(
            "--server needs a server whose database and broker are known here",
            "Set COINSLOT_DATABASE_URL, COINSLOT_NATS_URL and the broker's secrets, or leave --server out.",
        )
    yield Installation(settings.database_url, broker, (), terminal_door(settings, broker))


def server_keyring(plan: Plan) -> Keyring:
    """The server's. Problem where a running server's cannot be known: it would not know codes made by another."""
    if plan.where is Where.OWN or plan.way is Way.SCAN:
        return Keyring(secrets.token_urlsafe(32))
    settings = load_settings()
    if not settings.demo and settings.secret_key is None and not (settings.data_dir / "secret_key").exists():
        raise Problem(
            f"--way {plan.way.value} needs the secret of the running server",
            "Set COINSLOT_SECRET_KEY or COINSLOT_DATA_DIR as it has them, or leave --server out.",
        )
    return keyring(settings)


@contextlib.contextmanager
def end_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does, so that the engines are stopped and the folder is removed.

    SIGINT is asked for by name: a shell starts its background jobs with it ignored, and the loop then leaves it so.
    """
    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT)),
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
