"""Would a start go through here? The very decision that a typed code will meet, made before there is a code."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Final

from msgspec.structs import replace

from coinslot.sessions.model import Session
from coinslot.settlement.authorize import look, plan
from coinslot.settlement.changes import Batch
from coinslot.settlement.codes.model import CodeRefusal, CodeRefused
from coinslot.settlement.codes.places import Keypad
from coinslot.settlement.payments.beginning import NOT_LONG
from coinslot.settlement.payments.unit import Pool, transaction
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import UNDECIDABLE
from coinslot.settlement.requests import Refusal, Refused, StartBatch, StartRequest
from coinslot.settlement.store import PostgresUnit
from coinslot.wire.ids import CustomerId, OperatorId

_OTHERWISE: Final = {
    "no_such_outlet": CodeRefusal.NO_SUCH_PLACE,
    "key_conflict": CodeRefusal.NO_SUCH_PLACE,
}
_LEAST_HELPFUL_LAST: Final = (
    *(CodeRefusal.NO_SUCH_CUSTOMER, CodeRefusal.ARREARS, CodeRefusal.NO_BALANCE, CodeRefusal.QUOTA),
    *(CodeRefusal.REAL_NAME, CodeRefusal.OUT_OF_HOURS, CodeRefusal.OFFLINE, CodeRefusal.FAULT),
    *(CodeRefusal.CLOSED, CodeRefusal.NO_TARIFF),
)
"""Of a room's keypads each may refuse in its own way: what is told is what the customer can do something about."""


class Judged:
    """At which keypads a start would go through now, and why not at the others."""

    def __init__(self, usable: Sequence[Keypad], refused: Sequence[CodeRefused]) -> None:
        self.usable = usable
        """Those that nobody uses now first."""
        self._refused = refused

    @property
    def refusal(self) -> CodeRefused:
        """Why it would go through nowhere."""
        rank = {reason: number for number, reason in enumerate(_LEAST_HELPFUL_LAST)}
        return min(
            self._refused,
            key=lambda one: rank.get(one.reason, len(rank)),
            default=CodeRefused(reason=CodeRefusal.NO_SUCH_PLACE),
        )


async def judge(
    pool: Pool,
    operator: OperatorId,
    customer: CustomerId,
    keypads: Sequence[Keypad],
    cap_minor: int | None = None,
) -> Judged:
    """Ask as a start would ask, each keypad as if it were the only one, and save nothing.

    A busy keypad is no reason: its user may have gone by the time. All of it is judged again when the code is typed.
    """
    requests = [
        StartRequest(
            operator=operator,
            customer=customer,
            terminal=keypad.terminal_id,
            outlet=keypad.outlet,
            key=f"judged:{keypad.terminal_id}:{keypad.outlet}",
            cap_minor=cap_minor,
        )
        for keypad in keypads
    ]
    idle: list[Keypad] = []
    busy: list[Keypad] = []
    refused: list[CodeRefused] = []
    async with transaction(pool, Purpose.CODE) as connection:
        await connection.execute(NOT_LONG)
        opened, uses = await look(PostgresUnit(connection), requests)
    for keypad, request, view in zip(keypads, requests, opened.views, strict=True):
        alone = StartBatch(
            Batch(now=opened.batch.now, terminals=opened.batch.terminals),
            [replace(view, busy=False)],
            deepcopy(opened.wallets),
            deepcopy(opened.counted),
        )
        try:
            [answer] = plan([request], alone, dict(uses))
        except UNDECIDABLE:
            answer = Refused(reason=Refusal.NO_TARIFF)
        if isinstance(answer, Session):
            (busy if view.busy else idle).append(keypad)
        else:
            refused.append(_told(answer))
    return Judged([*idle, *busy], refused)


def _told(answer: Refused) -> CodeRefused:
    word = answer.reason.value
    reason = _OTHERWISE.get(word) or CodeRefusal(word)
    balance_minor = answer.balance_minor if answer.arrears_minor is None else answer.arrears_minor
    return CodeRefused(
        reason=reason, needed_minor=answer.needed_minor, balance_minor=balance_minor, again_at=answer.again_at
    )
