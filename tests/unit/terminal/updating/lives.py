"""A terminal's lives, from boot to loss of power, as its updates see them: real disk, real server, no agent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from coinslot.terminal.clock import VirtualClock
from coinslot.terminal.events import RestartWanted, UpdateStands
from coinslot.terminal.updating import launching
from coinslot.terminal.updating.fetching import Later, Refused
from coinslot.terminal.updating.job import Job, Said
from coinslot.terminal.updating.port import Running, Trust
from coinslot.terminal.updating.shelf import Point, Shelf, nothing
from coinslot.terminal.updating.updater import Updater
from coinslot.terminal.updating.work import lay_ready, prove
from coinslot.wire.messages import Update, UpdateKind, UpdateStep
from tests.support.releases import KEY


class PowerLostError(Exception):
    """Somebody pulled the plug."""


class Plug:
    """Pulled at the n-th thing that is done to the disk, and out from then on."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.count = 0
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        self.names.append(name)
        self.count += 1
        if self.at is not None and self.count > self.at:
            raise PowerLostError(name)


class Here:
    """Does the job in this process, with the plug in sight."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self.jobs: list[Job] = []

    async def run(self, job: Job) -> Said:
        self.jobs.append(job)
        try:
            prove(job.release, job.keys, job.operator)
            if job.load:
                lay_ready(job, self._point)
        except Refused as error:
            return Said(refused=str(error))
        except Later as error:
            return Said(later=str(error))
        return Said(ready=True)


@dataclass
class Life:
    """What was left when it ended."""

    running: Running
    told: list[UpdateStands] = field(default_factory=list)
    restarts: int = 0
    jobs: list[Job] = field(default_factory=list)

    @property
    def steps(self) -> list[UpdateStep]:
        """Each step that was told, once in a row."""
        steps = [one.step for one in self.told]
        return [step for number, step in enumerate(steps) if number == 0 or steps[number - 1] is not step]

    @property
    def last(self) -> UpdateStands:
        """The latest word."""
        return self.told[-1]


async def live(
    directory: Path,
    *announced: Update,
    welcomed: bool = True,
    ms: int = 0,
    plug: Plug | None = None,
    keys: tuple[str, ...] = (KEY,),
    operator: str = "op_a",
    config_file: Path | None = None,
) -> Life:
    """One boot: what runs hears the announcements, is welcomed or not, and lives for so long."""
    point: Point = plug or nothing
    shelf, clock = Shelf(directory, point), VirtualClock()
    state = launching.begin(shelf, config_file)
    running = Running(software=state.software.running, config=state.config.running)
    for kind in UpdateKind:
        assert not running.of(kind) or launching.is_whole(shelf, kind, running.of(kind)), "never half of one"
    life, worker = Life(running), Here(point)
    updater = Updater(shelf, worker, Trust(keys=keys, operator=operator), running, clock)
    life.jobs = worker.jobs

    def hear(event: UpdateStands | RestartWanted) -> None:
        if isinstance(event, UpdateStands):
            life.told.append(event)
        else:
            life.restarts += 1

    updater.listen(hear, lambda: None)
    try:
        updater.began()
        updater.turn(is_up=welcomed)
        for update in announced:
            updater.offered(update)
            for _ in range(3):  # proving makes loading
                if tasks := updater.under_way:
                    await asyncio.wait(tasks, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
        if tasks := updater.under_way:
            await asyncio.wait(tasks, timeout=0.01)
        clock.advance(ms)
        updater.turn(is_up=welcomed)
    finally:
        await updater.close()
    return life
