"""The demo's server: at an address people can open, with the wall, and with a reviewer who believes everybody."""

from __future__ import annotations

import asyncio
import logging

from coinslot.app.demo_address import pick_port, seen_from_outside
from coinslot.app.demo_address import url as address
from coinslot.app.demo_house import HERE
from coinslot.app.demo_payments import DemoPayments
from coinslot.app.demo_wall import DemoWall
from coinslot.app.errors import Problem
from coinslot.app.installation import Installation
from coinslot.app.stack import Stack, StackOptions
from coinslot.engines.connect import UNANSWERED, Pool
from coinslot.people.real_names import approve_waiting

log = logging.getLogger(__name__)

_PORT_TRIES = 3
_REVIEW_S = 5.0
_REVIEWER = "demo:reviewer"


async def start_server(
    installation: Installation, wall: DemoWall, payments: DemoPayments, host: str, port: int | None
) -> tuple[Stack, str]:
    """The running server, and the address it is opened at. Problem when it cannot have its port."""
    tries_left = _PORT_TRIES if port is None else 1
    while True:
        tries_left -= 1
        chosen = port or pick_port(host)
        url = address(seen_from_outside(host), chosen)
        options = StackOptions(
            http_host=host,
            http_port=chosen,
            door=installation.door,
            keyring=wall.keyring,
            notifier=wall.phones,
            # On this machine alone each browser's own way here is the right one, through a tunnel too.
            public_url=url if wall.reachable else "",
            demo=True,
            webhook_networks=HERE,
            payments=payments.options(chosen, url),
            wall=lambda stack: wall.over(stack.pool),
        )
        try:
            stack = Stack(installation.database_url, installation.broker, options=options)
            return await stack.start(), url
        except Problem:
            # Somebody else was quicker: nobody asked for this very port, so another one will do.
            if not tries_left:
                raise


async def review_names(pool: Pool) -> None:
    """Approve each real name a few seconds after it was sent, until cancelled."""
    while True:
        try:
            async with pool.acquire() as connection:
                await approve_waiting(connection, _REVIEW_S, by=_REVIEWER)
        except UNANSWERED as error:
            log.warning("nobody reviews real names: %s", type(error).__name__)
        await asyncio.sleep(1.0)
