"""Coin pulses: exactly what was paid for goes out, once, and a run is judged by the busy line."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from coinslot.terminal.drivers.coin import CoinOutput, Stage
from coinslot.terminal.drivers.tables import CoinTable, Input
from coinslot.wire.registers import Register
from tests.unit.terminal.drivers.played import Now, PlayedChip

WASHER = CoinTable(
    line=17,
    pulses=2,
    width_ms=2,
    gap_ms=3,
    most_credits=9,
    busy=Input(line=27),
    start_within_s=60,
    settle_ms=3_000,
)


class Laundry:
    """One washer, its wires and a clock."""

    def __init__(self, table: CoinTable = WASHER) -> None:
        self.chip, self.now = PlayedChip(), Now()
        self.table = table
        self.coin = CoinOutput(table, self.chip, self.now)

    def pay(self, credits: int) -> None:
        self.coin.open()
        self.coin.pay(credits)

    def paid(self) -> None:
        """Until the last pulse is out."""
        train = self.coin._train
        assert train is not None
        train._thread.join(2)

    def runs(self, *, busy: bool) -> None:
        self.chip.high[27] = busy

    def used(self) -> int:
        return self.coin.read()[Register.COUNT]

    @property
    def pulses(self) -> list[tuple[float, float]]:
        """(width, gap before) of each pulse, in seconds."""
        moments = [(at, active) for at, line, active in self.chip.driven if line == 17][1:]
        out, ended = [], moments[0][0] if moments else 0.0
        for (up, active), (down, _) in zip(moments[::2], moments[1::2], strict=False):
            assert active
            out.append((down - up, up - ended))
            ended = down
        return out


def test_each_credit_is_its_pulses_with_their_width_and_gap() -> None:
    laundry = Laundry()
    laundry.pay(4)
    laundry.paid()
    widths, gaps = zip(*laundry.pulses, strict=True)
    assert len(widths) == 8
    assert min(widths) >= 0.002
    assert min(gaps[1:]) >= 0.003
    assert laundry.chip.outputs() == {17: False}


def test_a_run_is_paid_started_busy_and_over_and_counts_its_credits_at_the_end() -> None:
    laundry = Laundry()
    laundry.pay(3)
    laundry.paid()
    assert (laundry.used(), laundry.coin.stage) == (0, Stage.PAID)
    laundry.runs(busy=True)
    assert (laundry.used(), laundry.coin.stage) == (0, Stage.RUNNING)
    laundry.runs(busy=False)
    laundry.now.after(2_999)
    assert laundry.used() == 0, "a lamp that blinks is no end"
    laundry.runs(busy=True)
    laundry.used()
    laundry.runs(busy=False)
    laundry.now.after(3_000)
    assert (laundry.used(), laundry.coin.stage) == (3, Stage.OVER)


def test_an_appliance_that_does_not_start_with_what_was_paid_is_a_fault_and_counts_nothing() -> None:
    laundry = Laundry()
    laundry.pay(3)
    laundry.paid()
    laundry.used()
    laundry.now.after(60_001)
    with pytest.raises(OSError, match="not running within 60 s"):
        laundry.used()
    laundry.coin.shut()
    assert laundry.used() == 0


def test_a_train_that_was_cut_is_never_taken_up_again() -> None:
    laundry = Laundry(replace(WASHER, gap_ms=5_000))
    laundry.pay(5)
    laundry.coin.shut()
    laundry.paid()
    cut = len(laundry.pulses)
    assert cut <= 1
    laundry.coin.open()
    with pytest.raises(OSError, match="cut by a shut valve"):
        laundry.used()
    assert len(laundry.pulses) == cut


def test_the_next_customers_pulses_wait_until_the_cut_trains_last_one_is_over() -> None:
    laundry = Laundry(replace(WASHER, width_ms=20))
    laundry.pay(5)
    laundry.coin.shut()
    laundry.pay(1)
    laundry.paid()
    widths = [width for width, _ in laundry.pulses]
    assert len(widths) in (2, 3), "at most one of the train that was cut, and two of the new one"
    assert min(widths) >= 0.02


def test_after_a_loss_of_power_nothing_is_given_again_and_the_busy_line_tells_what_became_of_it() -> None:
    laundry = Laundry()
    laundry.coin.open()  # a new program goes on with a session of the one before
    laundry.runs(busy=True)
    laundry.used()
    assert (laundry.coin.stage, laundry.pulses) == (Stage.RUNNING, [])
    stuck = Laundry()
    stuck.coin.open()
    stuck.used()
    stuck.now.after(60_001)
    with pytest.raises(OSError, match="paid, but not running"):
        stuck.used()
    blind = Laundry(replace(WASHER, busy=None))
    blind.coin.open()
    with pytest.raises(OSError, match="power was lost"):
        blind.used()


def test_a_pause_changes_nothing_for_an_appliance_that_runs() -> None:
    laundry = Laundry()
    laundry.pay(2)
    laundry.paid()
    laundry.used()
    laundry.runs(busy=True)
    laundry.used()
    laundry.coin.shut()
    laundry.coin.open()
    assert (laundry.coin.stage, len(laundry.pulses)) == (Stage.RUNNING, 4)
    laundry.runs(busy=False)
    laundry.now.after(3_000)
    assert laundry.used() == 2


def test_more_credits_than_anybody_feeds_are_refused_before_the_first_pulse() -> None:
    laundry = Laundry()
    laundry.coin.open()
    with pytest.raises(OSError, match="most_credits = 9"):
        laundry.coin.pay(2**53 - 1)
    with pytest.raises(OSError, match="most_credits"):
        laundry.used()
    assert laundry.pulses == []


def test_without_a_busy_line_the_credits_are_the_use() -> None:
    laundry = Laundry(replace(WASHER, busy=None))
    laundry.pay(2)
    laundry.paid()
    assert laundry.used() == 2


def test_a_line_that_fails_in_mid_train_is_a_fault() -> None:
    laundry = Laundry(replace(WASHER, gap_ms=100))
    laundry.pay(3)
    laundry.chip.broken = True
    laundry.paid()
    laundry.chip.broken = False
    with pytest.raises(OSError, match=r"\d of 6 pulses went out"):
        laundry.used()
