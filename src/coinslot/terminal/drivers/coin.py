"""An appliance that is paid through its own coin input: we are its coin acceptor.

A washer or dryer counts pulses where its coin acceptor was. "Open" and the credits of the session make one train of
pulses, on a thread that does nothing else; a busy line, mostly the lamp or the door lock, says whether it runs.

No credit is ever given twice. A train that was cut by a loss of power or by a shut valve is not taken up again: the
appliance then has too few credits and does not start, and the outlet tells that as a fault, so that a person looks
at it and the customer is not charged for a run that never was.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import Enum, auto

from coinslot.terminal.drivers.gpio import InputLine, Opener, OutputLine, open_lines
from coinslot.terminal.drivers.tables import CoinTable, Output
from coinslot.wire.registers import Register, Registers

log = logging.getLogger(__name__)

JOIN_S = 3.0


class Stage(Enum):
    """Where a paid run is."""

    IDLE = auto()
    """Shut."""
    PAYING = auto()
    """Pulses are going out."""
    PAID = auto()
    """All of them are out; nobody has pressed start yet."""
    RUNNING = auto()
    """The appliance is busy."""
    OVER = auto()
    """It was busy, and rests."""
    SHORT = auto()
    """It was not given what was paid for, or does not start with it."""


class Train:
    """One train of pulses on a thread of its own; whole pulses only, and none before the train ahead has ended."""

    def __init__(self, line: OutputLine, table: CoinTable, credits: int, ahead: Train | None) -> None:
        self._line, self._table, self._ahead = line, table, ahead
        self.pulses = credits * table.pulses
        self.sent = 0
        self.error: OSError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="coin", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """No further pulse; one that is going out is finished. Does not wait for that."""
        self._stop.set()

    def join(self) -> None:
        """Wait until the line rests."""
        self._thread.join(JOIN_S)

    @property
    def ended(self) -> bool:
        """Whether no more pulses will come."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        if self._ahead is not None:
            self._ahead.join()
            self._ahead = None
        try:
            for _ in range(self.pulses):
                if self._stop.is_set():
                    return
                self._line.set(active=True)
                time.sleep(self._table.width_ms / 1000)  # never cut short: half a pulse is none, or two
                self._line.set(active=False)
                self.sent += 1
                self._stop.wait(self._table.gap_ms / 1000)
        except OSError as error:
            self.error = error
            log.error("the coin line failed after %d of %d pulses: %s", self.sent, self.pulses, error)


class CoinOutput:
    """Valve, meter and credits of one such outlet."""

    def __init__(
        self,
        table: CoinTable,
        opener: Opener = open_lines,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._table, self._now_ns = table, now_ns
        self._line = OutputLine(Output(line=table.line, chip=table.chip, active_low=table.active_low), opener)
        self._busy = None if table.busy is None else InputLine(table.busy, opener)
        self._stage = Stage.IDLE
        self._train: Train | None = None
        self._credits = 0
        self._before = (Stage.PAID, 0)
        """Stage and credits when it was last shut; of a program that has just begun nothing is known."""
        self._used = 0
        self._since_ns = 0
        self._why = ""

    @property
    def stage(self) -> Stage:
        """As of the last look."""
        return self._stage

    # ---- valve

    def open(self) -> None:
        """A session begins, or goes on after a pause or a loss of power. Without `pay` nothing is given."""
        stage, self._credits = self._before
        if stage is Stage.SHORT:
            self._short("the train of pulses was cut by a shut valve; see what the appliance shows")
        else:
            self._become(stage)

    def pay(self, credits: int) -> None:
        """Give the credits of the session that was just opened. OSError when they are too many."""
        if not 1 <= credits <= self._table.most_credits:
            self._short(f"{credits} credits are not between 1 and most_credits = {self._table.most_credits}")
            raise OSError(self._why)
        self._credits = credits
        self._train = Train(self._line, self._table, credits, self._train)
        self._become(Stage.PAYING)
        self._train.start()

    def shut(self) -> None:
        """No more pulses. What runs in the appliance goes on: a coin cannot be taken back."""
        if self._train is not None:
            self._train.stop()
        if self._stage is Stage.PAYING:
            self._look_at_train()  # it may have been complete
        if self._stage is not Stage.IDLE:
            cut = self._stage in (Stage.PAYING, Stage.SHORT)
            self._before = (Stage.SHORT if cut else self._stage, self._credits)
        self._become(Stage.IDLE)

    def state(self) -> bool | None:
        """It has no say: an appliance that finishes what was paid is no valve that is stuck."""
        return None

    # ---- meter

    def read(self) -> Registers:
        """Credits used so far: those of a run count when it is over. OSError where credits did not arrive."""
        self._look()
        if self._stage is Stage.SHORT:
            raise OSError(self._why)
        return {Register.COUNT: self._used}

    def busy(self) -> bool | None:
        """The busy line now, None where there is none."""
        return None if self._busy is None else self._busy.active()

    def close(self) -> None:
        """No more pulses, and the lines given back."""
        self.shut()
        try:
            if self._train is not None:
                self._train.join()
        finally:
            self._line.close()
            if self._busy is not None:
                self._busy.close()

    # ---- stages

    def _look(self) -> None:
        match self._stage:
            case Stage.PAYING:
                self._look_at_train()
            case Stage.PAID:
                self._look_for_start()
            case Stage.RUNNING:
                self._look_for_end()
            case Stage.IDLE | Stage.OVER | Stage.SHORT:
                pass

    def _look_at_train(self) -> None:
        train = self._train
        if train is None or not train.ended:
            return
        if train.sent < train.pulses:
            self._short(f"{train.sent} of {train.pulses} pulses went out: {train.error}")
        elif self._busy is None:
            self._finish()
        else:
            self._become(Stage.PAID)

    def _look_for_start(self) -> None:
        if self._busy is None:
            # Opened without credits, after a loss of power: how many had gone out nobody knows.
            self._short("the power was lost while credits were given; see what the appliance shows")
        elif self._busy.active():
            self._become(Stage.RUNNING)
        elif self._waited_ms() > self._table.start_within_s * 1000:
            self._short(f"paid, but not running within {self._table.start_within_s} s")

    def _look_for_end(self) -> None:
        if self._busy is None or self._busy.active():
            self._since_ns = self._now_ns()
        elif self._waited_ms() >= self._table.settle_ms:
            self._finish()

    def _finish(self) -> None:
        # After a loss of power the number is not known here: the session then ends by its time limit.
        self._used += self._credits
        self._become(Stage.OVER)

    def _short(self, why: str) -> None:
        self._why = why
        self._become(Stage.SHORT)

    def _become(self, stage: Stage) -> None:
        self._stage, self._since_ns = stage, self._now_ns()

    def _waited_ms(self) -> int:
        return (self._now_ns() - self._since_ns) // 1_000_000
