"""Operators' agreements, kept in memory for the starts that read them, as long as they are not changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime

from coinslot.audit import Connection
from coinslot.sharing.choosing import Agreements
from coinslot.sharing.store import list_agreements
from coinslot.wire.ids import OperatorId

_MOST = 1_000
_CHANGED = "SELECT agreements_at, timezone FROM operator WHERE operator_id = $1"


class Known:
    """Agreements by operator and by the moment of their last change.

    The moment comes from the caller's own look at the operator, so nothing here can be out of date: after a change
    it is another moment, and a backup that is put back has its own.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[OperatorId, datetime], Agreements] = OrderedDict()

    async def of(
        self, connection: Connection, changed: Mapping[OperatorId, datetime]
    ) -> dict[OperatorId, Agreements]:
        """The agreements of these operators, by when each saw its last change; in the caller's transaction."""
        return {
            operator: self._known.get((operator, moment)) or await self._load(connection, operator)
            for operator, moment in changed.items()
        }

    async def _load(self, connection: Connection, operator: OperatorId) -> Agreements:
        """As they are now. A change may have come since the caller looked: so it is kept under its own moment, which
        is read before, and one that comes in between costs another look next time, never an old answer.
        """
        row = await connection.fetchrow(_CHANGED, operator)
        assert row is not None  # the caller has just seen it
        loaded = Agreements(row["timezone"], await list_agreements(connection, operator))
        self._known[operator, row["agreements_at"]] = loaded
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return loaded
