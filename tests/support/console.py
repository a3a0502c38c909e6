"""What the console's pages work with where there is no broker: nothing of theirs asks for one."""

from __future__ import annotations

from typing import cast

from coinslot.engines.connect import Pool
from coinslot.keyring import Keyring
from coinslot.people.notices import Notice, Recipient
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.web.live.board import LiveBoard
from coinslot.web.services import Services, TerminalDoor
from coinslot.web.streams import Streams


class Silent:
    """Nobody is told anything."""

    async def send(self, to: Recipient, notice: Notice) -> str:
        """See `people.notices.Notifier`."""
        raise AssertionError("the console sends no messages")


def console_services(pool: Pool, keyring: Keyring) -> Services:
    """Without a broker: whoever uses it fails."""

    async def no_broker() -> None:
        raise ConnectionError("there is none")

    async def send_nothing(_batches: object) -> None:
        raise AssertionError("the console starts no session")

    return Services(
        pool=pool,
        starter=Starter(PostgresBooks(pool), send_nothing),
        door=TerminalDoor(mqtt_host="", mqtt_port=0, tls=False, ca=None),
        check_broker=no_broker,
        keyring=keyring,
        notifier=Silent(),
        live=cast(LiveBoard, None),
        streams=Streams(),
    )
