"""The keys of this installation's merchants: each for the one merchant that it belongs to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from coinslot.app.errors import Problem
from coinslot.app.merchant_kinds import WITHOUT_KEYS, Adapter
from coinslot.app.merchants_file import Entry, Wrong, read_merchants
from coinslot.app.settings import Settings
from coinslot.audit import Connection
from coinslot.engines.connect import open_pool
from coinslot.fleet.models import Operator
from coinslot.fleet.store import list_operators
from coinslot.payments.model import Merchant
from coinslot.payments.port import Provider
from coinslot.settlement.payments.merchants import every_merchant
from coinslot.wire.ids import OperatorId

_Account: TypeAlias = tuple[OperatorId, str, str, str]
"""Operator, provider, account, app: all have to agree."""


class Told(NamedTuple):
    """Keys and merchants that do not belong together: no reason not to start, but somebody has to know."""

    message: str
    remedy: str


class Merchants:
    """Adapters by merchant. They are found once `meet` has said whose they are."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = entries
        self._adapters: dict[_Account, Adapter] = {}

    def find(self, merchant: Merchant) -> Provider | None:
        """The adapter with this merchant's keys; None when there are none. See `settlement.payments.worker`."""
        return self._adapters.get((merchant.operator_id, merchant.provider, merchant.account, merchant.app))

    async def meet(self, connection: Connection) -> Sequence[Told]:
        """Say whose keys they are, by what the database has now; and what has no counterpart."""
        operators = await list_operators(connection)
        owners = {name: operator for operator in operators for name in (operator.name, operator.operator_id)}
        rows = await every_merchant(connection)
        told = [each for entry in self.entries for each in self._meet(entry, owners, rows)]
        names = {operator.operator_id: operator.name for operator in operators}
        return [*told, *(_without_keys(row, names) for row in rows if self._lacks_keys(row))]

    def close(self) -> None:
        """Give up every connection to a provider."""
        for entry in self.entries:
            entry.adapter.close_connections()

    def _meet(self, entry: Entry, owners: Mapping[str, Operator], rows: Sequence[Merchant]) -> Iterator[Told]:
        owner = owners.get(entry.operator)
        if owner is None:
            yield Told(
                f"{entry.label}: there is no such operator",
                "Correct `operator`, or make it with coinslot operator create; then start again.",
            )
            return
        self._adapters[owner.operator_id, entry.provider, entry.account, entry.app] = entry.adapter
        row = next(
            (row for row in rows if (row.provider, row.account) == (entry.provider, entry.account)), None
        )
        if row is None:
            app = f" --app {entry.app}" if entry.app else ""
            yield Told(
                f"{entry.label}: there are keys, but no such merchant",
                f"Run: coinslot operator merchant add {entry.provider} {entry.account}{app} "
                f"--name NAME --operator {owner.operator_id}",
            )
        elif row.operator_id != owner.operator_id:
            yield Told(
                f"{entry.label}: this merchant is another operator's, and the keys are not used",
                "Correct `operator` in the merchants file.",
            )
        elif row.app != entry.app:
            yield Told(
                f"{entry.label}: the merchant has the app {row.app or '(none)'}, the keys are for "
                f"{entry.app or '(none)'} and not used",
                "Correct `app` in the merchants file.",
            )

    def _lacks_keys(self, row: Merchant) -> bool:
        """Shut without keys is how one is left behind for good."""
        return row.active and row.provider not in WITHOUT_KEYS and self.find(row) is None


def load_merchants(settings: Settings, environment: Mapping[str, str] = os.environ) -> Merchants:
    """The merchants of the installation's file, none without one. Problem for the first thing that is wrong."""
    if settings.merchants_file is None:
        return Merchants()
    contents = read_merchants(settings.merchants_file, environment)
    for wrong in contents.wrong:
        raise _problem(wrong, len(contents.wrong))
    return Merchants(contents.entries)


async def meet(merchants: Merchants, database_url: str) -> Sequence[Told]:
    """`Merchants.meet` over a connection of its own. EngineError, and what a database raises that does not answer."""
    pool = await open_pool(database_url, max_size=1, application_name="coinslot merchants")
    try:
        async with pool.acquire() as connection:
            return await merchants.meet(connection)
    finally:
        await pool.close()


def _problem(wrong: Wrong, count: int) -> Problem:
    more = f" ({count - 1} more: see coinslot doctor)" if count > 1 else ""
    return Problem(f"`merchants_file`: {wrong.message}{more}", wrong.remedy)


def _without_keys(row: Merchant, names: Mapping[OperatorId, str]) -> Told:
    whose = names.get(row.operator_id, row.operator_id)
    return Told(
        f"{row.provider} {row.account} of {whose}: there is a merchant, but no keys for it here",
        "Add them to the merchants file and start again, or: coinslot operator merchant shut "
        f"{row.merchant_id} --operator {row.operator_id}",
    )
