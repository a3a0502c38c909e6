"""The demo from its first line to its last: bring up, let people come, show, take down in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import shlex
import shutil
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path

import asyncpg
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.live import Live

from coinslot.app.demo_address import is_loopback
from coinslot.app.demo_door import ServerDoor
from coinslot.app.demo_facts import Reporter
from coinslot.app.demo_house import House, furnish
from coinslot.app.demo_lines import Lines, books_words
from coinslot.app.demo_payments import DemoPayments
from coinslot.app.demo_phones import DemoPhones
from coinslot.app.demo_picture import Place, svg
from coinslot.app.demo_place import announce, find_place, own_command
from coinslot.app.demo_server import review_names, start_server
from coinslot.app.demo_show import LiveShow, Show
from coinslot.app.demo_view import View
from coinslot.app.demo_wall import DemoWall
from coinslot.app.demo_world import World, crowded, make_terminals, open_world
from coinslot.app.installation import Installation, keyring, own_ca_file
from coinslot.app.serve import Progress
from coinslot.app.settings import Settings, default_data_dir
from coinslot.app.signals import set_on_signals
from coinslot.app.stack import Stack
from coinslot.engines.connect import ensure_database, open_pool
from coinslot.engines.engine import Engine
from coinslot.engines.migrate import migrate
from coinslot.engines.supervise import supervise
from coinslot.fleet.operator_rules import RealNameRule
from coinslot.sandbox.appliances.mishaps import Mishaps
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.sandbox.customers.crowd import Crowd
from coinslot.terminal.simulated.curves import Curve

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_ONLINE_S = 10.0
_LAST_RECORDS_S = 3.0
_PLAIN_SIZE = (120, 36)
"""Of a recorded picture where there is no terminal to fit it to."""


class Wish(Struct, frozen=True, kw_only=True):
    """How the demo was asked to run."""

    seconds: float | None = None
    """Ends by itself after this time; None: until a signal."""
    customers: bool = True
    seed: int = 0
    speed: float = 1.0
    picture: Path | None = None
    """Where the last picture is written, as SVG."""
    host: str = "127.0.0.1"
    """Where HTTP listens."""
    port: int | None = None
    """None: the usual one, or any free one where somebody has it."""
    real_name: bool = False
    """Whether customers are asked who they are; the demo then believes them after a moment."""
    dryer: Curve | None = None
    """What the hotel's dryer draws, instead of its own curve."""


class DemoRun:
    """One run over started engines."""

    def __init__(self, settings: Settings, installation: Installation, wish: Wish, say: Progress) -> None:
        self._settings = settings
        self._installation = installation
        self._wish = wish
        self._say = say
        self._stop = asyncio.Event()
        self._terminals: list[SimulatedTerminal] = []
        self._view: View | None = None

    async def run(self, began_s: float) -> None:
        """Until the time is over, a signal, or the failure of a part, which is raised."""
        set_on_signals(self._stop)
        world = await self._prepare()
        self._make_terminals(world)
        wall = DemoWall(
            world,
            self._terminals,
            DemoPhones(),
            keyring(self._settings),
            reachable=not is_loopback(self._wish.host),
        )
        async with contextlib.AsyncExitStack() as ending:
            payments, house = await self._open_neighbours(ending, world, wall)
            stack, url = await start_server(
                self._installation, wall, payments, self._wish.host, self._wish.port
            )
            ending.push_async_callback(stack.stop)
            place = find_place(
                world, self._installation.broker, self._settings.data_dir, url, crowd=self._wish.customers
            )
            door = ServerDoor(stack.pool, stack.starter, wall.keyring, world.operator, world.currency)
            chance = random.Random(f"{self._wish.seed}/mishaps")
            mishaps = Mishaps(crowded(world, self._terminals), chance, self._wish.speed)
            reporter = Reporter(world, stack.pool, self._terminals, mishaps, door)
            await reporter.start(stack.client)
            await self._terminals_on(stack)
            took_s = time.monotonic() - began_s
            announce(
                self._say,
                place,
                world.api_key,
                took_s,
                house,
                sandbox=payments.url,
                open_to_all=wall.reachable,
            )
            works = [wall.run(stack.client)]
            if self._wish.real_name:
                works.append(review_names(stack.pool))
            if self._wish.customers:
                crowd = Crowd(
                    world.guests,
                    crowded(world, self._terminals),
                    door,
                    seed=self._wish.seed,
                    speed=self._wish.speed,
                )
                works += [crowd.run(), mishaps.run()]
            try:
                await self._live(stack, works, reporter, place)
            finally:
                self._say("stopping: valves shut, last records on their way")
                await self._terminals_off(stack, world)
            await self._farewell(reporter)

    # ------------------------------------------------------------ coming up

    async def _prepare(self) -> World:
        url = self._installation.database_url
        await ensure_database(url)
        await migrate(url, progress=self._say)
        # Terminals get new secrets here: before the link is there to hear of them.
        pool = await open_pool(url, max_size=1)
        try:
            asks = RealNameRule.BEFORE_FIRST_USE if self._wish.real_name else RealNameRule.NOT_ASKED
            world = await open_world(pool, self._settings.data_dir / "key", asks)
        finally:
            await pool.close()
        if world.earlier_sessions:
            self._say.done(f"found {world.earlier_sessions} earlier sessions")
        return world

    async def _open_neighbours(
        self, ending: contextlib.AsyncExitStack, world: World, wall: DemoWall
    ) -> tuple[DemoPayments, House]:
        """The providers and the hotel's own system: before the server, which calls them, and ended after it."""
        folder = self._settings.data_dir
        payments = await ending.enter_async_context(DemoPayments(folder, self._wish.host))
        await ending.enter_async_context(wall.system)
        pool = await open_pool(self._installation.database_url, max_size=1)
        try:
            async with pool.acquire() as connection:
                await payments.seed(connection, world.operator)
                house = await furnish(connection, world, wall.system, wall.keyring, folder)
        finally:
            await pool.close()
        wall.sandbox_url, wall.house = payments.url, house
        return payments, house

    def _make_terminals(self, world: World) -> None:
        folder = self._settings.data_dir / "terminals"
        self._terminals = make_terminals(
            world,
            self._installation.broker,
            folder,
            ca=own_ca_file(self._settings),
            seed=self._wish.seed,
            speed=self._wish.speed,
            dryer=self._wish.dryer,
        )

    async def _terminals_on(self, stack: Stack) -> None:
        self._say(f"switching on {len(self._terminals)} simulated terminals")
        for terminal in self._terminals:
            await terminal.start()
        names = [terminal.id for terminal in self._terminals]
        query = "SELECT count(*) FROM terminal_link WHERE online AND terminal_id = ANY($1)"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ONLINE_S):
                # The hellos are noted by the link; the database is where they show.
                while await stack.pool.fetchval(query, names) < len(names):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    # ------------------------------------------------------------ running

    async def _live(
        self,
        stack: Stack,
        also: list[Coroutine[object, object, None]],
        reporter: Reporter,
        place: Place,
    ) -> None:
        with self._shown(place) as show:
            works: list[Coroutine[object, object, object]] = [
                self._stop.wait(),
                stack.wait(),
                supervise(self._installation.children, restarted=_note_restart),
                reporter.keep_verifying(),
                self._look(reporter, show),
                *also,
            ]
            if self._wish.seconds is not None:
                works.append(asyncio.sleep(self._wish.seconds))
            tasks = [asyncio.create_task(work) for work in works]
            done, still = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in still:
                task.cancel()
            await asyncio.wait(still)
            for task in done:
                task.result()
        if self._wish.picture is not None and self._view is not None:
            self._record(self._wish.picture, self._view, place)

    @contextlib.contextmanager
    def _shown(self, place: Place) -> Iterator[Show]:
        console = Console(highlight=False)
        if not console.is_terminal:
            yield Lines(lambda line: print(line, flush=True))
            return
        with Live(console=console, screen=True, auto_refresh=False) as live:
            yield LiveShow(live, place)

    async def _look(self, reporter: Reporter, show: Show) -> None:
        while True:
            try:
                self._view = await reporter.look()
            except (
                OSError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,
            ) as error:
                log.warning("nothing to show: %s", error or type(error).__name__)
                if self._view is not None:
                    gone = "PostgreSQL does not answer; it is started again"
                    self._view = msgspec.structs.replace(self._view, faults=(gone,))
            if self._view is not None:
                show.show(self._view)
            await asyncio.sleep(_LOOK_S)

    def _record(self, path: Path, view: View, place: Place) -> None:
        size = shutil.get_terminal_size(_PLAIN_SIZE)
        path.write_text(svg(view, place, size.columns, size.lines), encoding="utf-8")
        self._say.done(f"picture       {path}")

    # ------------------------------------------------------------ going down

    async def _terminals_off(self, stack: Stack, world: World) -> None:
        await asyncio.gather(*(terminal.stop() for terminal in self._terminals))
        query = "SELECT count(*) FROM session WHERE operator_id = $1 AND state IN ('running', 'stopping')"
        # What a terminal could not send now is in its journal, and comes with its next start.
        with contextlib.suppress(
            TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError
        ):
            async with asyncio.timeout(_LAST_RECORDS_S):
                while await stack.pool.fetchval(query, world.operator):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def _farewell(self, reporter: Reporter) -> None:
        await reporter.verify_once()
        view = await reporter.look()
        self._say.done(f"{view.settled} sessions settled in this run; {books_words(view)}")
        folder = self._settings.data_dir
        usual = folder.parent == default_data_dir(os.environ)
        where = "" if usual else f"COINSLOT_DATA_DIR={shlex.quote(str(folder.parent))} "
        self._say.done(f"kept in {folder}; `{where}{own_command()} demo --clean` removes it")


def _note_restart(engine: Engine) -> None:
    log.warning("%s had died and runs again", engine.name)
