"""Guests of a replay: each pays for one use on the appliance, with a phone, at a provider's sandbox of the replay's own."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
from msgspec import Struct

from coinslot.app.demo_address import free_port, url
from coinslot.app.demo_payments import DemoPayments
from coinslot.app.seed import BY
from coinslot.app.stack import StackOptions
from coinslot.engines.connect import Pool, open_pool
from coinslot.fleet.models import Operator
from coinslot.fleet.store import create_operator
from coinslot.keyring import Keyring
from coinslot.sandbox.replay.player import Player, Stalled
from coinslot.sandbox.replay.recordings import Recording
from coinslot.wire.ids import OperatorId, SessionId, new_id

PROVIDERS: Final = ("wechat", "alipay")
"""Guests take them in turn."""
_LOOK_S: Final = 0.1
_HOST: Final = "127.0.0.1"
_OPEN = "SELECT count(*) FROM refund WHERE operator_id = $1 AND state <> 'succeeded'"
_DUE = "SELECT count(*) FROM session WHERE operator_id = $1 AND intent_id IS NOT NULL AND rest_at IS NULL"
_REFUNDED = """
    SELECT coalesce(sum(amount_minor), 0)::bigint FROM refund WHERE operator_id = $1 AND state = 'succeeded'
"""


class Guests(Struct, frozen=True, kw_only=True):
    """Who pays on the appliance, and where."""

    operator: Operator
    package: str
    http: httpx.AsyncClient
    """The guests' phones; relative addresses are the sandbox's."""
    patience_s: float

    async def buys(self, player: Player, number: int, recording: Recording) -> SessionId:
        """Choose on the appliance, pay with a phone, see it start. Stalled when it does not come so far."""
        code = await player.chooses(self.package, PROVIDERS[number % len(PROVIDERS)])
        try:
            paid = await self.http.post(f"/sandbox/orders/{code.rpartition('/')[2]}/pay")
            paid.raise_for_status()
        except httpx.HTTPError as error:
            raise Stalled(f"the provider, for use {recording.event_id}: {type(error).__name__}") from error
        return await player.started()

    async def refunded(self, pool: Pool) -> int:
        """What went back to payers, once nothing more is due, or as it is when that does not come. Minor units."""
        own = self.operator.operator_id
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.patience_s):
                # No event tells of a refund's end.
                while await pool.fetchval(_DUE, own) or await pool.fetchval(_OPEN, own):  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)
        return int(await pool.fetchval(_REFUNDED, own))


@contextlib.asynccontextmanager
async def open_guests(
    database_url: str, folder: Path, *, package: str, currency: str, patience_s: float
) -> AsyncIterator[tuple[Guests, StackOptions]]:
    """Guests with phones, providers beside the server, and how that has to be started."""
    async with DemoPayments(folder, _HOST) as payments:
        pool = await open_pool(database_url, max_size=1)
        try:
            async with pool.acquire() as connection:
                operator = await create_operator(
                    connection,
                    name=f"Replay {new_id('run')[4:]}",
                    currency=currency,
                    timezone="UTC",
                    by=BY,
                )
                await payments.seed(connection, OperatorId(operator.operator_id))
        finally:
            await pool.close()
        port = free_port(_HOST, 0)
        options = StackOptions(
            http_host=_HOST,
            http_port=port,
            keyring=Keyring(secrets.token_urlsafe(32)),
            payments=payments.options(port, url(_HOST, port)),
        )
        async with httpx.AsyncClient(base_url=payments.url, timeout=patience_s) as http:
            yield (
                Guests(operator=operator, package=package, http=http, patience_s=patience_s),
                options,
            )
