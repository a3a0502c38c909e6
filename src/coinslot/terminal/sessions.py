"""Sessions: a start is judged, run within its limits, and ended once."""

from __future__ import annotations

import msgspec
from msgspec import Raw, structs

from coinslot.access import offline
from coinslot.terminal.actions import OpenValve, ShutValve
from coinslot.terminal.endings import Ending
from coinslot.terminal.entries import Resumed, StopKept
from coinslot.terminal.limits import can_keep
from coinslot.terminal.runs import Run
from coinslot.terminal.scribe import Scribe
from coinslot.terminal.settings import OnPower
from coinslot.terminal.taps import Tap
from coinslot.wire.messages import DisplayLanguage, Limits, Start
from coinslot.wire.records import Checkpoint, Declined, DeclineReason, Started, Stopped, StopReason
from coinslot.wire.registers import Register

MOST_RESUMES = 5
"""Each loss of power forgets up to a checkpoint's worth of use; nobody shall win water by the switch."""
MAX_RECORD_BYTES = 3800
"""One record and the head of its message stay below 4 KiB."""


class Sessions:
    """All outlets of the terminal and what runs on them."""

    def __init__(self, scribe: Scribe, taps: dict[int, Tap]) -> None:
        self._scribe = scribe
        self.taps = taps
        self.closed = False
        self.checkpoint_ms = 10_000
        self.declined: dict[int, DeclineReason] = {}
        """The last refusal of each outlet, for its display; taken away by whoever shows it."""
        self.declined_in: dict[int, DisplayLanguage] = {}
        """In whose language, where that is known; likewise."""
        self.ended: dict[int, Ending] = {}
        """The last end on each outlet, likewise."""

    # ------------------------------------------------------------ commands

    def start(self, start: Start, *, right_link: bool, wanted: bool, link_ms: int) -> None:
        """Open for a session, or decline; a command that has its answer gets no second one."""
        kept = self._scribe.kept
        if start.command in kept.answered:
            return
        tap = self.taps.get(start.outlet)
        reason = self._refusal(start, tap, right_link=right_link, wanted=wanted, link_ms=link_ms)
        if reason is not None or tap is None:
            self.decline(start, reason or DeclineReason.NO_OUTLET)
            return
        self.begin(tap, start.session, start.command, start.limits, start.quote, start.language)
        if tap.run is not None:
            tap.run.balance_minor = start.balance_minor

    def begin(
        self,
        tap: Tap,
        session: str,
        command: str,
        limits: Limits,
        quote: Raw,
        language: DisplayLanguage | None = None,
    ) -> None:
        """Record that a session starts, then open. Whoever calls has made sure that it may."""
        self._scribe.record(
            Started(
                boot=self._scribe.kept.boot,
                ticks_ms=self._scribe.now,
                wall_ms=self._scribe.wall_ms,
                session=session,
                command=command,
                outlet=tap.number,
                registers=dict(tap.registers),
            ),
            limits,
            quote,
            language,
        )
        credits = limits.count if Register.COUNT in tap.settings.meters else None
        self._open(tap, session, credits)

    def decline(self, start: Start, reason: DeclineReason) -> None:
        """Record a refusal. With no room even for that, silence: the next hello proves that nothing
        was started."""
        self.declined[start.outlet] = reason
        if start.language is not None:
            self.declined_in[start.outlet] = start.language
        kept = self._scribe.kept
        if start.command in kept.answered or not self._scribe.has_room(len(kept.open)):
            return
        self.refuse(start.session, start.command, start.outlet, reason)

    def refuse(self, session: str, command: str, outlet: int, reason: DeclineReason) -> None:
        """Record that a session will not start."""
        self._scribe.record(
            Declined(
                boot=self._scribe.kept.boot,
                ticks_ms=self._scribe.now,
                wall_ms=self._scribe.wall_ms,
                command=command,
                session=session,
                outlet=outlet,
                reason=reason,
            )
        )

    def stop(self, session: str) -> None:
        """The server's stop: ends the session, or bars it for ever."""
        kept = self._scribe.kept
        if session in kept.open:
            self.end(self.taps[kept.open[session].outlet], StopReason.COMMAND)
        elif session not in kept.over and self._scribe.has_room(len(kept.open)):
            self._scribe.append(StopKept(session=session))

    def _refusal(
        self, start: Start, tap: Tap | None, *, right_link: bool, wanted: bool, link_ms: int
    ) -> DeclineReason | None:
        kept = self._scribe.kept
        checks = (
            (not right_link, DeclineReason.WRONG_LINK),
            (start.session in kept.over or not wanted, DeclineReason.STOPPED),
            (link_ms >= start.expires_at_ms, DeclineReason.EXPIRED),
            (tap is None, DeclineReason.NO_OUTLET),
            (tap is not None and not can_keep(start.limits, tap.settings.meters), DeclineReason.LIMITS),
            (not _names_its_token(start), DeclineReason.LIMITS),
        )
        for refused, reason in checks:
            if refused:
                return reason
        return None if tap is None else self.hindrance(tap, start.session)

    def hindrance(self, tap: Tap, session: str) -> DeclineReason | None:
        """Why a session cannot start at an outlet now, whoever asks for it; None where it can."""
        kept = self._scribe.kept
        checks = (
            (self.closed, DeclineReason.CLOSED),
            (bool(tap.faults) or not tap.known, DeclineReason.FAULT),
            (tap.run is not None, DeclineReason.BUSY),
            (session in kept.open, DeclineReason.BUSY),
            (session in kept.over or kept.tokens.is_gone(session), DeclineReason.STOPPED),
        )
        for hindered, reason in checks:
            if hindered:
                return reason
        return None if self._scribe.has_room(len(kept.open) + 1) else DeclineReason.JOURNAL_FULL

    # ------------------------------------------------------------ running

    def keep_limits(self, tap: Tap) -> None:
        """End the session on this outlet if a limit says so."""
        run, now = tap.run, self._scribe.now
        if run is None:
            return
        if run.by_time and run.paused_at is None:
            run.last_at = now
        self.count_seconds(tap, run)
        reason = run.must_stop(tap.registers, now)
        if reason is not None:
            self.end(tap, reason)

    def checkpoint(self, tap: Tap, *, at_once: bool = False) -> None:
        """Every ten seconds of use the registers go to the journal."""
        run, now = tap.run, self._scribe.now
        if run is None or (now - run.checkpoint_at < self.checkpoint_ms and not at_once):
            return
        if tap.registers == run.checkpointed:
            return  # a pause: nothing new to be certain of
        kept = self._scribe.kept
        if not self._scribe.has_room(len(kept.open)):
            return
        run.checkpoint_at = now
        run.checkpointed = dict(tap.registers)
        self._scribe.record(
            Checkpoint(
                boot=kept.boot,
                ticks_ms=now,
                wall_ms=self._scribe.wall_ms,
                session=run.about.session,
                outlet=tap.number,
                registers=dict(tap.registers),
            )
        )

    def end(self, tap: Tap, reason: StopReason) -> None:
        """Shut, then record the end; on an outlet with no session, only shut."""
        self._scribe.act(ShutValve(tap.number))
        tap.order(open_it=False, now=self._scribe.now)
        run, tap.run = tap.run, None
        if run is None:
            return
        self.count_seconds(tap, run)
        usage = run.usage(tap.registers)
        about = run.about
        self.ended[tap.number] = Ending(about.session, reason, usage, bytes(about.quote), about.language)
        at_s = max(0, self._scribe.now - run.opened_at) // 1000
        self._stopped(
            Stopped(
                boot=self._scribe.kept.boot,
                ticks_ms=self._scribe.now,
                wall_ms=self._scribe.wall_ms,
                session=run.about.session,
                outlet=tap.number,
                reason=reason,
                start=run.about.start,
                registers=dict(tap.registers),
                sensors=run.sensors.summaries(),
                curve=run.curve.points(at_s, usage[tap.settings.main]),
            )
        )

    # ------------------------------------------------------------ power

    def recover(self) -> None:
        """After a boot: close or resume what the journal left open."""
        for about in list(self._scribe.kept.open.values()):
            tap = self.taps.get(about.outlet)
            resumable = (
                tap is not None
                and tap.run is None
                and tap.settings.on_power is OnPower.RESUME
                and about.resumes < MOST_RESUMES
                and not about.paused  # nobody who shut it is there to see it open
            )
            if tap is not None and resumable:
                self._scribe.append(Resumed(session=about.session))
                self._open(tap, about.session)
                continue
            registers = self._scribe.kept.registers.get(about.outlet, about.start)
            usage = {register: value - about.start.get(register, 0) for register, value in registers.items()}
            self.ended[about.outlet] = Ending(
                about.session, StopReason.POWER_LOSS, usage, bytes(about.quote), about.language
            )
            self._stopped(
                Stopped(
                    boot=self._scribe.kept.boot,
                    ticks_ms=self._scribe.now,
                    wall_ms=self._scribe.wall_ms,
                    session=about.session,
                    outlet=about.outlet,
                    reason=StopReason.POWER_LOSS,
                    start=about.start,
                    registers=dict(registers),
                )
            )

    def shut_down(self) -> None:
        """The program is asked to end. A session that may be resumed stays open behind a shut valve;
        any other is `power_loss` with exact registers: to its customer the terminal went away."""
        self.closed = True
        for tap in self.taps.values():
            run = tap.run
            if run is not None and run.paused_at is None and tap.settings.on_power is OnPower.RESUME:
                self._scribe.act(ShutValve(tap.number))
                self.checkpoint(tap, at_once=True)
                tap.order(open_it=False, now=self._scribe.now)
                tap.run = None
            else:
                self.end(tap, StopReason.POWER_LOSS)

    def _open(self, tap: Tap, session: str, credits: int | None = None) -> None:
        about = self._scribe.kept.open[session]
        now = self._scribe.now
        carried_s = tap.registers[Register.S] - about.start.get(Register.S, 0)
        tap.run = Run(
            about,
            opened_at=now,
            by_time=tap.settings.by_time,
            by_power=tap.settings.idle_w is not None,
            # What drew power before it was lost need not do so at once: idleness looks after that.
            loaded=tap.settings.no_load_w is None or carried_s > 0,
            carried_s=carried_s,
            paused_ms=about.pause_ms,
        )
        tap.run.checkpointed = dict(tap.registers)
        tap.order(open_it=True, now=now)
        self._scribe.act(OpenValve(tap.number, credits))

    def count_seconds(self, tap: Tap, run: Run) -> None:
        """Let the register of seconds say what the session's moments say."""
        seconds = run.about.start.get(Register.S, 0) + run.seconds()
        tap.registers[Register.S] = max(tap.registers[Register.S], seconds)

    def _stopped(self, record: Stopped) -> None:
        while len(msgspec.json.encode(record)) > MAX_RECORD_BYTES and record.curve:
            record = structs.replace(record, curve=record.curve[1::2])
        self._scribe.record(record)


def _names_its_token(start: Start) -> bool:
    """A session under an offline code is named after it: only so can a record of it burn the count."""
    promise = offline.parse(start.session)
    return start.token is None or (promise is not None and promise.count == start.token)
