"""What is kept no longer than it serves: codes that were sent, logins that are over, answers told twice, what was given
for fapiao that were issued."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from coinslot.engines.connect import UNANSWERED, Pool
from coinslot.people.logins import forget_old_codes
from coinslot.settlement.codes.aging import forget_old_keypad_codes
from coinslot.settlement.fapiao.asking import forget_old_requests
from coinslot.web.api.once import forget_old_answers
from coinslot.webhooks.deliveries import forget_old_deliveries

log = logging.getLogger(__name__)

_EVERY_S: Final = 3600.0
_AGAIN_S: Final = 60.0


async def keep_forgetting(pool: Pool) -> None:
    """Forget what is due every hour, until cancelled. Any number of processes may do so at once."""
    while True:
        try:
            async with pool.acquire() as connection:
                gone = await forget_old_codes(connection) + await forget_old_answers(connection)
                await forget_old_deliveries(connection)
                await forget_old_requests(connection)
                await forget_old_keypad_codes(connection)
        except UNANSWERED as error:
            log.warning("old codes are not forgotten yet: %s", error or type(error).__name__)
            await asyncio.sleep(_AGAIN_S)
            continue
        if gone:
            log.info("%d old codes, logins and answers are forgotten", gone)
        await asyncio.sleep(_EVERY_S)
