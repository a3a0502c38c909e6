"""Random lives of a session against a model that knows only money and time."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from coinslot.sessions.decide import GIVE_UP_AFTER, PROMISE_LIFE, Act, Doubt, decide, extend, rest, tick
from coinslot.sessions.states import TRANSITIONS, Event, IllegalEvent, State
from tests.unit.sessions.build import NOW, session

LIMIT_S = 600


class Life(RuleBasedStateMachine):
    """The model: how much of the hold is where, and what a person has been asked to look at."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = NOW
        self.session = session()
        self.held = True
        self.settled = 0
        self.owed = 0
        self.doubts: list[Doubt] = []
        self.begun = False
        self.used_after_release = 0

    def _happens(self, event: Event) -> None:
        before = self.session
        try:
            after, effects = decide(before, event, self.now)
        except IllegalEvent:
            assert (before.state, event) not in TRANSITIONS
            assert self.session is before
            return
        if event in (Event.STARTED, Event.METERED) and not self.begun and after.live:
            self.begun = True
            after = extend(after, LIMIT_S, self.now)
        if before.state is State.RELEASED and event in (Event.STARTED, Event.METERED, Event.STOPPED):
            self.used_after_release = max(1, self.used_after_release + (event is Event.STARTED))
        self.session = after
        for effect in effects:
            match effect:
                case Act.SETTLE:
                    assert self.held, "nothing is captured from a hold that is gone"
                    self.held, self.settled = False, self.settled + 1
                case Act.RELEASE | Act.LAPSE:
                    assert self.held, "no hold goes back twice"
                    self.held = False
                case Act.SETTLE_LATE:
                    assert not self.held
                    self.owed += 1
                case Doubt():
                    self.doubts.append(effect)
                case Act.SEND_STOP:
                    assert self.session.stop_asked_at is not None or not self.session.live
                case _:
                    assert self.session.live

    @rule(event=st.sampled_from(Event))
    def something_happens(self, event: Event) -> None:
        self._happens(event)

    @rule(seconds=st.sampled_from([0, 1, 5, 17, 60, 3_600, 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        due = tick(self.session, self.now)
        if isinstance(due, Event):
            self._happens(due)
        elif due is not None:
            assert self.session.live
            self.session = rest(self.session, self.now)
            assert self.session.wake_at is not None
            assert self.session.wake_at >= self.now, "a repeated command does not repeat at once"

    @invariant()
    def the_hold_is_there_while_the_session_lives(self) -> None:
        assert self.held is self.session.live

    @invariant()
    def it_is_charged_at_most_once(self) -> None:
        assert self.settled + self.owed <= 1
        assert (self.settled == 1) is (self.session.state is State.SETTLED)
        assert (self.owed == 1) is (self.session.state is State.LATE)

    @invariant()
    def a_live_one_is_looked_at_by_its_deadline(self) -> None:
        session = self.session
        assert (session.wake_at is not None) is session.live
        if session.wake_at is not None and self.now <= session.give_up_at:
            assert session.wake_at <= max(session.give_up_at, self.now)

    @invariant()
    def an_end_has_its_moment(self) -> None:
        assert (self.session.settled_at is None) is self.session.live

    @invariant()
    def use_after_a_release_is_shown_to_a_person_once(self) -> None:
        assert self.doubts.count(Doubt.AFTER_RELEASE) == self.used_after_release


def test_silence_alone_ends_every_session_at_its_deadline() -> None:
    for begins in (False, True):
        one = session()
        now = NOW
        if begins:
            one = extend(decide(one, Event.STARTED, now).session, LIMIT_S, now)
        looks = 0
        while one.wake_at is not None:
            now = max(now, one.wake_at)
            due = tick(one, now)
            one = decide(one, due, now).session if isinstance(due, Event) else rest(one, now)
            looks += 1
            assert looks < 400, "it looks ever more rarely"
        limit = timedelta(seconds=LIMIT_S) if begins else timedelta()
        assert now == NOW + limit + GIVE_UP_AFTER
        assert one.state is (State.SETTLED if begins else State.RELEASED)


class Promise(Life):
    """A session that an offline code promises: as above, and its hold never goes back by silence."""

    def __init__(self) -> None:
        super().__init__()
        self.session = session(State.PROMISED)

    @rule(seconds=st.sampled_from([0, 1, 5, 17, 60, 3_600, 86_400]))
    def time_passes(self, seconds: int) -> None:
        was_live = self.session.live and not self.begun
        super().time_passes(seconds)
        assert self.session.live or not was_live, "a person or a record ends it, never time"

    @invariant()
    def nobody_waits_longer_than_a_day_to_be_told(self) -> None:
        if self.session.state is State.PROMISED and self.session.wake_at is not None:
            told = Doubt.OFFLINE_UNPROVED in self.doubts
            assert told or self.session.wake_at <= max(NOW + GIVE_UP_AFTER, self.now)


def test_a_promise_in_silence_is_burnt_from_its_end_on_and_shown_to_a_person_once_a_month() -> None:
    one, now = session(State.PROMISED), NOW
    one = rest(one, now)
    burns, doubts = [], []
    while now < NOW + GIVE_UP_AFTER + timedelta(days=31):
        assert one.wake_at is not None
        now = max(now, one.wake_at)
        due = tick(one, now)
        if isinstance(due, Event):
            one, effects = decide(one, due, now)
            doubts += [(effect, now) for effect in effects]
        else:
            assert due is Act.SEND_BURN
            burns.append(now)
            one = rest(one, now)
    assert burns[0] == NOW + PROMISE_LIFE
    assert burns[1] - burns[0] == timedelta(seconds=30)
    assert burns[-1] - burns[-2] == timedelta(minutes=10), "after a day more rarely"
    assert [effect for effect, _ in doubts] == [Doubt.OFFLINE_UNPROVED] * 2
    assert doubts[0][1] == NOW + GIVE_UP_AFTER
    assert one.state is State.PROMISED


def test_a_typed_code_whose_start_is_never_answered_is_a_promise_again() -> None:
    one = decide(session(State.PROMISED), Event.TYPED, NOW).session
    one = decide(one, Event.SILENT, NOW + timedelta(seconds=17)).session
    late = one.give_up_at
    assert tick(one, late) is Event.RECALLED
    again, effects = decide(one, Event.RECALLED, late)
    assert (again.state, effects) == (State.PROMISED, ())
    assert tick(again, late) is Event.UNPROVED


TestPromise = Promise.TestCase
TestPromise.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestLife = Life.TestCase
TestLife.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
