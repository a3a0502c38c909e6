"""Between the agent and its updates: announcements in, what becomes of them out. On the event loop, never waiting."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Final

from coinslot.terminal.backoff import backoff_ms
from coinslot.terminal.clock import Clock
from coinslot.terminal.events import RestartWanted, UpdateStands
from coinslot.terminal.updating import standing as standings
from coinslot.terminal.updating.job import Job
from coinslot.terminal.updating.port import Running, Tell, Trust
from coinslot.terminal.updating.shelf import Shelf, State
from coinslot.terminal.updating.standing import STEADY_MS, TRIAL_MS, Heard, Release, Standing, Told
from coinslot.terminal.updating.worker import Worker
from coinslot.wire.messages import Update, UpdateKind, UpdateStep

log = logging.getLogger(__name__)

AGAIN_MS: Final = 30_000
AGAIN_CAP_MS: Final = 3_600_000
PROVE_AGAIN_MS: Final = 5_000
"""After a forgery: whoever sends them without end shall not have the board's processor."""
SAVE_AGAIN_MS: Final = 30_000
REFUSED_FOR_MS: Final = 600_000
"""For which the same bad artifact is not loaded again."""


class Updater:
    """The updates of one terminal."""

    def __init__(self, shelf: Shelf, worker: Worker, trust: Trust, running: Running, clock: Clock) -> None:
        self._shelf = shelf
        self._worker = worker
        self._trust = trust
        self._running = running
        self._clock = clock
        self._state = shelf.load()
        self._began_at = clock.ticks_ms()
        self._save_at = 0
        self._steady = False
        self._wants_restart = False
        self.restarting = False
        """Whether the agent has ended in order to be started again."""
        self._tell: Tell = _nobody
        self._stop: Callable[[], None] = _nothing
        self._heard: dict[UpdateKind, Release] = {}
        """Announced, not yet proved: the latest of each kind."""
        self._refused: dict[UpdateKind, tuple[Release, str, int]] = {}
        self._prover: asyncio.Task[None] | None = None
        self._loaders: dict[UpdateKind, asyncio.Task[None]] = {}
        self._wake = {kind: asyncio.Event() for kind in UpdateKind}

    # ------------------------------------------------------------ from the agent

    def listen(self, tell: Tell, stop: Callable[[], None]) -> None:
        """As `Updates` says."""
        self._tell, self._stop = tell, stop

    def began(self) -> None:
        """As `Updates` says; what was being loaded is gone on with."""
        for kind in UpdateKind:
            self._say(kind, self._state.of(kind).told)
            self._load(kind)
        if self._wants_restart:
            self._want_restart()

    def turn(self, *, is_up: bool) -> None:
        """As `Updates` says: trials are judged."""
        now = self._clock.ticks_ms()
        if now < self._save_at:
            return
        state = self._state
        for kind in UpdateKind:
            standing = state.of(kind)
            if self._on_trial(kind, standing):
                if is_up:
                    state = state.put(kind, standings.confirmed(standing))
                elif now - self._began_at >= TRIAL_MS:
                    why = f"not welcomed within {TRIAL_MS // 60_000} min"
                    state = state.put(kind, standings.rolled_back(standing, why))
            elif now - self._began_at >= STEADY_MS:
                state = state.put(kind, standings.steady(standing))
        if state is self._state or state == self._state:
            return
        before = self._state
        if not self._save(state):
            return
        for kind in UpdateKind:
            if before.of(kind).told != state.of(kind).told:
                self._say(kind, state.of(kind).told)
            if state.of(kind).running != self._running.of(kind):
                self._want_restart()

    def offered(self, update: Update) -> None:
        """As `Updates` says."""
        release = Release(
            kind=update.kind,
            serial=update.serial,
            version=update.version,
            url=update.url,
            sha256=update.sha256,
            size=update.size,
            signature=update.signature,
        )
        standing = self._state.of(release.kind)
        heard, why = standings.judge(standing, release)
        refused = self._refused.get(release.kind)
        if heard is Heard.KNOWN:
            self._say(release.kind, standing.told)
        elif heard is Heard.REFUSE:
            self._refuse(release, why)
        elif standing.offer == release:
            self._say(release.kind, standing.told)
            self._wake[release.kind].set()
        elif refused is not None and refused[0] == release and self._clock.ticks_ms() < refused[2]:
            self._refuse(release, refused[1])
        else:
            self._heard[release.kind] = release
            if self._prover is None or self._prover.done():
                self._prover = self._task(self._prove())

    def restart(self) -> None:
        """As `Updates` says."""
        self.restarting = True
        self._stop()

    async def close(self) -> None:
        """As `Updates` says."""
        tasks = self.under_way
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def under_way(self) -> list[asyncio.Task[None]]:
        """What is being proved and loaded."""
        tasks = (self._prover, *self._loaders.values())
        return [task for task in tasks if task is not None and not task.done()]

    # ------------------------------------------------------------ proving and loading

    async def _prove(self) -> None:
        while self._heard:
            kind = next(iter(self._heard))
            release = self._heard.pop(kind)
            said = await self._worker.run(self._job(release, load=False))
            heard, why = standings.judge(self._state.of(kind), release)
            if said.refused or heard is Heard.REFUSE:
                self._remember_refusal(release, said.refused or why)
                self._refuse(release, said.refused or why)
                await self._clock.wait(asyncio.Event(), PROVE_AGAIN_MS)
            elif said.ready and heard is Heard.FETCH:
                self._accept(release)
            # What could not be judged now is announced again with the next hello.

    def _accept(self, release: Release) -> None:
        standing = self._state.of(release.kind)
        if not self._save(self._state.put(release.kind, standings.fetching(standing, release))):
            return
        self._say(release.kind, self._state.of(release.kind).told)
        if (
            not release.same_as(standing.offer)
            and (task := self._loaders.pop(release.kind, None)) is not None
        ):
            task.cancel()
        self._wake[release.kind].set()
        self._load(release.kind)

    def _load(self, kind: UpdateKind) -> None:
        task = self._loaders.get(kind)
        if self._state.of(kind).offer is not None and (task is None or task.done()):
            self._loaders[kind] = self._task(self._go_on(kind))

    async def _go_on(self, kind: UpdateKind) -> None:
        tries = 0
        while (release := self._state.of(kind).offer) is not None:
            self._wake[kind].clear()
            said = await self._worker.run(self._job(release, load=True))
            standing = self._state.of(kind)
            if not release.same_as(standing.offer):
                continue  # another was announced meanwhile
            if said.refused:
                self._remember_refusal(release, said.refused)
                done = self._save(self._state.put(kind, standings.given_up(standing, release, said.refused)))
            elif said.ready:
                done = self._save(self._state.put(kind, standings.installed(standing, release)))
            else:
                log.info("update %d of the %s: %s", release.serial, kind, said.later)
                done = False
            if done:
                self._say(kind, self._state.of(kind).told)
                if said.ready:
                    self._want_restart()
                await asyncio.to_thread(self._tidy)
                return
            wait = backoff_ms(AGAIN_MS, AGAIN_CAP_MS, tries, release.sha256)
            tries += 1
            await self._clock.wait(self._wake[kind], wait)

    def _job(self, release: Release, *, load: bool) -> Job:
        return Job(
            directory=str(self._shelf.directory.absolute()),
            release=release,
            keys=self._trust.keys,
            operator=self._trust.operator,
            ca=self._trust.ca,
            load=load,
        )

    # ------------------------------------------------------------ what is known, and said

    def _on_trial(self, kind: UpdateKind, standing: Standing) -> bool:
        trial = standing.trial
        return trial is not None and trial.boots > 0 and trial.serial == self._running.of(kind)

    def _want_restart(self) -> None:
        self._wants_restart = True
        self._tell(RestartWanted())

    def _refuse(self, release: Release, why: str) -> None:
        log.warning("update %d of the %s is refused: %s", release.serial, release.kind, why)
        self._say(release.kind, standings.tell(Standing(), release, UpdateStep.REFUSED, why).told)

    def _remember_refusal(self, release: Release, why: str) -> None:
        self._refused[release.kind] = (release, why, self._clock.ticks_ms() + REFUSED_FOR_MS)

    def _say(self, kind: UpdateKind, told: Told | None) -> None:
        if told is not None:
            self._tell(
                UpdateStands(
                    kind=kind, serial=told.serial, version=told.version, step=told.step, detail=told.detail
                )
            )

    def _save(self, state: State) -> bool:
        try:
            self._shelf.save(state)
        except OSError as error:
            log.error("what became of an update could not be kept: %s", error.strerror)
            self._save_at = self._clock.ticks_ms() + SAVE_AGAIN_MS
            return False
        self._state = state
        return True

    def _tidy(self) -> None:
        try:
            self._shelf.tidy(self._state)
        except OSError as error:
            log.warning("what is left of an update stays for now: %s", error.strerror)

    def _task(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(_report)
        return task


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("an update was given up: %r", error)


def _nobody(_event: UpdateStands | RestartWanted) -> None:
    """Before anybody listens."""


def _nothing() -> None:
    """Likewise."""
