"""Word that what an operator sells has changed, for whoever tells the appliances."""

from __future__ import annotations

from coinslot.audit import Connection
from coinslot.wire.ids import OperatorId

MENU_CHANGED = "menu_changed"
"""The database's channel; what is said on it is an operator's id. Heard once the change is committed."""


async def offers_changed(connection: Connection, operator_id: OperatorId) -> None:
    """Tariffs, outlets or accounts to be paid into have changed. In the transaction of the change."""
    await connection.execute("SELECT pg_notify($1, $2)", MENU_CHANGED, operator_id)
