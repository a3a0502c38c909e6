"""The core: one event in, the actions to carry out in order. No clock, no randomness, no I/O."""

from __future__ import annotations

from typing import assert_never

from coinslot.terminal import faults, power
from coinslot.terminal.actions import Action, ShutValve
from coinslot.terminal.codes import Codes
from coinslot.terminal.commands import Commands
from coinslot.terminal.display import Texts
from coinslot.terminal.entries import Booted, Metered
from coinslot.terminal.events import (
    Boot,
    BytesReceived,
    Cancelled,
    Event,
    KeyPressed,
    LinkDown,
    LinkUp,
    MessageReceived,
    MeterFailed,
    MeterRead,
    PackageChosen,
    RestartWanted,
    SensorsRead,
    Shutdown,
    StopKey,
    Tick,
    UpdateStands,
    ValveIs,
)
from coinslot.terminal.kept import Kept
from coinslot.terminal.keypad import CANCEL, Keypad
from coinslot.terminal.linking import Linking
from coinslot.terminal.pausing import Pauses
from coinslot.terminal.rating import NoRater, Rater
from coinslot.terminal.readings import Teller
from coinslot.terminal.renewing import Renewing
from coinslot.terminal.sales import Sales
from coinslot.terminal.screens import Screen
from coinslot.terminal.scribe import Scribe
from coinslot.terminal.sessions import Sessions
from coinslot.terminal.settings import Settings
from coinslot.terminal.taps import FOLLOW_MS, Tap
from coinslot.wire.messages import Gone
from coinslot.wire.records import FaultCode, StopReason


class Core:
    """One terminal from boot to boot. A new `Core` and a `Boot` event follow every crash."""

    def __init__(self, settings: Settings, rater: Rater | None = None) -> None:
        self.settings = settings
        self._rater = rater or NoRater()
        self._texts = Texts(settings.language)
        self._scribe = scribe = Scribe(settings.journal_bytes)
        self.taps: dict[int, Tap] = {}
        self.link = Linking(self._scribe, settings.terminal, settings.firmware)
        self.sessions = Sessions(self._scribe, self.taps)
        self._pauses = Pauses(self._scribe, self.sessions)
        self._screens: dict[int, Screen] = {}
        self._tellers: dict[int, Teller] = {}
        self._keypads: dict[int, Keypad] = {}
        self._sales = Sales(self._scribe, self.link, self.sessions, self._screens)
        self._codes = Codes(self._scribe, self.link, self.sessions, self._screens, self._keypads)
        self._renewing = Renewing(scribe, self.link, self.sessions, self._screens, self._keypads)
        self._commands = Commands(
            self.link, self.sessions, self._sales, self._codes, self._renewing, self._screens
        )
        self._metered_at = 0

    @property
    def kept(self) -> Kept:
        """The durable state: to look at, not to change."""
        return self._scribe.kept

    @property
    def in_use(self) -> bool:
        """Whether any session runs: meters are then to be read at least four times a second."""
        return any(tap.run is not None for tap in self.taps.values())

    @property
    def ms_to_limit(self) -> int | None:
        """How soon, at the latest pace, a running session reaches a limit; None when none runs or flows."""
        waits = [tap.ms_to_limit(self._scribe.now) for tap in self.taps.values()]
        return min((wait for wait in waits if wait is not None), default=None)

    def handle(self, event: Event, now_ticks_ms: int) -> list[Action]:
        """Take one event at a moment counted from this boot; a clock that stands or jumps back is held.

        The first event of a core is its `Boot`; before it every other event has no effect.
        """
        self._scribe.now = max(self._scribe.now, now_ticks_ms)
        self._scribe.out = []
        if isinstance(event, Boot) is bool(self.taps):
            return []
        if isinstance(event, Boot):
            self._boot(event)
        else:
            self._dispatch(event)
        self._after()
        return self._scribe.out

    def _dispatch(self, event: Event) -> None:
        match event:
            case LinkUp(link=link):
                self.link.connected(link)
            case LinkDown(link=link):
                self.link.lost(link)
            case MessageReceived(message=message):
                self._commands.obey(message, self._scribe.now)
            case BytesReceived(data=data):
                self._commands.received(data, self._scribe.now)
            case MeterRead(outlet=outlet):
                self._meter(event, self.taps.get(outlet))
            case MeterFailed(outlet=outlet):
                self._meter_failed(self.taps.get(outlet))
            case StopKey(outlet=outlet):
                if outlet in self.taps:
                    self.sessions.end(self.taps[outlet], StopReason.KEY)
                    self._codes.call_off(outlet)
            case KeyPressed():
                self._key(event)
            case PackageChosen(outlet=outlet, provider=provider, package=package):
                self._sales.chosen(outlet, package, provider)
            case Cancelled(outlet=outlet):
                self._sales.back(outlet)
            case SensorsRead(outlet=outlet):
                self._sensors(event, self.taps.get(outlet))
            case ValveIs(outlet=outlet, open=is_open):
                if outlet in self.taps:
                    self.taps[outlet].reports(open_it=is_open, now=self._scribe.now)
            case Shutdown():
                self._shut_down()
            case UpdateStands() | RestartWanted():
                self._renewing.hear(event)
            case Tick():
                for tap in faults.silent(self.taps, self._scribe.now):
                    self._fault(tap, FaultCode.SENSOR)
            case Boot():
                pass
            case _:
                assert_never(event)

    # ------------------------------------------------------------ beginning and end

    def _boot(self, boot: Boot) -> None:
        scribe = self._scribe
        scribe.begin(boot.seed)
        self._sales.begin(boot.seed)
        for outlet in self.settings.outlets:
            scribe.act(ShutValve(outlet.outlet))
        bad = scribe.kept.read(boot.lines)
        if boot.wall_ms is not None and boot.wall_ms >= scribe.kept.wall_ms:
            scribe.wall_offset_ms = boot.wall_ms - scribe.now
        if boot.damaged or bad or not scribe.kept.epoch:
            scribe.new_epoch()
        scribe.append(Booted(boot=scribe.kept.boot + 1))
        for settings in self.settings.outlets:
            tap = Tap(settings, dict(scribe.kept.registers.get(settings.outlet, {})))
            self.taps[settings.outlet] = tap
            self._screens[settings.outlet] = Screen(tap, self._texts, self._rater)
            self._tellers[settings.outlet] = Teller()
            self._keypads[settings.outlet] = Keypad()
            tap.order(open_it=False, now=scribe.now)
            faults.restore(scribe, tap)
        self.sessions.recover()
        self._codes.begin()

    def _shut_down(self) -> None:
        self.sessions.shut_down()
        if self.link.is_up:
            self.link.flush()
            self.link.send(Gone(link=self.link.number))
        self.link.close()

    # ------------------------------------------------------------ the appliance

    def _meter(self, read: MeterRead, tap: Tap | None) -> None:
        if tap is None:
            return
        now, run = self._scribe.now, tap.run
        gains, backwards = tap.read(read.registers, now)
        if run is None or not tap.open:
            if tap.seeps(gains.get(tap.settings.main, 0), now):
                self._fault(tap, FaultCode.FLOW_WHILE_SHUT)
        elif gains:
            run.metered(now)
            main = tap.settings.main
            at_s = (now - run.opened_at) // 1000
            run.curve.add(at_s, run.usage(tap.registers)[main])
        if backwards:
            self._fault(tap, FaultCode.METER_BACKWARDS)

    def _meter_failed(self, tap: Tap | None) -> None:
        if tap is not None and (tap.run is None or self._scribe.now - tap.read_at >= FOLLOW_MS):
            self._fault(tap, FaultCode.SENSOR)

    def _sensors(self, read: SensorsRead, tap: Tap | None) -> None:
        if tap is None:
            return
        tap.sensors = {name: value for name, value in read.values.items() if name != "leak"}
        if tap.run is not None:
            tap.run.sensors.add(tap.sensors)
        if read.values.get("leak", 0) > 0:
            self._fault(tap, FaultCode.LEAK)
        if power.SENSOR in read.values:
            for code in tap.draws(read.values[power.SENSOR], self._scribe.now):
                self._fault(tap, code)

    def _fault(self, tap: Tap, code: FaultCode) -> None:
        session = tap.run.about.session if tap.run is not None else None
        if session is not None:
            self.sessions.end(tap, StopReason.FAULT)
        elif code not in tap.faults:
            self._scribe.act(ShutValve(tap.number))
        faults.raise_fault(self._scribe, tap, code, session)

    def _key(self, pressed: KeyPressed) -> None:
        tap = self.taps.get(pressed.outlet)
        if tap is None:
            return
        if tap.run is not None:
            if pressed.key == "#":
                self.sessions.end(tap, StopReason.KEY)
            elif pressed.key == "*":
                self._pauses.key(tap)
            return
        if self._sales.key(pressed.outlet, pressed.key):
            return
        keypad = self._keypads[pressed.outlet]
        if keypad.checking:
            return
        typed = keypad.press(pressed.key, self._scribe.now)
        if typed == CANCEL:
            self._screens[pressed.outlet].go_on()
        elif typed is not None:
            self._codes.typed(tap, typed, self._sales.request)

    # ------------------------------------------------------------ after every event

    def _after(self) -> None:
        now = self._scribe.now
        for tap in self.taps.values():
            if faults.valve_disobeys(tap):
                self._fault(tap, FaultCode.VALVE_STUCK)
            if faults.meter_is_stuck(tap, now):
                self._fault(tap, FaultCode.METER_STUCK)
            if faults.draws_nothing(tap):
                self._fault(tap, FaultCode.NO_LOAD)
            self.sessions.keep_limits(tap)
            self.sessions.checkpoint(tap)
            if tap.faults:
                faults.clear_quiet(self._scribe, tap)
        self._note_idle_flow(now)
        self.link.tick()
        self._tell(now)
        self._show(now)
        self._scribe.tidy()

    def _note_idle_flow(self, now: int) -> None:
        if now - self._metered_at < self._commands.config.idle_readings_s * 1000:
            return
        self._metered_at = now
        for tap in self.taps.values():
            if tap.run is None and tap.registers != self.kept.registers.get(tap.number, tap.registers):
                self._scribe.note(Metered(outlet=tap.number, registers=dict(tap.registers)))

    def _tell(self, now: int) -> None:
        if not self.link.is_up:
            return
        for outlet, tap in self.taps.items():
            teller = self._tellers[outlet]
            if tap.known and teller.due(tap, self._commands.config, self._commands.watched_until, now):
                self.link.send(teller.tell(tap, self.link.number, now))

    def _show(self, now: int) -> None:
        for outlet, reason in self.sessions.declined.items():
            if outlet in self._screens:
                self._screens[outlet].declined(reason, self.sessions.declined_in.get(outlet), now)
        for outlet, ending in self.sessions.ended.items():
            if outlet in self._screens:
                self._screens[outlet].end(ending, now)
        self._sales.tick()
        self._codes.tick()
        self._renewing.tick()
        self.sessions.declined.clear()
        self.sessions.declined_in.clear()
        self.sessions.ended.clear()
        for outlet, screen in self._screens.items():
            keypad = self._keypads[outlet]
            keypad.fade(now)
            shown = screen.refresh(keypad, now, up=self.link.is_up, closed=self.sessions.closed)
            if shown is not None:
                self._scribe.act(shown)
