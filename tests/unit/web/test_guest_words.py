"""What a guest's page is about, and what it says of a use that runs."""

from __future__ import annotations

from datetime import datetime

import pytest

from coinslot.payments.standing import Stand, Standing
from coinslot.sessions.states import State
from coinslot.settlement.fapiao import rules
from coinslot.settlement.payments.direct_rows import Outcome
from coinslot.tariffs import Quote, package_quote, parse_tariff
from coinslot.web.customer.fapiao import REASONS
from coinslot.web.guest.finding import Stage, stage_of
from coinslot.web.guest.live_text import Figures, figures_of, may_stop
from coinslot.web.live.views import LiveView
from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register
from tests.unit.sessions.build import session

NIGHT = datetime(2026, 11, 22, 22, 0)
TARIFF = parse_tariff(
    '{"currency": "CNY", "hold": "5.00", "rates": [{"register": "wh", "per": 1000, "price": "2.00"}], "packages": ['
    '{"id": "30min", "title": "30 min", "price": "5.00", "s": 1800}, {"id": "use", "title": "Use", "deposit": "10.00"}]}'
)


def stand(standing: Standing) -> Stand:
    return Stand(standing=standing, attempt=None, given_back=())


@pytest.mark.parametrize(
    ("standing", "outcome", "given_up", "stage"),
    [
        (Standing.WAITING, None, False, Stage.WAITING),
        (Standing.MAKING, None, False, Stage.WAITING),
        (Standing.WAITING, Outcome.DROPPED, False, Stage.ENDING),
        (Standing.ENDING, None, False, Stage.ENDING),
        (Standing.CHOOSING, None, False, Stage.EXPIRED),
        (Standing.EXPIRED, Outcome.EXPIRED, False, Stage.EXPIRED),
        (Standing.REVIEW, None, False, Stage.REVIEW),
        (Standing.PAID, None, False, Stage.STARTING),
        (Standing.PAID, Outcome.REFUNDED, True, Stage.NOT_STARTED),
    ],
)
def test_without_a_use(standing: Standing, outcome: Outcome | None, given_up: bool, stage: Stage) -> None:
    assert stage_of(stand(standing), outcome, None, given_up=given_up) is stage


@pytest.mark.parametrize("state", list(State))
def test_with_a_use_its_state_decides(state: State) -> None:
    found = stage_of(stand(Standing.PAID), Outcome.STARTED, session(state=state), given_up=False)
    expected = {
        State.SETTLED: Stage.FINISHED,
        State.RELEASED: Stage.NOT_STARTED,
        State.LATE: Stage.NOT_STARTED,
    }
    assert found is expected.get(state, Stage.LIVE)


def view(usage: dict[Register, int], *, duration_ms: int, hold_minor: int = 5_00) -> LiveView:
    return LiveView(
        session="ses_1",
        state=State.RUNNING,
        currency="CNY",
        usage=usage,
        charge_minor=0,
        hold_minor=hold_minor,
        limit=Limits(ml=1, s=1, wh=1, count=1, idle_s=1),
        duration_ms=duration_ms,
        flow_ml_per_min=None,
        valve_open=None,
        sensors={},
        at=None,
        online=True,
        stop_asked=False,
        doubted=False,
    )


def quote(number: int) -> Quote:
    package = TARIFF.packages[number]
    return package_quote(TARIFF, package, tariff_id="t", version=1, started_local=NIGHT)


def test_a_price_is_paid_whole_and_a_deposit_gives_back_what_was_not_used() -> None:
    third = figures_of(view({Register.WH: 150, Register.S: 590}, duration_ms=600_000), quote(0))
    assert third == Figures(cost_minor=5_00, back_minor=0, left_ms=1_200_000, percent=33)
    over = figures_of(view({Register.WH: 900, Register.S: 1900}, duration_ms=1_900_000), quote(0))
    assert over == Figures(cost_minor=5_00, back_minor=0, left_ms=0, percent=100)
    by_use = figures_of(view({Register.WH: 500}, duration_ms=60_000, hold_minor=10_00), quote(1))
    assert by_use == Figures(cost_minor=1_00, back_minor=9_00, left_ms=None, percent=10)


@pytest.mark.parametrize(
    ("package", "state", "asked", "may"),
    [
        (0, State.AUTHORIZED, False, True),
        (0, State.RUNNING, False, False),  # else a package would be sold by the minute
        (1, State.RUNNING, False, True),
        (1, State.RUNNING, True, False),
        (1, State.SETTLED, False, False),
    ],
)
def test_what_was_bought_for_a_price_is_ended_at_the_appliance(
    package: int, state: State, asked: bool, may: bool
) -> None:
    assert may_stop(state, quote(package), asked=asked) is may


def test_every_reason_against_a_fapiao_has_a_sentence_for_people() -> None:
    assert len(REASONS) == len(rules.REASONS) == len(set(REASONS))
