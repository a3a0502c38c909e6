"""A session to try events on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from coinslot.sessions.decide import GIVE_UP_AFTER
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.wire.ids import ApplianceId, CommandId, CustomerId, OperatorId, SessionId, TerminalId

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def session(state: State = State.AUTHORIZED) -> Session:
    """Made at `NOW`, with a start that expires 17 s later; a promise by an offline code with the count 2."""
    return Session(
        operator=OperatorId("op"),
        id=SessionId("ses"),
        customer=CustomerId("cus"),
        appliance=ApplianceId("app"),
        terminal=TerminalId("trm"),
        outlet=0,
        state=state,
        command=CommandId("cmd"),
        request_key="key",
        request_hash=b"",
        currency="CNY",
        quote="{}",
        limits="{}",
        hold_principal_minor=300,
        hold_bonus_minor=200,
        link=1,
        expires_at_ms=15_000,
        expired_at=NOW + timedelta(seconds=17),
        give_up_at=NOW + GIVE_UP_AFTER,
        wake_at=NOW + timedelta(seconds=3),
        meter_spec="{}",
        token=2 if state is State.PROMISED else None,
        created_at=NOW,
    )
